"""A streamed response: read from the upstream, passed through a codec, written to the client.

Rule: the bytes of one read become one write; the client can see how each stream ended (docs/protocol.md
section 4). The codec translates the bytes; this module decides when to read and write.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from time import monotonic

from proxy.concurrency import BULK_BYTES, yield_to_loop
from proxy.errors import ClientGone, ProxyError, UpstreamError, UpstreamTimeout
from proxy.failures.policy import failure_kind
from proxy.relay.codec import Codec
from proxy.relay.deadlines import WaitResult
from proxy.relay.internal_error import OwnFailures
from proxy.relay.upstream_call import UpstreamCall
from proxy.sse import PING, encode_events
from proxy.telemetry.logs import error_words, log_body
from proxy.telemetry.request_record import BROKEN_OFF
from proxy.upstream.session import UpstreamResponse

PEEK_SECONDS = 5.0
"""Longest wait for the first event before the client gets its 200."""
CONTENT_STEP = 1.0
"""Seconds after a read with content for which later reads are not searched for content, so that most
streams are searched once a second. The limit on silence of content may take effect this much later."""
LINGER_SECONDS = 0.5
"""Longest wait for the end of the transfer, after which the connection can be used again."""


class StreamedResponse:
    """The body of a streamed answer: an iterator of bytes with ``close``, as WSGI requires.

    ``close`` frees the upstream connection, even if the server never requested a byte, and calls
    ``done``.
    """

    def __init__(
        self,
        call: UpstreamCall,
        response: UpstreamResponse,
        codec: Codec,
        done: Callable[[], None],
    ) -> None:
        self._call = call
        self._exchange = call.exchange
        self._deadlines = call.exchange.deadlines
        self._response = response
        self._codec = codec
        self._done = done
        self._first = b""
        self._asked = False
        """True once the server requested the first bytes."""
        self._endings = 0
        """Number of ends of the message after which a time limit was set."""
        self._waited = False
        """Whether the wait for the end of the transfer timed out."""
        self._bulk = False
        """Whether the last read was so long that the next one would delay other requests."""
        self._content_seen = False
        self._content_until = 0.0
        """Until then reads are not searched for content."""
        self._patience = max(call.silence_seconds, call.first_byte_seconds)
        self._silence_texts = {
            seconds: f"the upstream sent nothing for {seconds:g} s"
            for seconds in (call.silence_seconds, self._patience)
        }
        self._content_text = f"the upstream sent no content for {call.content_seconds:g} s"
        self._pieces = self._pump()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def __next__(self) -> bytes:
        return next(self._pieces)

    def open(self) -> bytes | None:
        """Read until the stream has started, for ``PEEK_SECONDS`` at most.

        Returns None, or the first bytes of a body that is not a stream: the caller reads the rest of
        it within the time limit of the call. Raises ``UpstreamError`` if the upstream first reports an
        error or closes the stream: nothing was sent to the client yet, so that this becomes an HTTP
        status.
        """
        begun: bytes | None = b""
        try:
            begun = self._begin()
        finally:
            if begun is not None:
                # As in ``close``, which is not called then.
                self._pieces.close()
        return begun

    def _begin(self) -> bytes | None:
        codec, until, unread = self._codec, monotonic() + PEEK_SECONDS, True
        while not (codec.started or codec.ended):
            result = self._await_bytes(until)
            if result is WaitResult.ENOUGH:
                break
            if result is not WaitResult.READABLE:
                raise self._exchange.error_after(result)
            data = self._read()
            if unread and data:
                unread = False
                if not codec.accepts(data, self._response.headers.get("content-type", "")):
                    return data
            self._first += self._fed(data)
        if not codec.started:
            self._start()
        elif codec.error is not None and not (codec.content_seen or codec.relays_errors):
            # Reported in the same read as the start of the stream: still an HTTP status.
            raise codec.error
        return None

    def close(self) -> None:
        """Return the upstream connection to the pool, or close it if data was left unread."""
        # The generator and this object refer to each other: without ``close`` both, and the whole
        # request, would stay in memory until the garbage collector runs.
        recorded = False
        try:
            self._pieces.close()
            self._response.close()
            self._report_outcome()
            self._record()
            recorded = True
        finally:
            if not recorded:
                self._call.record.error = BROKEN_OFF
            self._done()

    def _start(self) -> None:
        """Begin the client's stream before the upstream's; raises the error that ended the upstream's."""
        if self._codec.error is not None:
            raise self._codec.error
        self._first += self._codec.start()
        if self._call.outcome is not None:
            self._call.outcome.open_ended = True

    def _pump(self) -> Generator[bytes]:
        own = OwnFailures(self._call.record)
        with own:
            yield from self._events()
        if own.error is not None:
            record = self._call.record
            record.error = error_words(own.error)
            last = self._codec.fail(own.error)
            yield last or encode_events([own.error.to_body(record.request_id)])

    def _events(self) -> Generator[bytes]:
        codec, deadlines = self._codec, self._deadlines
        self._asked = self._exchange.begun = True
        deadlines.pings = True
        if self._first:
            yield self._mark_sent(self._first)
        while not codec.ended:
            result = self._await_bytes()
            if result is WaitResult.PING:
                deadlines.last_event = monotonic()
                if codec.pings:
                    yield PING
                continue
            if result is WaitResult.GONE:
                return
            if result is WaitResult.READABLE:
                written = self._written_next()
            else:
                written = self._written_after(result)
            if written:
                yield self._mark_sent(written)
        if codec.error is None and not (self._waited or codec.ended_early):
            self._linger()

    def _await_bytes(self, until: float | None = None) -> WaitResult:
        if self._bulk:
            yield_to_loop()
        if not self._response.would_block():
            return WaitResult.READABLE
        return self._exchange.wait(self._response.fileno(), until)

    def _written_after(self, result: WaitResult) -> bytes:
        """The bytes for the client after a wait that ended without bytes to read."""
        if result is WaitResult.LIMIT and self._codec.finishing:
            self._waited = True
            return self._codec.finish()
        return self._codec.fail(self._exchange.error_after(result))

    def _written_next(self) -> bytes:
        """The bytes for the client after the next read; may be empty."""
        try:
            data = self._read()
        except ProxyError as error:
            return self._codec.fail(error)
        return self._fed(data)

    def _read(self) -> bytes:
        data = self._exchange.run(self._response.read_available)
        self._bulk = len(data) >= BULK_BYTES
        return data

    def _fed(self, data: bytes) -> bytes:
        """The bytes for the client after a read (no data: the end); sets the next time limit."""
        if not data:
            return self._codec.finish()
        written = self._codec.feed(data)
        if self._content_seen and not self._codec.finishing:
            self._limit_silence()
        else:
            self._limit_next()
        return written

    def _limit_silence(self, *, content: bool = False) -> None:
        now, call = monotonic(), self._call
        seconds = self._patience if self._codec.patient else call.silence_seconds
        self._deadlines.limit(now + seconds, self._silence_texts[seconds])
        if content or (now >= self._content_until and self._codec.advanced()):
            until = self._content_until = now + CONTENT_STEP
            self._deadlines.limit_content(until + call.content_seconds, self._content_text)

    def _limit_next(self) -> None:
        """Set the time limit of the next read before content was seen, or after the message."""
        codec = self._codec
        if codec.finishing:
            # Once for each end, because an upstream that sends comments would extend it again and again.
            if self._endings != codec.endings:
                self._endings = codec.endings
                self._exchange.limit(codec.finish_seconds)
        elif codec.content_seen:
            self._content_seen = True
            self._limit_silence(content=True)
            self._report_alive()

    def _report_alive(self) -> None:
        outcome = self._call.outcome
        if outcome is not None and outcome.open_ended:
            # Reported now, not at the end of the stream, because no other request may probe before.
            outcome.report(False, monotonic())

    def _linger(self) -> None:
        """Read the end of the transfer, so that the connection can be returned to the pool."""
        self._deadlines.pings = False
        self._exchange.limit(LINGER_SECONDS)
        while self._await_bytes() is WaitResult.READABLE:
            try:
                if not self._read():
                    return
            except ProxyError:
                return

    def _mark_sent(self, written: bytes) -> bytes:
        self._deadlines.last_event = monotonic()
        # An error event of this proxy is not the first event of an answer that sent none.
        if self._codec.started or self._codec.error is None:
            self._call.record.record_first_event()
        return written

    def _report_outcome(self) -> None:
        """Report to the circuit breaker how the stream ended, if that was not reported before."""
        if self._call.outcome is None:
            return
        silent = type(self._codec.error) is UpstreamTimeout
        failed = False if self._codec.content_seen else True if silent else None
        self._call.outcome.report(failed, monotonic())

    def _record(self) -> None:
        record, codec = self._call.record, self._codec
        if codec.preview is not None:
            text = codec.preview.text
            log_body("streamed text", record.request_id, text, self._call.preview_chars)
        codec.report(record)
        error = codec.error
        if error is None and codec.complete and self._asked:
            return
        if error is None or isinstance(error, ClientGone):
            record.cut_short()
            return
        record.error = error_words(error)
        if isinstance(error, UpstreamError):
            record.record_event("error", failure_kind(error))
