"""The answer of a native upstream, passed on.

Rule: status, body and events are the upstream's; nothing is added except an ``error`` event if its
stream broke off, because a truncated stream must not look complete (docs/protocol.md section 8).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from proxy.errors import Complaint, NativeRefusal, UpstreamError
from proxy.failures.classify import failure_from_answer
from proxy.redaction import SHORTEST_SECRET, mask_secrets
from proxy.relay.answer import Answer
from proxy.relay.billing import Billed, unfinished_tokens, whole_tokens
from proxy.relay.native.codec import NativeCodec
from proxy.relay.native.event_scan import token_counts
from proxy.relay.native.file_body import FileBody
from proxy.relay.native.headers import response_headers
from proxy.relay.native.model_name import with_model
from proxy.relay.native.request import NativeCall
from proxy.relay.stream import StreamedResponse
from proxy.relay.upstream_call import decoded, decoded_refusal, read_whole, refusal_body, send
from proxy.telemetry.request_record import total_input
from proxy.upstream.session import UpstreamResponse

EVENTS = "text/event-stream"
UNBUFFERED = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Headers of a streamed answer, so that no intermediary buffers events."""


def open_native(call: NativeCall, done: Callable[[], None]) -> Answer:
    """The answer to ``call``, whole or as an open stream.

    ``done`` is called when a streamed answer has ended, and not for a whole one. Raises
    ``NativeRefusal`` for the upstream's own error object, ``UpstreamError``, ``UpstreamTimeout`` or
    ``ClientGone``, in all cases before anything is sent to the client.
    """
    with Billed(lambda response: call.estimate_usage(unfinished_tokens(response))) as attempt:
        response = attempt.response = send(call.upstream)
        return _answer(call, response, done)


def _answer(call: NativeCall, response: UpstreamResponse, done: Callable[[], None]) -> Answer:
    with ExitStack() as unless_streaming:
        unless_streaming.callback(response.close)
        status, headers = response.status, response_headers(response.headers)
        if not 200 <= status < 300:
            raise _refusal(call, response, headers)
        kind = headers.get("content-type", "").lower()
        if is_json(kind):
            return Answer(status, headers, _whole(call, response))
        body: FileBody | StreamedResponse = FileBody(call, response, done)
        if kind.startswith(EVENTS):
            body = StreamedResponse(call.upstream, response, NativeCodec(call), done)
            body.open()
            headers |= UNBUFFERED
        unless_streaming.pop_all()
    return Answer(status, headers, stream=body)


def is_json(content_type: str) -> bool:
    """Whether a body of that type is JSON; a body without a type is treated as JSON."""
    kind = content_type.partition(";")[0].strip()
    return not kind or kind == "application/json" or kind.endswith("+json")


def _whole(call: NativeCall, response: UpstreamResponse) -> bytes:
    """A whole 2xx body with the client's name for the model.

    Raises ``UpstreamError`` for a 200 whose body is truncated or is not JSON.
    """
    body = read_whole(call.upstream, response)
    message = decoded(body)
    if response.status == 200 and isinstance(message, str):
        label = response.headers.get("content-type") or "no content type"
        kind = "the upstream's answer is not JSON"
        raise UpstreamError(Complaint(f"{kind} ({mask_secrets(label[:100])})", kind))
    if not isinstance(message, dict):
        call.estimate_usage(0, complete=True)
        return body
    _record(call, message, len(body))
    if call.client_model is None or not isinstance(message.get("model"), str):
        return body
    return with_model(body, call.client_model)


def _record(call: NativeCall, message: dict[str, Any], size: int) -> None:
    record = call.upstream.record
    usage = token_counts(message.get("usage"))
    if usage:
        record.usage = usage
    if message.get("type") != "error" and not (total_input(usage) and usage.get("output_tokens")):
        call.estimate_usage(whole_tokens(size) if message.get("content") else 0, complete=True)
    reason = message.get("stop_reason")
    record.stop_reason = reason if isinstance(reason, str) else None


def _refusal(
    call: NativeCall, response: UpstreamResponse, headers: dict[str, str]
) -> UpstreamError:
    """The upstream's own error object, or an error of this proxy that describes any other body."""
    body, secrets = refusal_body(call.upstream, response), call.upstream.secrets
    value = decoded_refusal(body)
    error = failure_from_answer(
        response.status, value, headers=response.headers, now=time.time(), secrets=secrets
    )
    if not isinstance(value, dict):
        named = headers.pop("request-id", None)
        headers.pop("content-type", None)
        error.headers = {**error.headers, **headers}
        if named is not None:
            error.headers["x-upstream-request-id"] = named
        return error
    return _native_refusal(response.status, error, _without_secrets(body, secrets), headers)


def _native_refusal(
    status: int, error: UpstreamError, body: bytes, headers: dict[str, str]
) -> NativeRefusal:
    refusal = NativeRefusal(
        error.message,
        status=status,
        upstream_status=status,
        code=error.code,
        param=error.param,
        text=error.text,
        headers=error.headers,
    )
    refusal.secrets = error.secrets
    refusal.body, refusal.answer_headers = body, headers
    return refusal


def _without_secrets(body: bytes, secrets: tuple[str, ...]) -> bytes:
    for secret in sorted(secrets, key=len, reverse=True):
        # A shorter one is a placeholder, and may be a word of the JSON around it.
        if len(secret) >= SHORTEST_SECRET:
            body = body.replace(secret.encode(), b"***")
    return body
