"""The bytes of a Chat Completions stream -> the bytes of a Messages stream.

Rule: the same meaning as decoder, translator and encoder one after the other have, event for event;
what may be copied by a learned frame is, the rest goes through them.
"""

from __future__ import annotations

from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.convert.reply.events import Event
from proxy.convert.reply.plain_deltas import Run
from proxy.relay.chat.frame_cache import Copied, LearnedFrame, learn
from proxy.sse import encode_events
from proxy.upstream.event_decoder import ChunkDecoder

LESSONS = 8
"""Events that are parsed one by one, and looked at for a frame, without one ever being copied."""
READS_A_LESSON = 16
"""After those, one event in so many reads is: a stream may become plain late."""


class StreamBytes:
    """One stream on its way through ``decoder`` and ``translator``, which keep its state."""

    def __init__(self, decoder: ChunkDecoder, translator: StreamTranslator) -> None:
        self._decoder = decoder
        self._translator = translator
        self._frame: LearnedFrame | None = None
        self._lessons = LESSONS
        self._reads = 0

    def feed(self, data: bytes) -> bytes:
        """What one read of the upstream (not empty) tells the client, maybe nothing."""
        self._reads += 1
        if not self._reads % READS_A_LESSON:
            self._lessons = max(self._lessons, 1)
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
            end = held.find(b"\n\n", at) + 2 if self._lessons else 0
            if end < 2:
                pieces.append(self._parsed(held[at:]))
                break
            pieces.append(self._parsed(held[at:end]))
            self._learn(held[at:end], run)
            at = end
        return b"".join(pieces)

    def events_of(self, data: bytes) -> list[Event]:
        """The same as events, all of them parsed."""
        translator = self._translator
        events: list[Event] = []
        for chunk in self._decoder.feed(data):
            events += translator.feed(chunk)
            if translator.ended:
                break
        return events

    def _parsed(self, data: bytes) -> bytes:
        return encode_events(self.events_of(data))

    def _copied(self, held: bytes, at: int, run: Run | None) -> Copied | None:
        frame = self._frame
        if frame is None or frame.run != run:
            return None
        copied = frame.copy(held, at)
        if copied is None or not self._translator.pass_on(frame.run, copied.texts):
            return None
        self._lessons = LESSONS
        return copied

    def _learn(self, event: bytes, run: Run | None) -> None:
        """Take the frame of ``event``, which went the full way while ``run`` was open."""
        self._lessons -= 1
        if run is not None and self._translator.run() == run:
            self._frame = learn(event, run)
