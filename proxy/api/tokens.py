"""POST /v1/messages/count_tokens: the input tokens of a request, counted locally or by its upstream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request

from proxy.access.declaration import COUNTED
from proxy.api.body import json_body, parsed_object
from proxy.api.context import record, runtime
from proxy.api.default_model import decided
from proxy.api.native_responses import may_be_native, native_count, native_route
from proxy.api.openapi.answers import TokenCount
from proxy.api.openapi.operation import CLIENT, LIMITS, UPSTREAM, Operation, json_answer
from proxy.api.responses import begin_call, json_response, watched
from proxy.concurrency import run_if_heavy, yield_if_large
from proxy.convert.request.converted import ConvertedRequest
from proxy.errors import AuthenticationFailed
from proxy.providers.routing import Route
from proxy.relay.call import learned_profile, record_route
from proxy.relay.count import count_upstream
from proxy.relay.pdf_cache import RequestPdfs
from proxy.relay.protocols import run_conversion
from proxy.schemas import check_chat_support, load_count_request
from proxy.tokens import count_chat_tokens

bp = Blueprint("tokens", __name__)


OLDER = {"type": "token_count", "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
"""What older proxies answered besides ``input_tokens``; cached tokens are not known beforehand."""

COUNT = Operation(
    summary="The tokens of a request",
    answers=json_answer("The number of input tokens.", TokenCount, "x-token-counting", LIMITS),
    errors=UPSTREAM,
    tag="messages",
    parameters=CLIENT,
    body="CountTokensRequest",
    passes=True,
    listed="count_tokens",
)


@bp.post("/v1/messages/count_tokens", access=COUNTED, operation=COUNT)
def count_tokens() -> Response:
    body = json_body()
    parsed = parsed_object(body)
    if may_be_native():
        route = native_route(parsed, body)
        if route is not None and (answer := native_count(parsed, route, body)) is not None:
            return answer
    return answer_count(
        parsed,
        len(body),
        lambda message_request: decided(runtime().router.resolve(message_request["model"])),
    )


def answer_count(
    parsed: dict[str, Any], size: int, route_for: Callable[[Mapping[str, Any]], Route]
) -> Response:
    """The answer with the tokens of ``parsed``, a body of ``size`` bytes.

    ``route_for`` returns the route of a validated request.
    """
    settings = runtime().settings
    yield_if_large(size)
    access = record()
    message_request = run_if_heavy(
        access.heavy,
        load_count_request,
        parsed,
        strict=settings.strict,
        api_version=request.headers.get("anthropic-version"),
        image_max_chars=settings.image_block_data_max_size,
    )
    route = route_for(message_request)
    check_chat_support(message_request)
    access.client_model = message_request["model"]
    record_route(access, route)
    profile = learned_profile(route, runtime().learned)
    yield_if_large(size)
    converted = run_conversion(
        message_request,
        profile,
        heavy=access.heavy,
        model=route.model,
        max_tokens=None,
        base_url=route.provider.base_url,
        read_pdf=RequestPdfs().read,
    )
    tokens = _upstream_count(message_request, route)
    method = "upstream"
    if tokens is None:
        count = count_chat_tokens(
            converted.body, route.encoding, native=route.native, heavy=access.heavy
        )
        tokens, method = count.tokens, count.method
    answer = _count_with_edits(tokens, converted)
    response = json_response(OLDER | answer if settings.count_tokens_details else answer)
    response.headers["x-token-counting"] = method
    return response


def _count_with_edits(tokens: int, converted: ConvertedRequest) -> dict[str, Any]:
    """The body of the answer; after context edits, with the tokens before them."""
    edits = converted.reply.context_management
    if edits is None:
        return {"input_tokens": tokens}
    cleared = sum(edit["cleared_input_tokens"] for edit in edits["applied_edits"])
    management = {"original_input_tokens": tokens + cleared}
    return {"input_tokens": tokens, "context_management": management}


def _upstream_count(message_request: Mapping[str, Any], route: Route) -> int | None:
    """The upstream's count if the operator enabled it; None if the proxy must count."""
    if route.native or not runtime().settings.counts_upstream:
        # The count endpoint of a native upstream was called before.
        return None
    try:
        call = begin_call(message_request, route)
    except AuthenticationFailed:
        # Only a call of the upstream needs a key.
        return None
    with watched(call.exchange):
        return count_upstream(call)
