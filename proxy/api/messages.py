"""POST /v1/messages: a message, streamed or whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response

from proxy.access.declaration import SPENDS
from proxy.api.attempt import open_attempt
from proxy.api.body import json_body, parsed_object
from proxy.api.context import present_request, record, runtime
from proxy.api.native_responses import may_be_native, native_route, sent_request
from proxy.api.openapi.answers import Message
from proxy.api.openapi.operation import (
    CLIENT,
    EVENTS,
    JSON,
    LIMITS,
    UPSTREAM,
    Answer,
    Operation,
)
from proxy.api.responses import answered, begin_call, end_of
from proxy.concurrency import run_if_heavy, yield_if_large
from proxy.providers.routing import Route
from proxy.relay.answer import Answer as UpstreamAnswer
from proxy.relay.call import Call
from proxy.relay.compaction import COMPACTING
from proxy.relay.input_estimate import request_estimate
from proxy.schemas import check_chat_support, load_message_request
from proxy.telemetry.logs import log_body

bp = Blueprint("messages", __name__)


CREATE = Operation(
    summary="A message, streamed or whole",
    answers={
        200: Answer(
            "The message; with `stream: true` its events, each as `event: TYPE` and one line"
            " `data: JSON` whose JSON is a StreamEvent. An error after the first event is an event.",
            Message,
            ("x-claude-proxy-route", "x-claude-proxy-dropped", LIMITS, "x-upstream-request-id"),
            (JSON, EVENTS),
        )
    },
    errors=UPSTREAM,
    tag="messages",
    parameters=CLIENT,
    body="MessageRequest",
    passes=True,
    listed="messages",
)


@bp.post("/v1/messages", access=SPENDS, operation=CREATE)
def create_message() -> Response:
    return answer_message(json_body(), chosen_route, natively=True)


def answer_message(
    body: bytes, route_for: Callable[[Mapping[str, Any]], Route], *, natively: bool = False
) -> Response:
    """The message that answers ``body``; ``route_for`` returns the route of a validated request.

    ``natively``: whether the model may choose a native route; such a request is not validated.
    """
    _log(body)
    parsed = parsed_object(body)
    if natively and may_be_native():
        route = native_route(parsed, body)
        if route is not None:
            return _answered(begin_call(parsed, route), body)
    yield_if_large(len(body))
    message_request = checked_request(parsed)
    yield_if_large(len(body))
    call = begin_call(message_request, route_for(message_request))
    check_chat_support(message_request)
    if not may_be_native() and COMPACTING.isdisjoint(message_request):
        # Only native upstreams and compactions read it again; it may be as long as all texts.
        body = b""
    return _answered(call, body)


def _answered(call: Call, body: bytes) -> Response:
    """The answer of the call's route or of one of its fallbacks; each may be native."""
    requests = {call.route.native: call.request}

    def attempt() -> UpstreamAnswer:
        native = call.route.native
        if native not in requests:
            requests[native] = parsed_object(body) if native else _convertible(body)
        call.request = requests[native]
        return open_attempt(call, lambda: sent_request(body), end_of(call))

    return answered(call, attempt)


def _convertible(body: bytes) -> dict[str, Any]:
    message_request = checked_request(parsed_object(body))
    check_chat_support(message_request)
    return message_request


def checked_request(parsed: dict[str, Any]) -> dict[str, Any]:
    """The request ``parsed``, validated; raises ``InvalidRequest``."""
    settings = runtime().settings
    return run_if_heavy(
        record().heavy,
        load_message_request,
        parsed,
        strict=settings.strict,
        api_version=present_request().headers.get("anthropic-version"),
        image_max_chars=settings.image_block_data_max_size,
        max_tokens_required=settings.default_max_tokens is None,
    )


def _log(body: bytes) -> None:
    shown = runtime().settings.log_body_max_chars
    log_body("request body", record().request_id, body, shown)


def chosen_route(message_request: Mapping[str, Any]) -> Route:
    """The route of a validated request; raises ``NotFound``."""
    heavy = record().heavy
    return runtime().router.choose(
        message_request, lambda: run_if_heavy(heavy, request_estimate, message_request)
    )
