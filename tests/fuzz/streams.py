"""A stream through learned frames, and through decoder, translator and encoder: for comparison."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from proxy.convert.reply import ReplyContext
from proxy.convert.stream import StreamTranslator
from proxy.sse import encode_events
from proxy.stream_bytes import StreamBytes
from proxy.upstream.sse import ChunkDecoder

Told = tuple[list[Any], tuple[Any, ...]]


class _Counter:
    """Counts characters in the place of tokens."""

    def count_input(self) -> int:
        return 1

    def count_output(self, text: str) -> int:
        return len(text)


def _translator(think_tags: bool) -> StreamTranslator:
    reply = ReplyContext(
        model="m",
        think_tags=think_tags,
        new_message_id=lambda: "msg_1",
        new_tool_id=lambda: "toolu_1",
    )
    return StreamTranslator(reply, request_id="req_1", estimate=_Counter())


def plainly(data: bytes, *, think_tags: bool) -> Told:
    """The events, and what is known of the stream at its end; every event parsed."""
    told, decoder = _translator(think_tags), ChunkDecoder()
    events: list[Any] = []
    for chunk in decoder.feed(data):
        if not told.ended:
            events += told.feed(chunk)
    return _ended(told, decoder, encode_events(events))


def through_frames(pieces: Iterable[bytes], *, think_tags: bool) -> Told:
    """The same by ``StreamBytes``, one read for each piece."""
    told, decoder = _translator(think_tags), ChunkDecoder()
    stream = StreamBytes(decoder, told)
    sent = b""
    for piece in pieces:
        if not told.ended:
            sent += stream.feed(piece)
    return _ended(told, decoder, sent)


def _ended(told: StreamTranslator, decoder: ChunkDecoder, sent: bytes) -> Told:
    rest: list[Any] = []
    for chunk in decoder.finish():
        if not told.ended:
            rest += told.feed(chunk)
    sent += encode_events(rest + told.finish())
    lines = [line for line in sent.split(b"\n") if line.startswith(b"data: ")]
    state = (told.usage, told.estimated, dict(told.warnings), told.stop_reason, str(told.error))
    return [orjson.loads(line[6:]) for line in lines], state
