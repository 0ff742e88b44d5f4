"""A streamed answer, pumped to the client event by event.

Rule: what arrived in one read leaves in one write; every ending is an event (docs/protocol.md
section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from time import monotonic
from typing import Any

from proxy.concurrency import BULK_BYTES, yield_to_loop
from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.convert.reply.usage import INPUT_COUNTS
from proxy.convert.request.messages_to_chat import ChatRequest
from proxy.errors import ProxyError, UpstreamError, UpstreamTimeout
from proxy.failures.policy import failure_kind
from proxy.relay.call import MAX_ANSWER_BYTES, Call
from proxy.relay.cancellation import WaitResult
from proxy.relay.chat.stream_bytes import StreamBytes
from proxy.relay.chat.whole import read_answer
from proxy.sse import PING, encode_events
from proxy.telemetry.logs import StreamPreview, error_words, log_body
from proxy.tokens import cheap_estimate
from proxy.tokens.estimate import BYTES_PER_TOKEN
from proxy.upstream.event_decoder import ChunkDecoder, sniff
from proxy.upstream.session import UpstreamResponse

Event = dict[str, Any]

TOLD_COUNTS = (*INPUT_COUNTS, "output_tokens")

PEEK_SECONDS = 5.0
"""How long the first chunk is awaited before the client gets its 200."""
SETTLE_SECONDS = 5.0
"""How long after a finish reason more is awaited (usage, ``[DONE]``)."""
LINGER_SECONDS = 0.5
"""How long the end of the transfer is awaited, so that the connection can be used again."""


class ReplyStream:
    """The body of a streamed answer: an iterator of bytes with ``close``, as WSGI wants it.

    ``close`` frees the upstream connection, also when no byte was ever asked for.
    """

    def __init__(
        self, call: Call, chat: ChatRequest, response: UpstreamResponse, done: Callable[[], None]
    ) -> None:
        estimating = call.settings.enable_token_estimation
        self._input_estimate = cheap_estimate(chat.body) if estimating else 0
        self._call = call
        self._chat = chat
        self._done = done
        self._exchange = call.exchange
        self._response = response
        self._decoder = ChunkDecoder()
        self._translator = StreamTranslator(
            chat.reply,
            request_id=call.record.request_id,
            input_estimate=self._input_estimate,
            estimate=call.estimate(chat),
        )
        self._bytes = StreamBytes(self._decoder, self._translator)
        shown = call.settings.log_stream_text_preview_chars
        self._preview = StreamPreview(shown) if shown else None
        self._first = b""
        self._settling = False
        self._bulk = False
        """Whether the last read brought so much that the next would hold up others."""
        self._pieces = self._pump()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def __next__(self) -> bytes:
        return next(self._pieces)

    def open(self) -> dict[str, Any] | None:
        """Read until the first chunk, or for PEEK seconds while there is nothing to read.

        Returns the whole message where the upstream sent one JSON body instead of a stream. Raises
        ``UpstreamError`` when it answers with an error or with nothing: the client has got no byte
        yet, so that becomes a real HTTP status.
        """
        translator = self._translator
        # The limit is still that of the call, which also bounds an answer that is no stream.
        until = monotonic() + PEEK_SECONDS
        unread = True
        while not (translator.started or translator.ended):
            wake = self._await_bytes(until)
            if wake is WaitResult.ENOUGH:
                break
            if wake is not WaitResult.READABLE:
                raise self._exchange.timed_out(wake)
            data = self._read()
            if unread and data:
                unread = False
                if not self._is_stream(data):
                    return self._whole_message(data)
            self._first += self._fed(data)
        if not translator.started:
            if translator.error is not None:
                raise translator.error
            self._first += self._encoded(translator.start())
            if self._call.outcome is not None:
                self._call.outcome.open_ended = True
        return None

    def close(self) -> None:
        """Give the upstream connection back, or drop it when it was not read to its end."""
        # It holds this object and so the whole request; left half-way, both would wait for the
        # garbage collection.
        self._pieces.close()
        self._response.close()
        self._tell_outcome()
        self._record()
        self._done()

    def _tell_outcome(self) -> None:
        """Whether a provider from which nothing had come when the stream began is alive."""
        if self._call.outcome is None:
            return
        silent = type(self._translator.error) is UpstreamTimeout
        failed = False if self._translator.content_seen else True if silent else None
        self._call.outcome.report(failed, monotonic())

    def _pump(self) -> Generator[bytes]:
        self._exchange.pings = True
        yield self._noted(self._first)
        while not self._translator.ended:
            wake = self._await_bytes()
            if wake is WaitResult.PING:
                self._exchange.last_event = monotonic()
                yield PING
                continue
            if wake is WaitResult.GONE:
                return
            written = self._written_after(wake)
            if written:
                yield self._noted(written)
        if self._translator.error is None:
            self._settle()

    def _await_bytes(self, until: float | None = None) -> WaitResult:
        if self._bulk:
            yield_to_loop()
        if not self._response.would_block():
            return WaitResult.READABLE
        return self._exchange.wait(self._response.fileno(), until)

    def _written_after(self, wake: WaitResult) -> bytes:
        """What the client gets next, maybe nothing."""
        if wake is WaitResult.LIMIT and self._translator.finishing:
            return self._encoded(self._translator.finish())
        if wake is not WaitResult.READABLE:
            return self._encoded(self._translator.fail(self._exchange.timed_out(wake)))
        try:
            data = self._read()
        except ProxyError as error:
            return self._encoded(self._translator.fail(error))
        return self._fed(data)

    def _read(self) -> bytes:
        data = self._exchange.run(self._response.read_available)
        self._bulk = len(data) >= BULK_BYTES
        return data

    def _fed(self, data: bytes) -> bytes:
        """What one read, or the end (no data), tells the client; sets the limit for the next."""
        if not data:
            return self._encoded(self._last_events())
        if self._preview is None:
            written = self._bytes.feed(data)
        else:
            written = self._encoded(self._bytes.events_of(data))
        if not self._translator.ended:
            self._limit_next()
        return written

    def _last_events(self) -> list[Event]:
        events: list[Event] = []
        for chunk in self._decoder.finish():
            events += self._translator.feed(chunk)
        return events + self._translator.finish()

    def _limit_next(self) -> None:
        """Set the limit for the next read."""
        translator = self._translator
        if translator.finishing:
            # Once: an upstream that goes on with comments alone would put its end off for ever.
            if not self._settling:
                self._settling = True
                self._exchange.limit(SETTLE_SECONDS)
        elif translator.content_seen:
            if self._call.outcome is not None and self._call.outcome.open_ended:
                # Not only at the end of the stream: until then nobody else may ask a probed one.
                self._call.outcome.report(False, monotonic())
            seconds = self._call.silence_seconds
            self._exchange.limit(seconds, f"the upstream sent nothing for {seconds:g} s")

    def _is_stream(self, data: bytes) -> bool:
        return sniff(data, self._response.headers.get("content-type", "")) == "sse"

    def _whole_message(self, data: bytes) -> dict[str, Any]:
        body = self._exchange.run(self._response.read_all, MAX_ANSWER_BYTES, data)
        return read_answer(self._call, self._chat, self._response, body)

    def _encoded(self, events: list[Event]) -> bytes:
        if self._preview is not None:
            self._preview.add(events)
        return encode_events(events)

    def _noted(self, written: bytes) -> bytes:
        self._exchange.last_event = monotonic()
        self._call.record.saw_event()
        return written

    def _settle(self) -> None:
        """Read the end of the transfer, so that the connection goes back to the pool."""
        self._exchange.pings = False
        self._exchange.limit(LINGER_SECONDS)
        while self._await_bytes() is WaitResult.READABLE:
            try:
                if not self._read():
                    return
            except ProxyError:
                return

    def _record(self) -> None:
        record, translator = self._call.record, self._translator
        if self._preview is not None:
            shown = self._call.settings.log_stream_text_preview_chars
            log_body("streamed text", record.request_id, self._preview.text, shown)
        record.oddities = ", ".join(f"{word}={n}" for word, n in translator.warnings.items())
        record.estimated = translator.estimated
        record.stop_reason = translator.stop_reason
        usage, complete = translator.usage, translator.ended and translator.error is None
        if translator.ended or any(usage[count] for count in TOLD_COUNTS):
            record.usage = usage
        if complete:
            return
        if self._call.settings.enable_token_estimation:
            estimate, written = self._input_estimate, translator.written
            record.estimate_usage(lambda: estimate, written // BYTES_PER_TOKEN)
        if self._exchange.gone or translator.error is None:
            record.cut_short()
        else:
            record.error = error_words(translator.error)
            if isinstance(translator.error, UpstreamError):
                record.record_event("error", failure_kind(translator.error))
