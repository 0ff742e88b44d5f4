"""A stream through learned frames, and through decoder, translator and encoder: for comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.convert.reply.context import ReplyContext
from proxy.relay.stream_bytes import StreamBytes
from proxy.sse import encode_events
from proxy.upstream.event_decoder import ChunkDecoder

_EVENT = re.compile(rb"event: ([a-z_]+)\ndata: (.*)\n\n")


class Told(NamedTuple):
    """What a client got, as names and values and as bytes, and what is known at the end."""

    events: list[tuple[bytes, Any]]
    state: tuple[Any, ...]
    sent: bytes


class _Counter:
    """Counts characters in the place of tokens."""

    def count_input(self) -> int:
        return 1

    def count_output(self, text: str) -> int:
        return len(text)


def assert_same(pieces: Iterable[bytes], whole: bytes, *, think_tags: bool) -> None:
    """``pieces``, which make up ``whole``, tell by frames what ``whole`` tells event by event."""
    copied = through_frames(pieces, think_tags=think_tags)
    parsed = plainly(whole, think_tags=think_tags)
    assert (copied.events, copied.state) == (parsed.events, parsed.state)
    if b"\\" not in whole:
        # A copied string keeps its escapes; without any, the encoder writes the same.
        assert copied.sent == parsed.sent


def plainly(data: bytes, *, think_tags: bool) -> Told:
    """Every event parsed."""
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


def _translator(think_tags: bool) -> StreamTranslator:
    reply = ReplyContext(
        model="m",
        think_tags=think_tags,
        functions=[{"type": "function", "function": {"name": "a"}}],
        text_tool_calls=True,
        new_message_id=lambda: "msg_1",
        new_tool_id=lambda: "toolu_1",
    )
    return StreamTranslator(reply, request_id="req_1", estimate=_Counter())


def _ended(told: StreamTranslator, decoder: ChunkDecoder, sent: bytes) -> Told:
    rest: list[Any] = []
    for chunk in decoder.finish():
        if not told.ended:
            rest += told.feed(chunk)
    sent += encode_events(rest + told.finish())
    state = (told.usage, told.estimated, dict(told.warnings), told.stop_reason, str(told.error))
    return Told(_events_in(sent), state, sent)


def _events_in(sent: bytes) -> list[tuple[bytes, Any]]:
    found = list(_EVENT.finditer(sent))
    assert b"".join(match[0] for match in found) == sent
    return [(match[1], orjson.loads(match[2])) for match in found]
