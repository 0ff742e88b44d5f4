"""The answer of a native upstream, passed on.

Rule: status, body and events are the upstream's; nothing is added but an ``error`` event where its
stream broke off, because a cut stream must not look finished (docs/protocol.md section 8).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from proxy.call import MAX_ANSWER_BYTES, decoded, refusal_body
from proxy.direct.event_scan import EventScan, token_counts
from proxy.direct.headers import response_headers
from proxy.direct.model_name import with_model
from proxy.direct_call import DirectCall
from proxy.errors import ClientGone, NativeRefusal, ProxyError, UpstreamError, UpstreamTimeout
from proxy.exchange import Wake
from proxy.failover import failure_kind
from proxy.failures import SHORTEST_SECRET, failure_from_answer, mask_secrets
from proxy.logs import StreamPreview, error_words, log_body
from proxy.sse import encode_events
from proxy.tokens.estimate import BYTES_PER_TOKEN
from proxy.tracing import upstream_call
from proxy.turns import BULK_BYTES, take_turn
from proxy.upstream.faults import CUT
from proxy.upstream.session import UpstreamResponse

PEEK_SECONDS = 5.0
"""How long the first bytes of a stream are awaited before the client gets its 200."""
LINGER_SECONDS = 0.5
"""How long more is awaited after the last event of a message."""
EVENTS = "text/event-stream"
FRAME_BYTES = 115
"""Of an event with a delta, everything but what the model wrote."""
START_BYTES = 500
"""What comes before the first of them."""
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
    seconds, started = call.first_byte_seconds, monotonic()
    call.exchange.limit(seconds, f"the upstream did not answer within {seconds:g} s")
    record = call.record
    with upstream_call(record, record.provider, record.upstream_model, call.url):
        response = call.exchange.run(
            call.client.send, call.method, call.url, call.headers, call.body
        )
    with ExitStack() as unless_streaming:
        unless_streaming.callback(response.close)
        headers = response_headers(response.headers)
        kind = headers.get("content-type", "").lower()
        if 200 <= response.status < 300 and not is_json(kind):
            stream: DirectReply | FileReply = FileReply(call, response, done)
            if kind.startswith(EVENTS):
                stream = DirectReply(call, response, done)
                stream.open(started + seconds)
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
        return body
    usage = token_counts(message.get("usage"))
    if usage:
        call.record.usage = usage
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


class FileReply:
    """The body of an answer that is neither JSON nor events, of any length, as it comes.

    Raises out of the middle of it where it broke off, so that the server breaks off too: a cut file
    must not look whole.
    """

    def __init__(
        self, call: DirectCall, response: UpstreamResponse, done: Callable[[], None]
    ) -> None:
        self._call = call
        self._response = response
        self._done = done
        self._asked = self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        seconds, self._asked = self._call.silence_seconds, True
        self._call.exchange.begun = True
        self._call.exchange.limit(seconds, f"the upstream sent nothing for {seconds:g} s")
        try:
            data = self._call.exchange.run(self._response.read_available)
        except ClientGone:
            raise
        except ProxyError as error:
            self._over = True
            self._call.record.error = error_words(error)
            _count_failure(self._call, error)
            raise
        if not data:
            self._over = True
            raise StopIteration
        return data

    def close(self) -> None:
        """Give the upstream connection back, or drop it when it was not read to its end."""
        self._response.close()
        if not self._over and self._asked:
            self._call.record.status = ClientGone.status
        self._done()


class DirectReply:
    """The body of a streamed answer: an iterator of bytes with ``close``, as WSGI wants it.

    ``close`` frees the upstream connection, also when no byte was ever asked for.
    """

    def __init__(
        self, call: DirectCall, response: UpstreamResponse, done: Callable[[], None]
    ) -> None:
        self._call = call
        self._exchange = call.exchange
        self._response = response
        self._done = done
        self._preview = StreamPreview(call.preview_chars) if call.preview_chars else None
        self._scan = EventScan(
            call.client_model, on_event=None if self._preview is None else self._show
        )
        self._failure: ProxyError | None = None
        self._first = b""
        self._deltas = self._bytes = 0
        """Passed on so far."""
        self._lingering = False
        self._bulk = False
        """Whether the last read brought so much that the next would hold up others."""
        self._pieces = self._pump()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def __next__(self) -> bytes:
        return next(self._pieces)

    def open(self, deadline: float) -> None:
        """Await the first bytes, at most PEEK seconds, so that an upstream which breaks off before
        them is an HTTP status and not a stream. Raises ``UpstreamError`` or ``ClientGone``.

        ``deadline``: the moment of the monotonic clock until which content may be awaited.
        """
        left = deadline - monotonic()
        self._exchange.limit(min(PEEK_SECONDS, left))
        blocked = self._response.would_block()
        wake = self._exchange.wait(self._response.fileno()) if blocked else Wake.READABLE
        if wake is Wake.READABLE:
            self._first = self._exchange.run(self._response.read_available)
            if not self._first:
                raise UpstreamError(CUT)
        elif wake is not Wake.LIMIT or left <= PEEK_SECONDS:
            raise self._exchange.timed_out(wake)
        elif self._call.outcome is not None:
            self._call.outcome.open_ended = True
        self._exchange.limit(deadline - monotonic())

    def close(self) -> None:
        """Give the upstream connection back, or drop it when it was not read to its end."""
        self._response.close()
        self._tell_outcome(True if type(self._failure) is UpstreamTimeout else None)
        self._note()
        self._done()

    def _pump(self) -> Iterator[bytes]:
        scan = self._scan
        self._exchange.begun = True
        while True:
            data = self._first or self._next_read()
            self._first = b""
            if not data:
                break
            passed = scan.feed(data)
            self._limit()
            if passed:
                self._bytes += len(passed)
                self._deltas += passed.count(b'"delta"')
                self._call.record.saw_event()
                yield passed
        if self._exchange.gone:
            return
        rest = scan.finish()
        if not scan.ended:
            rest += self._broken()
        if rest:
            yield rest

    def _next_read(self) -> bytes:
        """What came next; nothing at the end, however it came about."""
        if self._bulk:
            take_turn()
        if self._response.would_block():
            wake = self._exchange.wait(self._response.fileno())
            if wake is not Wake.READABLE:
                self._failure = self._exchange.timed_out(wake)
                return b""
        try:
            data = self._exchange.run(self._response.read_available)
        except ProxyError as error:
            self._failure = error
            return b""
        self._bulk = len(data) >= BULK_BYTES
        return data

    def _limit(self) -> None:
        if self._scan.ended:
            # Once: an upstream that goes on with comments would keep the stream open for ever.
            if not self._lingering:
                self._lingering = True
                self._exchange.limit(LINGER_SECONDS)
        elif self._scan.content_seen:
            self._tell_outcome(False)
            seconds = self._call.silence_seconds
            self._exchange.limit(seconds, f"the upstream sent nothing for {seconds:g} s")

    def _tell_outcome(self, failed: bool | None) -> None:
        """Whether a provider is dead from which nothing had come when the stream began."""
        if self._call.outcome is not None:
            self._call.outcome.tell(failed, monotonic())

    def _broken(self) -> bytes:
        """The event that tells of the end before the end, apart from an event that was cut."""
        if self._failure is None:
            self._failure = UpstreamError(CUT)
        event = self._failure.to_body(self._call.record.request_id)
        return (b"\n\n" if self._scan.inside_event else b"") + encode_events([event])

    def _show(self, event: Mapping[str, Any]) -> None:
        delta = event.get("delta")
        text = delta.get("text") if isinstance(delta, dict) else None
        if self._preview is not None and isinstance(text, str):
            self._preview.add([event])

    def _note(self) -> None:
        record, scan = self._call.record, self._scan
        if self._preview is not None:
            log_body(
                "streamed text", record.request_id, self._preview.text, self._call.preview_chars
            )
        record.stop_reason = scan.stop_reason
        if scan.usage:
            record.usage = scan.usage
            self._estimate_rest()
        if scan.error is not None:
            record.error = f"{scan.error}: reported by the upstream in its stream"
            record.happened("error", "broken")
        elif scan.ended:
            return
        elif self._exchange.gone or self._failure is None:
            record.status = ClientGone.status
        else:
            record.error = error_words(self._failure)
            _count_failure(self._call, self._failure)

    def _estimate_rest(self) -> None:
        """Count what a stream wrote that did not live to tell it: its start says one token."""
        record, usage = self._call.record, self._scan.usage
        frames = START_BYTES + FRAME_BYTES * self._deltas
        written = (self._bytes - frames) // BYTES_PER_TOKEN
        if self._scan.stop_reason is None and written > usage.get("output_tokens", 0):
            record.usage = usage | {"output_tokens": written}
            record.estimated = True


def _count_failure(call: DirectCall, error: ProxyError) -> None:
    if isinstance(error, UpstreamError):
        call.record.happened("error", failure_kind(error))
