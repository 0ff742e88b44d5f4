"""A Responses stream whose events are copied has the same events as one that is parsed."""

from __future__ import annotations

import itertools
import random
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.convert.reply.events import Event
from proxy.convert.reply.responses.plain_runs import ResponsesRun
from proxy.convert.reply.responses.translator import ResponsesTranslator
from proxy.relay.frame_cache import frame_of
from proxy.relay.holed_frame import HoledFrame, NumberedFrame
from proxy.relay.stream_bytes import StreamBytes
from proxy.sse import Chunk, encode_events
from proxy.upstream.event_decoder import ChunkDecoder
from tests.convert.chunk_builders import reply
from tests.convert.response_builders import (
    Item,
    call,
    message,
    reasoning,
    stream_of,
)

ORDERS = ("first", "last", "none")


class Counted(ResponsesTranslator):
    """Counts the events that were parsed."""

    fed = 0

    def feed(self, chunk: Chunk) -> list[Event]:
        self.fed += 1
        return super().feed(chunk)


def encoded(events: list[Event], *, order: str, named: bool, padding: int) -> bytes:
    """``events`` as OpenAI sends them (``order`` first), as others do, or without numbers."""
    sizes = random.Random(padding)
    out = []
    for event in events:
        number = {"sequence_number": event["sequence_number"]}
        rest = {name: value for name, value in event.items() if name not in ("type", *number)}
        if padding and "delta" in event:
            rest["obfuscation"] = "aB3"[: sizes.randint(0, 3)] * sizes.randint(0, 3)
        kind = {"type": event["type"]}
        if order == "none":
            number = {}
        sent = {**kind, **number, **rest} if order == "first" else {**kind, **rest, **number}
        head = b"event: %b\n" % event["type"].encode() if named else b""
        out.append(b"%bdata: %b\n\n" % (head, orjson.dumps(sent)))
    return b"".join(out)


def parsed(data: bytes, **facts: Any) -> list[Event]:
    translator, events = ResponsesTranslator(reply(**facts), request_id="r"), []
    for chunk in ChunkDecoder().feed(data):
        events += translator.feed(chunk)
    return events


def copied(data: bytes, cuts: list[int], **facts: Any) -> tuple[list[Event], Counted]:
    translator, decoder = Counted(reply(**facts), request_id="r"), ChunkDecoder()
    stream = StreamBytes(decoder, translator)
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    pieces = (data[a:b] for a, b in itertools.pairwise(edges))
    written = b"".join(stream.feed(piece) for piece in pieces if piece)
    lines = [line[6:] for line in written.split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(line) for line in lines], translator


def joined(events: list[Event]) -> bytes:
    return encode_events(events)


TEXTS = st.text('ab"\\{}\n<think>é中\x1f ', min_size=1, max_size=60)


@st.composite
def answers(draw: st.DrawFn) -> list[Item]:
    items: list[Item] = []
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(("message", "reasoning", "call")))
        text = draw(TEXTS)
        if kind == "message":
            items.append(message(text, draw(TEXTS), id=f"m{number}"))
        elif kind == "reasoning":
            items.append(reasoning(text, draw(TEXTS), id=f"r{number}", encrypted="QQ=="))
        else:
            arguments = orjson.dumps({"a": text, "b": [1, 2.5, {"c": None}]}).decode()
            items.append(call("t", arguments, id=f"f{number}", call_id=f"c{number}"))
    return items


@given(
    answers(),
    st.sampled_from(ORDERS),
    st.booleans(),
    st.integers(0, 2),
    st.lists(st.integers(0, 10_000), max_size=5),
    st.sampled_from(({}, {"think_tags": True}, {"cut_here": ("aa",)}, {"text_tool_calls": True})),
)
@example([message("abcdef" * 20)], "first", True, 1, [], {})
def test_copied_events_are_the_parsed_ones(
    items: list[Item],
    order: str,
    named: bool,
    padding: int,
    cuts: list[int],
    facts: dict[str, Any],
) -> None:
    data = encoded(stream_of(*items), order=order, named=named, padding=padding)
    told, _ = copied(data, cuts, **facts)
    assert told == parsed(data, **facts)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    "item",
    [
        pytest.param(message("abc" * 3000), id="text"),
        pytest.param(reasoning("abc" * 3000), id="reasoning"),
        pytest.param(call("t", '{"a":"' + "abc" * 3000 + '"}'), id="arguments"),
    ],
)
def test_nearly_all_deltas_are_copied(item: Item, order: str, padding: int) -> None:
    data = encoded(stream_of(item), order=order, named=True, padding=padding)
    _, translator = copied(data, [])
    assert translator.fed < 30


@pytest.mark.parametrize(("order", "kind"), [("first", NumberedFrame), ("last", HoledFrame)])
def test_an_event_with_a_number_that_is_no_json_is_parsed(order: str, kind: type) -> None:
    run = ResponsesRun(0, "response.output_text.delta", 0, "m", None, 0, None)
    facts = {"output_index": 0, "item_id": "m", "content_index": 0, "delta": "x"}
    event = {"type": "response.output_text.delta", "sequence_number": 12, **facts}
    data = encoded([event], order=order, named=True, padding=0)
    frame = frame_of(data, run)
    assert isinstance(frame, NumberedFrame | HoledFrame)
    assert type(frame) is kind
    assert frame.copy(data, 0) is not None
    for number in (b"01", b"-1", b"1.5", b'"1"', b""):
        odd = data.replace(b":12", b":%b" % number)
        assert frame.copy(odd, 0) is None
