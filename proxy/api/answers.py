"""The responses that views return, and the call each of them answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import orjson
from flask import Response, request

from config.registry import Provider
from proxy import sse
from proxy.api.context import credential_headers, record, runtime
from proxy.auth import upstream_key
from proxy.call import Call
from proxy.exchange import Exchange
from proxy.logs import log_access, log_body
from proxy.relay import relay_message
from proxy.reply_stream import open_reply
from proxy.routing import Route


def json_response(body: object, status: int = 200) -> Response:
    """``body`` as JSON."""
    return Response(orjson.dumps(body), status, content_type="application/json")


def begin_call(message_request: Mapping[str, Any], route: Route) -> Call:
    """The call for a validated request; raises ``AuthenticationFailed`` without a key to send."""
    shared, access = runtime(), record()
    access.client_model = message_request["model"]
    access.upstream_model = route.model
    access.provider = route.provider.name
    access.stream = message_request.get("stream") is True
    return Call(
        request=message_request,
        route=route,
        key=credential(route.provider),
        settings=shared.settings,
        client=shared.client,
        learned=shared.learned,
        exchange=Exchange(shared.settings.total_timeout),
        record=access,
        answer_headers={},
    )


def credential(provider: Provider) -> str | None:
    """The key that goes to ``provider`` (docs/features.md "Modes and authentication")."""
    return upstream_key(
        credential_headers(), provider_key=provider.api_key, auth_keys=runtime().settings.auth_keys
    )


@contextmanager
def watched(exchange: Exchange) -> Iterator[None]:
    """Notice while this runs that the client left or a limit is over."""
    watch = runtime().watch
    watch.enter(exchange, request.environ.get("gunicorn.socket"))
    try:
        yield
    finally:
        watch.leave(exchange)


def message_response(call: Call) -> Response:
    """The whole message that answers ``call``."""
    with watched(call.exchange):
        message = relay_message(call)
    response = json_response(message)
    response.headers.update(call.answer_headers)
    shown = call.settings.log_body_max_chars
    log_body("answer body", call.record.request_id, response.data, shown)
    return response


def stream_response(call: Call) -> Response:
    """The event stream that answers ``call``, its first events at hand."""
    watch = runtime().watch
    with ExitStack() as unless_streaming:
        watch.enter(call.exchange, request.environ.get("gunicorn.socket"))
        unless_streaming.callback(watch.leave, call.exchange)
        body = open_reply(call, _end_of(call))
        unless_streaming.pop_all()
    response = Response(body, direct_passthrough=True)
    response.headers.update(sse.HEADERS)
    response.headers.update(call.answer_headers)
    return response


def _end_of(call: Call) -> Callable[[], None]:
    watch = runtime().watch

    def ended() -> None:
        watch.leave(call.exchange)
        log_access(call.record)

    return ended
