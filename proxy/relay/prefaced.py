"""A stream in which a ``compaction`` block precedes the upstream's blocks.

Rule: only streams with such a block use this codec, because it decodes and renumbers every event again.
"""

from __future__ import annotations

import orjson

from proxy.convert.reply.compaction import Preface
from proxy.errors import ProxyError
from proxy.relay.codec import Codec
from proxy.sse import encode_events
from proxy.telemetry.logs import StreamPreview
from proxy.telemetry.request_record import RequestRecord

_DATA = b"\ndata: "


class PrefacedCodec:
    """``codec`` with ``preface`` inserted after ``message_start`` (a ``proxy.relay.codec.Codec``)."""

    def __init__(self, codec: Codec, preface: Preface) -> None:
        self._codec = codec
        self._preface = preface
        self.relays_errors = codec.relays_errors
        self.preview: StreamPreview | None = codec.preview
        self.finishing = self.ended = False
        self.endings = 0

    @property
    def pings(self) -> bool:
        return self._codec.pings

    @property
    def ended_early(self) -> bool:
        return self._codec.ended_early

    @property
    def patient(self) -> bool:
        return self._codec.patient

    @property
    def started(self) -> bool:
        return self._codec.started

    @property
    def content_seen(self) -> bool:
        return self._codec.content_seen

    @property
    def finish_seconds(self) -> float:
        return self._codec.finish_seconds

    @property
    def complete(self) -> bool:
        return self._codec.complete

    @property
    def error(self) -> ProxyError | None:
        return self._codec.error

    def accepts(self, data: bytes, content_type: str) -> bool:
        return self._codec.accepts(data, content_type)

    def start(self) -> bytes:
        return self._prefaced(self._codec.start())

    def feed(self, data: bytes) -> bytes:
        return self._prefaced(self._codec.feed(data))

    def advanced(self) -> bool:
        return self._codec.advanced()

    def finish(self) -> bytes:
        return self._prefaced(self._codec.finish())

    def fail(self, error: ProxyError) -> bytes:
        return self._prefaced(self._codec.fail(error))

    def report(self, record: RequestRecord) -> None:
        self._codec.report(record)

    def _prefaced(self, written: bytes) -> bytes:
        """The complete events in ``written``, with the preface inserted and block indexes increased."""
        codec = self._codec
        self.finishing, self.ended, self.endings = codec.finishing, codec.ended, codec.endings
        events = [
            orjson.loads(event.partition(_DATA)[2]) for event in written.split(b"\n\n") if event
        ]
        return encode_events(self._preface.before_events(events))
