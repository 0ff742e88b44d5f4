"""POST /v1/messages/count_tokens: what a request would cost, counted here."""

from __future__ import annotations

from flask import Blueprint, Response, request

from proxy.api.answers import json_response
from proxy.api.body import json_body
from proxy.api.context import record, runtime
from proxy.call import learned_profile, read_pdf
from proxy.convert.request import message_request_to_chat
from proxy.schemas import check_chat_support, load_count_request
from proxy.tokens import count_chat_tokens

bp = Blueprint("tokens", __name__)


@bp.post("/v1/messages/count_tokens")
def count_tokens() -> Response:
    shared = runtime()
    settings = shared.settings
    message_request = load_count_request(
        json_body(),
        strict=settings.strict,
        api_version=request.headers.get("anthropic-version"),
        image_max_chars=settings.image_block_data_max_size,
    )
    route = shared.router.resolve(message_request["model"])
    check_chat_support(message_request)
    access = record()
    access.client_model, access.upstream_model = message_request["model"], route.model
    access.provider = route.provider.name
    profile = learned_profile(route, shared.learned)
    chat = message_request_to_chat(
        message_request, profile, model=route.model, max_tokens=None, read_pdf=read_pdf
    )
    count = count_chat_tokens(chat.body, route.encoding)
    response = json_response({"input_tokens": count.tokens})
    response.headers["x-token-counting"] = count.method
    return response
