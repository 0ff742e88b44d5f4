"""The input tokens of a Chat Completions request as its upstream counts them.

Rule: the upstream's own count endpoint is used if its profile names one, else the usage that a
completion of one token reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from config.urls import CHAT
from proxy.convert.reply.answer_choice import choices_in, failure_in, usage_report
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.usage import INPUT_COUNTS, usage_from_chat
from proxy.convert.request.converted import ConvertedRequest
from proxy.errors import UpstreamError
from proxy.relay.call import Call
from proxy.relay.count_limits import COUNT_BYTES, COUNT_SECONDS
from proxy.relay.protocol import call_headers
from proxy.relay.upstream_call import decoded, encoded, fetch
from proxy.relay.whole_body import chunks_in
from proxy.upstream.event_decoder import sniff

LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True)
class CountEndpoint:
    """An upstream's endpoint that counts the tokens of messages only."""

    path: str
    """Replaces ``/chat/completions`` and the part ``replaces`` before it."""
    count: Callable[[Mapping[str, Any]], object]
    replaces: str = ""


COUNT_ENDPOINTS: Mapping[str, CountEndpoint] = {
    "moonshot": CountEndpoint(
        "/tokenizers/estimate-token-count", lambda answer: _member(answer, "data", "total_tokens")
    ),
    "vllm": CountEndpoint("/tokenize", lambda answer: answer.get("count"), replaces="/v1"),
}
"""By the profile flag ``count_endpoint``."""


def count_input(call: Call, converted: ConvertedRequest, url: str) -> int | None:
    """The upstream's count for ``converted``; None if it returns none.

    ``url`` is the upstream's Chat Completions endpoint. Raises ``UpstreamError``, ``UpstreamTimeout``
    or ``ClientGone``.
    """
    endpoint = COUNT_ENDPOINTS.get(call.route.profile.count_endpoint or "")
    if endpoint is not None and "tools" not in converted.body:
        # Not every version of these endpoints counts tools.
        tokens = _endpoint_count(call, converted, endpoint, url)
        if tokens is not None:
            return tokens
    return _usage_of_one_token(call, converted, url)


def _endpoint_count(
    call: Call, converted: ConvertedRequest, endpoint: CountEndpoint, url: str
) -> int | None:
    """The count of the upstream's own endpoint; None if that is missing or refuses."""
    body = {name: converted.body[name] for name in ("model", "messages")}
    try:
        answer, _ = _post(call, endpoint_url(url, endpoint), body, converted)
    except UpstreamError as error:
        if error.upstream_status is None:
            raise
        return None
    payload = decoded(answer)
    count = endpoint.count(payload) if isinstance(payload, dict) else None
    return count if type(count) is int and count > 0 else None


def _usage_of_one_token(call: Call, converted: ConvertedRequest, url: str) -> int | None:
    least = call.profile().min_output or 1
    body = {**converted.body, **{name: least for name in LIMIT_FIELDS if name in converted.body}}
    answer, content_type = _post(call, url, body, converted)
    if sniff(answer, content_type) != "sse":
        return prompt_tokens([decoded(answer)], call.route.model)
    return prompt_tokens(chunks_in(answer), call.route.model)


def _post(
    call: Call, url: str, body: Mapping[str, Any], converted: ConvertedRequest
) -> tuple[bytes, str]:
    headers = call_headers(call, converted, stream=body.get("stream") is True)
    sent = call.upstream_call(url, headers, encoded(body))
    seconds = min(sent.first_byte_seconds, COUNT_SECONDS)
    return fetch(replace(sent, first_byte_seconds=seconds), "count", COUNT_BYTES)


def endpoint_url(chat_url: str, endpoint: CountEndpoint) -> str:
    """The URL of ``endpoint`` at the upstream whose Chat Completions endpoint is ``chat_url``."""
    parts = urlsplit(chat_url)
    base = parts.path.removesuffix(CHAT).removesuffix(endpoint.replaces)
    return urlunsplit(parts._replace(path=base + endpoint.path))


def prompt_tokens(payloads: Iterable[object], model: str) -> int | None:
    """The input tokens that an answer or the last of its chunks reports, including cached ones.

    Raises ``UpstreamError`` for an answer that is an error.
    """
    tokens = None
    for payload in payloads:
        if not isinstance(payload, dict):
            continue
        failure = failure_in(payload, ReplyContext(model=model))
        if failure is not None:
            raise failure
        usage = usage_from_chat(usage_report(payload, choices_in(payload)))
        if usage is not None:
            tokens = sum(usage[count] for count in INPUT_COUNTS) or tokens
    return tokens


def _member(value: object, *path: str) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
