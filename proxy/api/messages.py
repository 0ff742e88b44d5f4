"""POST /v1/messages: a message, streamed or whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request

from proxy.api.answers import answered, begin_call, chat_response
from proxy.api.body import json_body
from proxy.api.context import record, runtime
from proxy.api.native_answers import native_request, native_response
from proxy.call import Call, request_estimate
from proxy.logs import log_body
from proxy.routing import Route
from proxy.schemas import check_chat_support, load_message_request, parse_json_object

bp = Blueprint("messages", __name__)


@bp.post("/v1/messages")
def create_message() -> Response:
    body = json_body()
    native = native_request(body)
    if native is None:
        return answer_message(body, chosen_route)
    _log(body)
    return _answered(begin_call(*native), body)


def answer_message(body: bytes, route_for: Callable[[Mapping[str, Any]], Route]) -> Response:
    """The message that answers ``body``; ``route_for`` gives a validated request its route."""
    _log(body)
    message_request = checked_request(body)
    call = begin_call(message_request, route_for(message_request))
    check_chat_support(message_request)
    return _answered(call, body)


def _answered(call: Call, body: bytes) -> Response:
    """The answer of the call's route or, in its place, of a fallback of either kind."""
    requests = {call.route.direct: call.request}

    def attempt() -> Response:
        direct = call.route.direct
        if direct not in requests:
            requests[direct] = parse_json_object(body) if direct else _checked_for_chat(body)
        call.request = requests[direct]
        return native_response(call, body) if direct else chat_response(call)

    return answered(call, attempt)


def _checked_for_chat(body: bytes) -> dict[str, Any]:
    message_request = checked_request(body)
    check_chat_support(message_request)
    return message_request


def checked_request(body: bytes) -> dict[str, Any]:
    """The validated request in ``body``; raises ``InvalidRequest``."""
    settings = runtime().settings
    return load_message_request(
        body,
        strict=settings.strict,
        api_version=request.headers.get("anthropic-version"),
        image_max_chars=settings.image_block_data_max_size,
        max_tokens_required=settings.default_max_tokens is None,
    )


def _log(body: bytes) -> None:
    shown = runtime().settings.log_body_max_chars
    log_body("request body", record().request_id, body, shown)


def chosen_route(message_request: Mapping[str, Any]) -> Route:
    """The route of a validated request; raises ``NotFound``."""
    return runtime().router.choose(message_request, lambda: request_estimate(message_request))
