"""The base of codecs that translate another protocol's events into Messages events.

Rule: a subclass chooses the translator of its protocol; the bytes, the preview and the report are the same.
"""

from __future__ import annotations

from proxy.concurrency import run_if_heavy, yield_if_slice_used
from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.convert.reply.events import Event
from proxy.convert.reply.responses.translator import ResponsesTranslator
from proxy.convert.reply.usage import INPUT_COUNTS
from proxy.convert.request.converted import ConvertedRequest
from proxy.errors import ProxyError
from proxy.relay.answer_form import Form, form_of_stream
from proxy.relay.call import Call
from proxy.relay.stream_bytes import StreamBytes
from proxy.sse import encode_events
from proxy.telemetry.logs import StreamPreview
from proxy.telemetry.request_record import RequestRecord
from proxy.tokens import cheap_estimate
from proxy.tokens.estimate import BYTES_PER_TOKEN
from proxy.upstream.event_decoder import ChunkDecoder, sniff

FINISH_SECONDS = 5.0
"""Longest wait for more events (usage, ``[DONE]``) after a finish reason."""
COUNTS = (*INPUT_COUNTS, "output_tokens")


class TranslatedCodec:
    """One stream; a translator keeps its state (``proxy.relay.codec.Codec``)."""

    relays_errors = False
    pings = True
    form: Form
    """The protocol of the request."""

    def __init__(self, call: Call, converted: ConvertedRequest) -> None:
        self._estimating = call.settings.enable_token_estimation
        self._input_estimate = (
            run_if_heavy(call.record.heavy, cheap_estimate, converted.body)
            if self._estimating
            else 0
        )
        self._decoder = ChunkDecoder()
        # Not the call or the body: they would stay in memory as long as the stream.
        self._reply = converted.reply
        self._request_id = call.record.request_id
        self._estimate = call.estimate(converted)
        self._form: Form = self.form
        self._read_as(self.form)
        shown = call.settings.log_stream_text_preview_chars
        self.preview = StreamPreview(shown) if shown else None
        # Attributes, not properties, for speed: they are used after each read of the upstream.
        self.finishing = self.ended = self.patient = self._wrote = False
        self.endings = 0

    @property
    def ended_early(self) -> bool:
        return self._translator.ended_early

    @property
    def started(self) -> bool:
        return self._translator.started

    @property
    def content_seen(self) -> bool:
        return self._translator.content_seen

    @property
    def finish_seconds(self) -> float:
        return FINISH_SECONDS

    @property
    def complete(self) -> bool:
        return self._translator.ended and self._translator.error is None

    @property
    def error(self) -> ProxyError | None:
        return self._translator.error

    def accepts(self, data: bytes, content_type: str) -> bool:
        if sniff(data, content_type) != "sse":
            return False
        form = form_of_stream(data, self._form)
        if form != self._form and not self._translator.started:
            self._read_as(form)
        return True

    def start(self) -> bytes:
        return self._encoded(self._translator.start())

    def feed(self, data: bytes) -> bytes:
        if self.preview is None:
            written = self._bytes.feed(data)
        else:
            written = self._encoded(self._bytes.events_of(data))
        translator = self._translator
        self._wrote = bool(written)
        self.finishing, self.ended = translator.finishing, translator.ended
        self.endings = translator.endings
        self.patient = translator.patient
        return written

    def advanced(self) -> bool:
        # Content that is held back has no bytes for the client yet.
        return self._translator.takes_new_content() or self._wrote

    def finish(self) -> bytes:
        self.ended = True
        events: list[Event] = []
        for chunk in self._decoder.finish():
            events += self._translator.feed(chunk)
        return self._encoded(events + self._translator.finish())

    def fail(self, error: ProxyError) -> bytes:
        self.ended = True
        return self._encoded(self._translator.fail(error))

    def report(self, record: RequestRecord) -> None:
        translator = self._translator
        record.oddities = ", ".join(f"{word}={n}" for word, n in translator.warnings.items())
        record.estimated = translator.estimated
        record.stop_reason = translator.stop_reason
        usage = translator.usage
        if translator.ended or any(usage[count] for count in COUNTS):
            record.usage = usage
        if self._estimating and not self.complete:
            estimate = self._input_estimate
            record.estimate_usage(lambda: estimate, translator.written // BYTES_PER_TOKEN)

    def _read_as(self, form: Form) -> None:
        """Translate the stream as one of the protocol ``form``."""
        self._form = form
        make = StreamTranslator if form == "chat" else ResponsesTranslator
        self._translator: StreamTranslator | ResponsesTranslator = make(
            self._reply,
            request_id=self._request_id,
            input_estimate=self._input_estimate,
            estimate=self._estimate,
            pause=yield_if_slice_used,
        )
        self._bytes = StreamBytes(self._decoder, self._translator)

    def _encoded(self, events: list[Event]) -> bytes:
        if self.preview is not None:
            self.preview.add(events)
        return encode_events(events)
