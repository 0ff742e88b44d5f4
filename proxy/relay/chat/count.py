"""The input tokens of a request as its upstream counts them.

Rule: the upstream's own count endpoint where its profile knows one, else the usage of a completion
of one token. Whatever fails, the count here takes its place: clients count in order to decide, and
an error helps them to nothing (docs/features.md "Conversion, streaming, errors, counting").
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from config.urls import CHAT
from proxy.convert.reply.answer_choice import failure_in, usage_report
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.usage import INPUT_COUNTS, usage_from_chat
from proxy.convert.request.messages_to_chat import ChatRequest
from proxy.errors import ClientGone, ProxyError, UpstreamError
from proxy.providers.circuit_breaker import Breaker
from proxy.relay.attempts import with_failover
from proxy.relay.call import (
    MAX_ANSWER_BYTES,
    Call,
    decoded,
    encoded,
    raise_for_refusal,
    upstream_headers,
)
from proxy.relay.chat.healed import with_healing
from proxy.telemetry.logs import error_words
from proxy.telemetry.tracing import upstream_call
from proxy.upstream.event_decoder import ChunkDecoder, sniff

log = logging.getLogger(__name__)

COUNT_SECONDS = 30.0
"""Longest wait for a count; the one made here takes milliseconds."""
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
UNCOUNTED = frozenset({"stream", "thinking"})
"""Fields of a request that change no count. A thinking budget does not fit one token of output."""


@dataclass(frozen=True, slots=True)
class CountEndpoint:
    """An upstream's endpoint that counts the tokens of messages, and of nothing but messages."""

    path: str
    """Put in place of ``/chat/completions``, and of what ``replaces`` stands before it."""
    count: Callable[[Mapping[str, Any]], object]
    replaces: str = ""


COUNT_ENDPOINTS: Mapping[str, CountEndpoint] = {
    "moonshot": CountEndpoint(
        "/tokenizers/estimate-token-count", lambda answer: _member(answer, "data", "total_tokens")
    ),
    "vllm": CountEndpoint("/tokenize", lambda answer: answer.get("count"), replaces="/v1"),
}
"""By the profile flag ``count_endpoint``."""


def count_upstream(call: Call) -> int | None:
    """The input tokens of ``call`` by its own route; None where the upstream does not tell.

    Raises ``ClientGone``.
    """
    request = {name: call.request[name] for name in call.request if name not in UNCOUNTED}
    route = call.candidates[0]
    if (route.breaker.open_until or 0.0) > monotonic():
        return None
    # A slow count says nothing of messages, so the provider's own breaker does not hear of it.
    route = replace(route, breaker=Breaker())
    counted = replace(call, request={**request, "max_tokens": 1}, candidates=(route,))
    try:
        return with_failover(
            counted, lambda: with_healing(counted, lambda chat: _asked(counted, chat))
        )
    except ClientGone:
        raise
    except ProxyError as error:
        log.info(
            "count request_id=%s: %s does not count (%s), counted here",
            call.record.request_id,
            call.route.provider.name,
            error_words(error),
        )
        return None


def _asked(call: Call, chat: ChatRequest) -> int | None:
    endpoint = COUNT_ENDPOINTS.get(call.route.profile.count_endpoint or "")
    if endpoint is not None and "tools" not in chat.body:
        # Not every version of these counts the tools.
        tokens = _own_count(call, chat, endpoint)
        if tokens is not None:
            return tokens
    return _usage_of_one_token(call, chat)


def _own_count(call: Call, chat: ChatRequest, endpoint: CountEndpoint) -> int | None:
    """The count of the upstream's own endpoint; None where it has none or refuses."""
    body = {name: chat.body[name] for name in ("model", "messages")}
    try:
        answer, _ = _post(call, endpoint_url(call.route.chat_url, endpoint), body)
    except UpstreamError as error:
        if error.upstream_status is None:
            raise
        return None
    payload = decoded(answer)
    count = endpoint.count(payload) if isinstance(payload, dict) else None
    return count if type(count) is int and count > 0 else None


def _usage_of_one_token(call: Call, chat: ChatRequest) -> int | None:
    body = {**chat.body, **{name: 1 for name in LIMIT_FIELDS if name in chat.body}}
    answer, content_type = _post(call, call.route.chat_url, body)
    if sniff(answer, content_type) != "sse":
        return prompt_tokens([decoded(answer)], call.route.model)
    decoder = ChunkDecoder()
    return prompt_tokens([*decoder.feed(answer), *decoder.finish()], call.route.model)


def _post(call: Call, url: str, body: Mapping[str, Any]) -> tuple[bytes, str]:
    """The answer to ``body`` and its content type; raises as ``Call.post``."""
    seconds = min(call.first_byte_seconds, COUNT_SECONDS)
    call.exchange.limit(seconds, f"the upstream did not count within {seconds:g} s")
    headers = upstream_headers(
        call.route.provider,
        call.key,
        call.record.correlation_id,
        stream=body.get("stream") is True,
    )
    route = call.route
    with upstream_call(call.record, route.provider.name, route.model, url):
        response = call.exchange.run(call.client.post, url, headers, encoded(body))
        raise_for_refusal(response, call.exchange, secrets=call.secrets, model=route.model)
    try:
        answer = call.exchange.run(response.read_all, MAX_ANSWER_BYTES)
    finally:
        response.close()
    return answer, response.headers.get("content-type", "")


def endpoint_url(chat_url: str, endpoint: CountEndpoint) -> str:
    """Where ``endpoint`` is at the upstream whose Chat Completions endpoint is ``chat_url``."""
    parts = urlsplit(chat_url)
    base = parts.path.removesuffix(CHAT).removesuffix(endpoint.replaces)
    return urlunsplit(parts._replace(path=base + endpoint.path))


def prompt_tokens(payloads: Iterable[object], model: str) -> int | None:
    """The input tokens that an answer or its chunks report last, cached ones too.

    Raises ``UpstreamError`` for an answer that is an error.
    """
    tokens = None
    for payload in payloads:
        if not isinstance(payload, dict):
            continue
        failure = failure_in(payload, ReplyContext(model=model))
        if failure is not None:
            raise failure
        choices = payload.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        report = usage_report(payload, choice if isinstance(choice, dict) else None)
        usage = usage_from_chat(report)
        if usage is not None:
            tokens = sum(usage[count] for count in INPUT_COUNTS) or tokens
    return tokens


def _member(value: object, *path: str) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
