"""The answers of native upstreams, for the views that may have one.

Rule: a native upstream judges the request itself; here it must only be a JSON object whose model
can be routed (docs/protocol.md section 8).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from flask import Response, request

from config.urls import MESSAGES
from proxy.api.candidates import credential
from proxy.api.context import record, runtime
from proxy.api.responses import begin_call, response_for
from proxy.errors import InvalidRequest, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.providers.routing import Route
from proxy.relay.answer import Answer
from proxy.relay.cancellation import Exchange
from proxy.relay.input_estimate import body_estimate
from proxy.relay.native.open import open_native
from proxy.relay.native.request import NativeCall, Sent, endpoint_url, message_call, native_headers
from proxy.relay.upstream_call import UpstreamCall
from proxy.schemas.body import parse_json_object

LONGEST_MODEL = 256
"""Characters of a model's name, as for the other upstreams."""
NOT_COUNTED = frozenset({404, 405})
"""Statuses by which a native upstream says that it counts no tokens."""

Native = tuple[dict[str, Any], Route]


def native_request(body: bytes) -> Native | None:
    """The request in ``body`` and its route, where that leads to a native upstream.

    Raises ``InvalidRequest`` for a body that no upstream takes, ``NotFound`` for its model.
    """
    if not may_be_native():
        return None
    message_request = parse_json_object(body)
    route = native_route(message_request, body)
    return None if route is None else (message_request, route)


def may_be_native() -> bool:
    """Whether there is a native upstream at all, which a request could go to as it is."""
    return any(provider.direct for provider in runtime().registry.providers)


def native_route(message_request: dict[str, Any], body: bytes) -> Route | None:
    """The route to a native upstream of what was parsed from ``body``, which is not changed.

    Raises as ``native_request`` does.
    """
    model = message_request.get("model")
    if type(model) is not str:
        if not runtime().registry.default.direct:
            return None
        fault = "Field required" if model is None else "Input should be a valid string"
        raise InvalidRequest(f"model: {fault}")
    if len(model) > LONGEST_MODEL:
        # It stands in the log, in a header and among the remembered routes.
        raise InvalidRequest(f"model: String should have at most {LONGEST_MODEL} characters")
    route = runtime().router.choose(_routed_by(message_request), lambda: body_estimate(body))
    return route if route.native else None


def native_count(message_request: dict[str, Any], route: Route, body: bytes) -> Response | None:
    """The native upstream's count of tokens; None where it counts none."""
    call = begin_call(message_request, route)
    try:
        response = _answer(message_call(call, sent_request(body), f"{MESSAGES}/count_tokens"))
    except UpstreamError as error:
        if error.upstream_status in NOT_COUNTED:
            return None
        raise
    response.headers["x-token-counting"] = "upstream"
    return response


def lists_itself() -> bool:
    """Whether the models are those that the one upstream lists, which is native."""
    registry = runtime().registry
    return registry.default.direct and not registry.from_file


def native_get(endpoint: str) -> Response:
    """What the default upstream answers to a GET of ``endpoint``, a path behind its ``/v1``."""
    return native_answer(endpoint, None)


def native_answer(endpoint: str, body: bytes | None) -> Response:
    """What the default upstream, which is native, answers to this request as it is."""
    shared, access = runtime(), record()
    provider = shared.provider
    access.provider = provider.name
    sent, key = sent_request(body), credential(provider)
    seconds = provider.timeout_seconds
    upstream = UpstreamCall(
        method=sent.method,
        url=endpoint_url(provider, endpoint, sent.query),
        headers=native_headers(provider, key, sent, access.correlation_id, stream=False),
        body=body,
        client=shared.clients.for_provider(provider),
        exchange=Exchange(shared.settings.total_timeout),
        record=access,
        first_byte_seconds=seconds or shared.settings.first_byte_timeout,
        silence_seconds=seconds or shared.settings.request_timeout,
        secrets=provider.secrets,
    )
    return _answer(NativeCall(upstream))


def sent_request(body: bytes | None) -> Sent:
    """The present request as it goes to a native upstream, with ``body``."""
    return Sent(
        method="GET" if request.method == "HEAD" else request.method,
        headers=request.headers.to_wsgi_list(),
        query=request.query_string.decode("latin-1"),
        body=body,
    )


def _answer(call: NativeCall) -> Response:
    shared, exchange = runtime(), call.upstream.exchange
    watch = shared.watch

    def ended() -> None:
        watch.leave(exchange)
        shared.account(call.upstream.record)

    with ExitStack() as unless_streaming:
        watch.enter(exchange, request.environ.get("gunicorn.socket"))
        unless_streaming.callback(watch.leave, exchange)
        answer = _opened(call, ended)
        if answer.stream is not None:
            unless_streaming.pop_all()
    return response_for(answer)


def _opened(call: NativeCall, ended: Callable[[], None]) -> Answer:
    try:
        return open_native(call, ended)
    except UpstreamError as error:
        call.upstream.record.record_event("error", failure_kind(error))
        raise


def _routed_by(message_request: dict[str, Any]) -> dict[str, Any]:
    """What of an unchecked request a route may be decided by, and only what can be read."""
    known = {"model": message_request["model"]}
    for name, member in (("thinking", "type"), ("output_config", "effort")):
        value = message_request.get(name)
        if type(value) is dict and type(value.get(member)) is str:
            known[name] = value
    return known
