"""Whether the present request may go on: its slot in this worker, its client's rate limits.

Rule: refused before anything of the body is read, a stream as soon as the body asks for one. Who
asks no upstream needs neither slot nor limit: probes and statistics are always answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flask import Response, g, request

from proxy.access.limits.identity import client_address, client_identity
from proxy.access.limits.limiter import Ticket
from proxy.api.cleanup import on_request_end
from proxy.api.context import credential_headers, record, runtime
from proxy.telemetry.request_record import RequestRecord, total_input

ALWAYS_SERVED = frozenset({"health", "metrics", "openapi", "service", "stats"})
"""Blueprints whose views are quick and ask nobody."""
LIMITED: Mapping[str, bool] = {
    "messages.create_message": True,
    "native.relay": True,
    "connection.test_connection": True,
    "tokens.count_tokens": False,
    "models.list_models": False,
    "models.retrieve_model": False,
}
"""The endpoints that may ask an upstream, and whether that may cost tokens."""


def take_slot(blueprint: str | None) -> None:
    """Take a slot of this worker until the answer is over; raises ``Overloaded``."""
    if blueprint not in ALWAYS_SERVED:
        admission = runtime().admission
        admission.enter()
        on_request_end(admission.leave)


def limit_request(endpoint: str | None) -> None:
    """Count the request where its endpoint is limited; raises what ``limit_client`` raises.

    Dynamic routes have no endpoint: they call ``limit_client``, once their client may call.
    """
    tokens = LIMITED.get(endpoint or "")
    if tokens is not None:
        limit_client(tokens=tokens, dynamic=False)


def limit_client(*, tokens: bool, dynamic: bool) -> None:
    """Count the request against its client's limits; ``tokens``: whether it may cost any.

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
        anybody=shared.has_server_key and not shared.auth_keys,
    )
    ticket = g.ticket = shared.limiter.ticket(client, tokens=tokens)
    on_request_end(settle, ticket, record())
    ticket.take()


def limit_stream() -> None:
    """Count a stream until the answer is over; raises ``RateLimited`` or ``LimitsUnknown``."""
    ticket = _ticket()
    if ticket is not None:
        ticket.open_stream()


def tell_limits(response: Response) -> None:
    """Charge what a whole answer cost, and name the limits in its headers.

    Where both an upstream and this proxy have a limit of the same name, ours is told.
    """
    ticket = _ticket()
    if ticket is None:
        return
    response.headers.update(ticket.headers)
    if not (response.is_streamed or record().has_pending_estimates):
        ticket.charge(spent_tokens(record()))


def settle(ticket: Ticket, access: RequestRecord) -> None:
    """Charge what is not charged yet and end the stream, when the answer is over."""
    ticket.charge(spent_tokens(access))
    ticket.close()


def spent_tokens(access: RequestRecord) -> int:
    """All tokens in and out of all its calls, cached ones too, as reported or estimated."""
    usage = access.usage
    told = 0 if usage is None else total_input(usage) + (usage.get("output_tokens") or 0)
    return told + sum(map(spent_tokens, access.earlier))


def _ticket() -> Ticket | None:
    return None if runtime().limiter is None else cast(Ticket | None, g.get("ticket"))
