"""The slot and the rate limits of the present request.

Rule: refused before anything of the body is read, a stream as soon as the body asks for one. Which
request needs a slot or has limits, its view declares.
"""

from __future__ import annotations

from typing import cast

from flask import Response, g, request

from proxy.access.limits.identity import client_address, client_identity
from proxy.access.limits.kinds import STREAMS
from proxy.access.limits.limiter import Ticket
from proxy.api.cleanup import on_request_end
from proxy.api.context import credential_headers, record, runtime
from proxy.telemetry.request_record import RequestRecord, total_input


def take_slot() -> None:
    """Take a slot of this worker until the answer is over; raises ``Overloaded``."""
    admission = runtime().admission
    admission.enter()
    on_request_end(admission.leave)


def limit_client(*, spends: bool, dynamic: bool) -> None:
    """Count the request against its client's limits; ``spends``: it may use tokens.

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
    """Count a stream until the answer is over; raises ``RateLimited`` or ``LimitsUnknown``."""
    ticket = _ticket()
    if ticket is not None:
        ticket.take(STREAMS)


def add_limit_headers(response: Response) -> None:
    """Charge the tokens of a whole answer, and name the limits in its headers.

    This proxy's limits replace an upstream's of the same name.
    """
    ticket = _ticket()
    if ticket is None:
        return
    response.headers.update(ticket.headers)
    if not (response.is_streamed or record().has_pending_estimates):
        ticket.charge(spent_tokens(record()))


def _close(ticket: Ticket, finished: RequestRecord) -> None:
    """Charge what is not charged yet and end the stream, when the answer is over."""
    ticket.charge(spent_tokens(finished))
    ticket.close()


def spent_tokens(finished: RequestRecord) -> int:
    """All tokens in and out of all its calls, cached ones too, as reported or estimated."""
    usage = finished.usage
    own = 0 if usage is None else total_input(usage) + (usage.get("output_tokens") or 0)
    return own + sum(map(spent_tokens, finished.earlier))


def _ticket() -> Ticket | None:
    return None if runtime().limiter is None else cast(Ticket | None, g.get("ticket"))
