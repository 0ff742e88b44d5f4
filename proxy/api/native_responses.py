"""Requests to native upstreams and their answers, for all views that may have a native route.

Rule: a native upstream validates the request itself; this proxy only requires a JSON object whose
model can be routed (docs/protocol.md section 8).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from flask import Response

from config.urls import MESSAGES
from proxy.api.candidates import credential
from proxy.api.cleanup import on_request_end
from proxy.api.context import present_request, record, runtime
from proxy.api.responses import begin_call, response_for
from proxy.concurrency import run_if_heavy
from proxy.errors import InvalidRequest, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.providers.routing import Route
from proxy.relay.answer import Answer
from proxy.relay.cancellation import Exchange
from proxy.relay.input_estimate import body_estimate
from proxy.relay.native.open import open_native
from proxy.relay.native.request import NativeCall, Sent, endpoint_url, message_call, native_headers
from proxy.relay.upstream_call import UpstreamCall

LONGEST_MODEL = 256
"""Longest name of a model in characters; converted requests have the same limit."""
NOT_COUNTED = frozenset({404, 405})
"""Statuses of a native upstream that has no endpoint to count tokens."""


def may_be_native() -> bool:
    """Whether any upstream is native."""
    return any(provider.native for provider in runtime().registry.providers)


def native_route(message_request: dict[str, Any], body: bytes) -> Route | None:
    """The route of ``message_request``, parsed from ``body``, if it is native; else None.

    Raises ``InvalidRequest`` for a model that is no name, and ``NotFound`` for an unknown one.
    """
    model = message_request.get("model")
    if type(model) is not str:
        if not runtime().registry.default.native:
            return None
        fault = "Field required" if model is None else "Input should be a valid string"
        raise InvalidRequest(f"model: {fault}")
    if len(model) > LONGEST_MODEL:
        # The name is logged, sent in a header and cached with its route.
        raise InvalidRequest(f"model: String should have at most {LONGEST_MODEL} characters")
    heavy = record().heavy
    route = runtime().router.choose(
        _routed_by(message_request), lambda: run_if_heavy(heavy, body_estimate, body)
    )
    return route if route.native else None


def native_count(message_request: dict[str, Any], route: Route, body: bytes) -> Response | None:
    """The native upstream's count of tokens; None if it has no such endpoint."""
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
    """Whether the model list is that of a native upstream, which is the only upstream."""
    registry = runtime().registry
    return registry.default.native and not registry.from_file


def native_get(endpoint: str) -> Response:
    """The default upstream's answer to a GET of ``endpoint``, the path after its ``/v1``."""
    return native_answer(endpoint, None)


def native_answer(endpoint: str, body: bytes | None) -> Response:
    """The answer of the default upstream, which must be native, to the present request."""
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
    """The present request for a native upstream, with ``body``."""
    request = present_request()
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
        shared.accounting.finish(call.upstream.record)

    with ExitStack() as unless_streaming:
        watch.enter(exchange, present_request().environ.get("gunicorn.socket"))
        unless_streaming.callback(watch.leave, exchange)
        answer = _opened(call, ended)
        if answer.stream is not None:
            unless_streaming.pop_all()
            # Also if an exception prevents the orderly end of the stream.
            on_request_end(watch.leave, exchange)
    return response_for(answer)


def _opened(call: NativeCall, ended: Callable[[], None]) -> Answer:
    try:
        return open_native(call, ended)
    except UpstreamError as error:
        call.upstream.record.record_event("error", failure_kind(error))
        raise


def _routed_by(message_request: dict[str, Any]) -> dict[str, Any]:
    """The well-formed members of an unvalidated request that determine its route."""
    known = {"model": message_request["model"]}
    for name, member in (("thinking", "type"), ("output_config", "effort")):
        value = message_request.get(name)
        if type(value) is dict and type(value.get(member)) is str:
            known[name] = value
    return known
