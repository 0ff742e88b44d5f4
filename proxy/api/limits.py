"""The slot and the rate limits of the present request.

Rule: a request is refused before its body is read; a stream is refused once the body was read, since the
body asks for it. The view declares whether a request needs a slot and has limits.
"""

from __future__ import annotations

from typing import cast

from flask import Response, g, request
from greenlet import getcurrent

from proxy.access.limits.identity import client_address, client_identity
from proxy.access.limits.kinds import STREAMS
from proxy.access.limits.limiter import Ticket
from proxy.api.cleanup import on_request_end
from proxy.api.context import credential_headers, record, runtime
from proxy.telemetry.request_record import RequestRecord, total_input


def take_slot() -> None:
    """Take a slot of this worker until the answer ends; raises ``Overloaded`` if none is free."""
    admission, holder = runtime().admission, getcurrent()
    admission.enter(holder)
    on_request_end(admission.leave, holder)


def limit_client(*, spends: bool, dynamic: bool) -> None:
    """Count the request against the limits of its client; ``spends``: it may use tokens.

    Raises ``RateLimited`` or ``LimitsUnknown``.
    """
    shared = runtime()
    if shared.limiter is None:
        return
    peer, sent = request.remote_addr, request.headers.get("x-forwarded-for")
    client = client_identity(
        credential_headers(),
        shared.auth_keys,
        client_address(peer, sent),
        dynamic=dynamic,
        server_key=shared.has_server_key and not shared.auth_keys,
    )
    ticket = g.ticket = shared.limiter.ticket(client, spends=spends)
    on_request_end(_close, ticket, record())
    ticket.begin()


def limit_stream() -> None:
    """Count a stream until the answer ends; raises ``RateLimited`` or ``LimitsUnknown``."""
    ticket = _ticket()
    if ticket is not None:
        ticket.take(STREAMS)


def add_limit_headers(response: Response) -> None:
    """Count the tokens of a whole answer, and add the limits as headers.

    A header of this proxy replaces one of an upstream with the same name.
    """
    ticket = _ticket()
    if ticket is None:
        return
    response.headers.update(ticket.headers)
    if not (response.is_streamed or record().has_pending_estimates):
        ticket.charge(spent_tokens(record()))


def _close(ticket: Ticket, finished: RequestRecord) -> None:
    """Count the remaining tokens and end the stream, at the end of the answer."""
    ticket.charge(spent_tokens(finished))
    ticket.close()


def spent_tokens(finished: RequestRecord) -> int:
    """The input and output tokens of all upstream calls, including cached ones, reported or estimated."""
    usage = finished.usage
    own = 0 if usage is None else total_input(usage) + (usage.get("output_tokens") or 0)
    return own + sum(map(spent_tokens, finished.earlier))


def _ticket() -> Ticket | None:
    return None if runtime().limiter is None else cast(Ticket | None, g.get("ticket"))
