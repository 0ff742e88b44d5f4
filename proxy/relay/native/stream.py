"""The streamed answer of a native upstream, on its way to the client.

Rule: bytes go on in the read in which they came; an end before the end is told by an ``error`` event,
or, where the answer is no event stream, by breaking off (docs/protocol.md section 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any

from proxy.concurrency import BULK_BYTES, yield_to_loop
from proxy.errors import CUT_SHORT, ClientGone, ProxyError, UpstreamError, UpstreamTimeout
from proxy.failures.policy import failure_kind
from proxy.relay.cancellation import WaitResult
from proxy.relay.native.call import DirectCall
from proxy.relay.native.event_scan import EventScan
from proxy.sse import encode_events
from proxy.telemetry.logs import StreamPreview, error_words, log_body
from proxy.telemetry.request_record import total_input
from proxy.tokens.estimate import BYTES_PER_TOKEN
from proxy.upstream.session import UpstreamResponse

PEEK_SECONDS = 5.0
"""How long the first bytes of a stream are awaited before the client gets its 200."""
LINGER_SECONDS = 0.5
"""How long more is awaited after the last event of a message."""
FRAME_BYTES = 115
"""Of an event with a delta, everything but what the model wrote."""
START_BYTES = 500
"""What comes before the first of them."""


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
            self._call.record.cut_short()
        self._call.estimate_usage(0, complete=self._over)
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
        wake = self._exchange.wait(self._response.fileno()) if blocked else WaitResult.READABLE
        if wake is WaitResult.READABLE:
            self._first = self._exchange.run(self._response.read_available)
            if not self._first:
                raise UpstreamError(CUT_SHORT)
        elif wake is not WaitResult.LIMIT or left <= PEEK_SECONDS:
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
            passed = self._passed(data)
            self._limit()
            if passed:
                self._call.record.saw_event()
                yield passed
        if self._exchange.gone:
            return
        rest = scan.finish()
        if not scan.ended:
            rest += self._broken()
        if rest:
            yield rest

    def _passed(self, data: bytes) -> bytes:
        passed = self._scan.feed(data)
        self._bytes += len(passed)
        self._deltas += passed.count(b'"delta"')
        return passed

    def _next_read(self) -> bytes:
        """What came next; nothing at the end, however it came about."""
        if self._bulk:
            yield_to_loop()
        if self._response.would_block():
            wake = self._exchange.wait(self._response.fileno())
            if wake is not WaitResult.READABLE:
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
            self._call.outcome.report(failed, monotonic())

    def _broken(self) -> bytes:
        """The event that tells of the end before the end, apart from an event that was cut."""
        if self._failure is None:
            self._failure = UpstreamError(CUT_SHORT)
        event = self._failure.to_body(self._call.record.request_id)
        return (b"\n\n" if self._scan.inside_event else b"") + encode_events([event])

    def _show(self, event: Mapping[str, Any]) -> None:
        delta = event.get("delta")
        text = delta.get("text") if isinstance(delta, dict) else None
        if self._preview is not None and isinstance(text, str):
            self._preview.add([event])

    def _note(self) -> None:
        record, scan = self._call.record, self._scan
        unread = bool(self._first)
        if unread:
            # The client left before it asked for what had come by then.
            self._passed(self._first)
        if self._preview is not None:
            log_body(
                "streamed text", record.request_id, self._preview.text, self._call.preview_chars
            )
        record.stop_reason = scan.stop_reason
        self._note_usage()
        if scan.error is not None:
            record.error = f"{scan.error}: reported by the upstream in its stream"
            record.record_event("error", "broken")
        elif scan.ended and not unread:
            return
        elif self._exchange.gone or self._failure is None:
            record.cut_short()
        else:
            record.error = error_words(self._failure)
            _count_failure(self._call, self._failure)

    def _note_usage(self) -> None:
        """What the stream told; what it wrote and did not live to tell: its start says one token."""
        record, scan, usage = self._call.record, self._scan, self._scan.usage
        if usage:
            record.usage = usage
        elif scan.error is not None and not scan.content_seen:
            # Refused.
            return
        frames = START_BYTES + FRAME_BYTES * self._deltas
        written = max(0, self._bytes - frames) // BYTES_PER_TOKEN
        told = usage.get("output_tokens", 0)
        if scan.stop_reason is None and written > told and self._call.estimate is not None:
            record.usage = usage = {**usage, "output_tokens": 0}
        if not (total_input(usage) and usage.get("output_tokens")):
            self._call.estimate_usage(written, complete=scan.ended and scan.error is None)


def _count_failure(call: DirectCall, error: ProxyError) -> None:
    if isinstance(error, UpstreamError):
        call.record.record_event("error", failure_kind(error))
