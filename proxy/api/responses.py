"""Creates the call for a request, and the response from its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any

import orjson
from flask import Response

from proxy.api.application import WholeResponse
from proxy.api.candidates import candidates_for
from proxy.api.cleanup import on_request_end
from proxy.api.context import present_request, record, runtime
from proxy.api.limits import limit_stream
from proxy.convert.reply.fallback_credit import asks_for_credit
from proxy.providers.routing import Route
from proxy.relay.answer import JSON, Answer
from proxy.relay.attempts import with_failover
from proxy.relay.call import Call, record_route
from proxy.relay.cancellation import Exchange
from proxy.relay.early_start import EarlyStream, answer_in_time
from proxy.telemetry.logs import log_body

ROUTE_HEADER = "x-claude-proxy-route"
"""The header with the route of an answer: ``PROVIDER/MODEL;reason=REASON``."""
_OF_PROTOCOL: Mapping[str, str] = {"responses": ";api=responses"}
"""What the route says of the protocol that the answer came by; nothing for the usual ones."""


def json_response(body: object, status: int = 200) -> Response:
    """``body`` as JSON."""
    return Response(orjson.dumps(body), status, content_type=JSON)


def begin_call(message_request: Mapping[str, Any], route: Route) -> Call:
    """The call for a validated request; raises ``AuthenticationFailed`` if there is no key to send."""
    shared, access = runtime(), record()
    access.client_model = message_request["model"]
    record_route(access, route)
    access.stream = message_request.get("stream") is True
    candidates = candidates_for(route)
    call = Call(
        request=message_request,
        route=route,
        key=candidates[0].keys.best(monotonic()),
        settings=shared.settings,
        client=shared.clients.for_provider(route.provider),
        learned=shared.learned,
        refused_images=shared.refused_images,
        refused_states=shared.refused_states,
        exchange=Exchange(shared.settings.total_timeout),
        record=access,
        answer_headers={},
        candidates=candidates,
        client_for=shared.clients.for_provider,
        deadline=monotonic() + shared.settings.failover_deadline,
        fallback_credit=asks_for_credit(present_request().environ.get("HTTP_ANTHROPIC_BETA")),
        client_agent=present_request().environ.get("HTTP_USER_AGENT", ""),
    )
    if access.tap is not None:
        access.tap.begin_call(call)
    return call


@contextmanager
def watched(exchange: Exchange) -> Iterator[None]:
    """Within the block, a disconnected client or a time limit cancels waits for the upstream."""
    watch = runtime().watch
    watch.enter(exchange, present_request().environ.get("gunicorn.socket"))
    try:
        yield
    finally:
        watch.leave(exchange)


def answered(call: Call, attempt: Callable[[], Answer]) -> Response:
    """The response with what ``attempt`` returns for the first route and key that succeed.

    A stream may begin before one succeeded. A streamed response stays watched until it calls the function
    that ``end_of`` returned, a whole one until the request ends.
    """
    if call.record.stream:
        limit_stream()
    watch = runtime().watch
    watch.enter(call.exchange, present_request().environ.get("gunicorn.socket"))
    try:
        answer = answer_in_time(call, lambda: with_failover(call, attempt), end_of(call))
        response = response_for(answer)
    except BaseException:
        watch.leave(call.exchange)
        raise
    # Also for a stream, because an exception may prevent its orderly end.
    on_request_end(watch.leave, call.exchange)
    if answer.stream is None:
        call.exchange.begun = True
    if call.answer_headers:
        response.headers.update(call.answer_headers)
    if len(call.candidates) == 1 or not isinstance(answer.stream, EarlyStream):
        # Otherwise a fallback may still answer.
        response.headers.add(
            ROUTE_HEADER, call.route.header + _OF_PROTOCOL.get(call.record.api, "")
        )
    shown = call.settings.log_body_max_chars
    if shown and answer.stream is None:
        log_body("answer body", call.record.request_id, response.data, shown)
    return response


def response_for(answer: Answer) -> Response:
    """``answer`` as a Flask response."""
    if answer.stream is None:
        response: Response = WholeResponse(answer.body, answer.status, content_type=JSON)
    else:
        response = Response(
            answer.stream, answer.status, content_type=JSON, direct_passthrough=True
        )
    if answer.headers:
        response.headers.update(answer.headers)
    return response


def end_of(call: Call) -> Callable[[], None]:
    """The function that a streamed answer calls when it ends."""
    shared = runtime()

    def ended() -> None:
        shared.watch.leave(call.exchange)
        shared.accounting.finish(call.record)

    return ended
