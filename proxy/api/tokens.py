"""POST /v1/messages/count_tokens: what a request would cost, counted here or by its upstream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request

from proxy.api.answers import begin_call, json_response, watched
from proxy.api.body import json_body
from proxy.api.context import record, runtime
from proxy.api.native_answers import native_count, native_request
from proxy.call import learned_profile, note_route, read_pdf
from proxy.convert.request import message_request_to_chat
from proxy.errors import AuthenticationFailed
from proxy.routing import Route
from proxy.schemas import check_chat_support, load_count_request
from proxy.tokens import count_chat_tokens
from proxy.upstream_count import count_upstream

bp = Blueprint("tokens", __name__)


@bp.post("/v1/messages/count_tokens")
def count_tokens() -> Response:
    body = json_body()
    native = native_request(body)
    if native is not None and (answer := native_count(*native, body)) is not None:
        return answer
    return answer_count(
        body, lambda message_request: runtime().router.resolve(message_request["model"])
    )


def answer_count(body: bytes, route_for: Callable[[Mapping[str, Any]], Route]) -> Response:
    """The count that answers ``body``; ``route_for`` gives a validated request its route."""
    settings = runtime().settings
    message_request = load_count_request(
        body,
        strict=settings.strict,
        api_version=request.headers.get("anthropic-version"),
        image_max_chars=settings.image_block_data_max_size,
    )
    route = route_for(message_request)
    check_chat_support(message_request)
    access = record()
    access.client_model = message_request["model"]
    note_route(access, route)
    profile = learned_profile(route, runtime().learned)
    chat = message_request_to_chat(
        message_request, profile, model=route.model, max_tokens=None, read_pdf=read_pdf
    )
    tokens, method = _upstream_count(message_request, route), "upstream"
    if tokens is None:
        count = count_chat_tokens(chat.body, route.encoding, native=route.direct)
        tokens, method = count.tokens, count.method
    response = json_response({"input_tokens": tokens})
    response.headers["x-token-counting"] = method
    return response


def _upstream_count(message_request: Mapping[str, Any], route: Route) -> int | None:
    """The upstream's count where the operator wants it; None where it is to be counted here."""
    if route.direct or not runtime().settings.counts_upstream:
        # A native upstream was asked before, by its own endpoint.
        return None
    try:
        call = begin_call(message_request, route)
    except AuthenticationFailed:
        # Counting takes no key; only asking the upstream does.
        return None
    with watched(call.exchange):
        return count_upstream(call)
