"""The answer of a native upstream, passed on.

Rule: status, body and events are the upstream's; nothing is added but an ``error`` event where its
stream broke off, because a cut stream must not look finished (docs/protocol.md section 8).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import monotonic

from proxy.errors import NativeRefusal, ProxyError, UpstreamError
from proxy.failures.classify import failure_from_answer
from proxy.redaction import SHORTEST_SECRET, mask_secrets
from proxy.relay.billing import is_billed, unfinished_tokens, whole_tokens
from proxy.relay.call import MAX_ANSWER_BYTES, decoded, refusal_body
from proxy.relay.native.call import DirectCall
from proxy.relay.native.event_scan import token_counts
from proxy.relay.native.headers import response_headers
from proxy.relay.native.model_name import with_model
from proxy.relay.native.stream import DirectReply, FileReply
from proxy.telemetry.request_record import total_input
from proxy.telemetry.tracing import upstream_call
from proxy.upstream.sent_state import forget_sent
from proxy.upstream.session import UpstreamResponse

EVENTS = "text/event-stream"
UNHELD = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Headers of a streamed answer: nothing on the way may hold events back."""


@dataclass(frozen=True, slots=True)
class DirectAnswer:
    """What the client gets."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    stream: Iterator[bytes] | None = field(default=None)
    """The body where it is passed on as it comes; with ``close``, as WSGI wants it."""


def open_direct(call: DirectCall, done: Callable[[], None]) -> DirectAnswer:
    """Send ``call``; the answer, whole or its stream at hand.

    ``done`` is called once a stream is over, and not otherwise. Raises ``NativeRefusal`` for the
    upstream's own error object, ``UpstreamError``, ``UpstreamTimeout`` or ``ClientGone``: nothing
    has been sent to the client then.
    """
    forget_sent()
    response = None
    try:
        response, deadline = _sent(call)
        return _answer(call, response, done, deadline)
    except ProxyError as error:
        if is_billed(error):
            call.estimate_usage(unfinished_tokens(response))
        raise


def _sent(call: DirectCall) -> tuple[UpstreamResponse, float]:
    """The head of the answer, and the moment until which its first bytes may come."""
    seconds, started = call.first_byte_seconds, monotonic()
    call.exchange.limit(seconds, f"the upstream did not answer within {seconds:g} s")
    record = call.record
    with upstream_call(record, record.provider, record.upstream_model, call.url):
        response = call.exchange.run(
            call.client.send, call.method, call.url, call.headers, call.body
        )
    return response, started + seconds


def _answer(
    call: DirectCall, response: UpstreamResponse, done: Callable[[], None], deadline: float
) -> DirectAnswer:
    with ExitStack() as unless_streaming:
        unless_streaming.callback(response.close)
        headers = response_headers(response.headers)
        kind = headers.get("content-type", "").lower()
        if 200 <= response.status < 300 and not is_json(kind):
            stream: DirectReply | FileReply = FileReply(call, response, done)
            if kind.startswith(EVENTS):
                stream = DirectReply(call, response, done)
                stream.open(deadline)
                headers |= UNHELD
            unless_streaming.pop_all()
            return DirectAnswer(response.status, headers, stream=stream)
        if not 200 <= response.status < 300:
            body = refusal_body(response, call.exchange)
            raise _refusal(call, response, headers, body)
        body = call.exchange.run(response.read_all, MAX_ANSWER_BYTES)
    return DirectAnswer(response.status, headers, _whole(call, response, body))


def is_json(content_type: str) -> bool:
    """Whether a body of that type is JSON; one without a type is taken for it."""
    kind = content_type.partition(";")[0].strip()
    return not kind or kind == "application/json" or kind.endswith("+json")


def _whole(call: DirectCall, response: UpstreamResponse, body: bytes) -> bytes:
    """A whole 2xx body with the client's name for the model.

    Raises ``UpstreamError`` for a 200 that is cut or no JSON, though it is labelled so.
    """
    message = decoded(body)
    if response.status == 200 and isinstance(message, str):
        label = response.headers.get("content-type") or "no content type"
        raise UpstreamError(f"the upstream's answer is not JSON ({mask_secrets(label[:100])})")
    if not isinstance(message, dict):
        call.estimate_usage(0, complete=True)
        return body
    usage = token_counts(message.get("usage"))
    if usage:
        call.record.usage = usage
    if message.get("type") != "error" and not (total_input(usage) and usage.get("output_tokens")):
        call.estimate_usage(whole_tokens(len(body)) if message.get("content") else 0, complete=True)
    reason = message.get("stop_reason")
    call.record.stop_reason = reason if isinstance(reason, str) else None
    if call.client_model is None or not isinstance(message.get("model"), str):
        return body
    return with_model(body, call.client_model)


def _refusal(
    call: DirectCall, response: UpstreamResponse, headers: dict[str, str], body: bytes
) -> UpstreamError:
    """The upstream's own error object, or ours around whatever else it said."""
    told = decoded(body)
    error = failure_from_answer(
        response.status, told, headers=response.headers, now=time.time(), secrets=call.secrets
    )
    if not isinstance(told, dict):
        named = headers.pop("request-id", None)
        headers.pop("content-type", None)
        error.headers = {**error.headers, **headers}
        if named is not None:
            error.headers["x-upstream-request-id"] = named
        return error
    refusal = NativeRefusal(
        error.message,
        status=response.status,
        upstream_status=response.status,
        code=error.code,
        param=error.param,
        text=error.text,
        headers=error.headers,
    )
    refusal.body = _without_secrets(body, call.secrets)
    refusal.answer_headers = headers
    return refusal


def _without_secrets(body: bytes, secrets: tuple[str, ...]) -> bytes:
    for secret in sorted(secrets, key=len, reverse=True):
        # A shorter one guards nothing, and may be a word of the JSON around it.
        if len(secret) >= SHORTEST_SECRET:
            body = body.replace(secret.encode(), b"***")
    return body
