"""The bytes of an upstream's stream -> the bytes of a Messages stream.

Rule: the same events as from decoder, translator and encoder one after the other. Events that
differ from an earlier one only in one string are copied (frame_cache.py), all others are parsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from proxy.concurrency import yield_if_slice_used
from proxy.convert.reply.events import Event
from proxy.relay.copied import Copied, TextRun
from proxy.relay.frame_cache import Frame, frame_of
from proxy.relay.holed_frame import HoledFrame, NumberedFrame
from proxy.sse import Chunk, encode_events
from proxy.upstream.event_decoder import ChunkDecoder

SAMPLES = 8
"""Most events that are parsed one by one to find a frame, while none is copied."""
CHUNKS_BETWEEN_PAUSES = 64
"""Chunks of one read after which other requests may continue; they take 0.3 ms."""
READS_PER_SAMPLE = 16
"""After those, one event in this many reads is tried, as later events may have a common frame."""


class Translator(Protocol):
    """What translates the chunks of one stream (``StreamTranslator``, ``ResponsesTranslator``)."""

    ended: bool

    def feed(self, chunk: Chunk) -> list[Event]:
        """The events for ``chunk``."""

    def run(self) -> TextRun | None:
        """The present run; None if no event can only continue the open block."""

    def pass_on(self, run: Any, texts: Sequence[str]) -> bool:
        """Note ``texts``, which continue ``run``; False if they must be parsed."""


class StreamBytes:
    """One stream; ``decoder`` and ``translator`` keep its state."""

    def __init__(self, decoder: ChunkDecoder, translator: Translator) -> None:
        self._decoder = decoder
        self._translator = translator
        self._frame: Frame | HoledFrame | NumberedFrame | None = None
        self._samples_left = SAMPLES
        self._reads = 0

    def feed(self, data: bytes) -> bytes:
        """The bytes for the client, which may be empty, after a read that returned ``data`` (not empty)."""
        self._reads += 1
        if not self._reads % READS_PER_SAMPLE:
            self._samples_left = max(self._samples_left, 1)
        held = self._decoder.release(data)
        if held is None:
            return self._parsed(data)
        pieces: list[bytes] = []
        at = 0
        while at < len(held) and not self._translator.ended:
            run = self._translator.run()
            copied = self._copied(held, at, run)
            if copied is not None:
                pieces.append(copied.data)
                at = copied.end
                continue
            end = held.find(b"\n\n", at) + 2 if self._samples_left else 0
            if end < 2:
                pieces.append(self._parsed(held[at:]))
                break
            pieces.append(self._parsed(held[at:end]))
            self._fill(held[at:end], run)
            at = end
        return b"".join(pieces)

    def events_of(self, data: bytes) -> list[Event]:
        """The events for the client after a read that returned ``data``, without copying."""
        translator = self._translator
        events: list[Event] = []
        for number, chunk in enumerate(self._decoder.feed(data), 1):
            if not number % CHUNKS_BETWEEN_PAUSES:
                yield_if_slice_used()
            events += translator.feed(chunk)
            if translator.ended:
                break
        return events

    def _parsed(self, data: bytes) -> bytes:
        return encode_events(self.events_of(data))

    def _copied(self, held: bytes, at: int, run: TextRun | None) -> Copied | None:
        frame = self._frame
        if frame is None or frame.run != run or self._decoder.holds_half:
            return None
        copied = frame.copy(held, at)
        if copied is None or not self._translator.pass_on(frame.run, copied.texts):
            return None
        self._samples_left = SAMPLES
        return copied

    def _fill(self, event: bytes, run: TextRun | None) -> None:
        """Cache the frame of ``event``, which was parsed while ``run`` was open."""
        self._samples_left -= 1
        if run is not None and self._translator.run() == run:
            self._frame = frame_of(event, run)
