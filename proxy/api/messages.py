"""POST /v1/messages: a message, streamed or whole."""

from __future__ import annotations

from flask import Blueprint, Response, request

from proxy.api.answers import begin_call, message_response, stream_response
from proxy.api.body import json_body
from proxy.api.context import record, runtime
from proxy.logs import log_body
from proxy.schemas import check_chat_support, load_message_request

bp = Blueprint("messages", __name__)


@bp.post("/v1/messages")
def create_message() -> Response:
    settings = runtime().settings
    body = json_body()
    log_body("request body", record().request_id, body, settings.log_body_max_chars)
    message_request = load_message_request(
        body,
        strict=settings.strict,
        api_version=request.headers.get("anthropic-version"),
        image_max_chars=settings.image_block_data_max_size,
        max_tokens_required=settings.default_max_tokens is None,
    )
    route = runtime().router.resolve(message_request["model"])
    check_chat_support(message_request)
    call = begin_call(message_request, route)
    return stream_response(call) if message_request.get("stream") else message_response(call)
