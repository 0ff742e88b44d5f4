"""What holds for every Responses stream: order, loss and repetition of its events."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.reply.events import Event
from proxy.convert.reply.responses.message import (
    events_to_response_message,
    response_to_message,
)
from proxy.sse import Signal
from proxy.upstream.event_decoder import ChunkDecoder
from tests.convert.chunk_builders import reply
from tests.convert.response_builders import (
    KEYS,
    Item,
    blocks_of,
    call,
    completed,
    created,
    custom,
    events_of,
    message,
    reasoning,
    stream_of,
    translated,
)
from tests.convert.stream_grammar import assert_legal, assert_strict_arguments

LETTERS = "abcdefghijkl"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('a"\\{}é ', max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "bc", "d e"]), VALUES, max_size=3)


@st.composite
def item_lists(draw: st.DrawFn, *, most: int = 4) -> list[Item]:
    """Items whose texts have letters of their own, so that each text can be told from the others."""
    items: list[Item] = []
    for number in range(draw(st.integers(1, most))):
        letter = LETTERS[number]
        lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=2))
        kind = draw(st.sampled_from(("message", "reasoning", "call", "custom")))
        texts = [letter * length for length in lengths]
        ids = {"id": f"{kind}_{number}"}
        if kind == "message":
            refusal = letter if draw(st.booleans()) else ""
            items.append(message(*texts, **ids, refusal=refusal))
        elif kind == "reasoning":
            encrypted = draw(st.sampled_from((None, f"E{number}==")))
            items.append(
                reasoning(*draw(st.sampled_from((texts, [])))[:2], **ids, encrypted=encrypted)
            )
        elif kind == "custom":
            items.append(custom(f"t{number}", texts[0], **ids, call_id=f"call_{number}"))
        else:
            text = orjson.dumps(draw(ARGUMENTS)).decode()
            items.append(call(f"t{number}", text, **ids, call_id=f"call_{number}"))
    return items


def merged(draw: Any, lists: list[list[Event]]) -> list[Event]:
    """The events of ``lists`` in any order that keeps the order of each."""
    left = [list(events) for events in lists if events]
    out = []
    while left:
        events = left[draw(st.integers(0, len(left) - 1))]
        out.append(events.pop(0))
        left = [events for events in left if events]
    return out


def assert_told_once(items: list[Item], events: list[Event]) -> None:
    """Each item's text is told as it is, each call once, and the stream is legal."""
    assert_legal(events)
    assert events[-1] == {"type": "message_stop"}
    assert_strict_arguments(events)
    blocks = blocks_of(events)
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    thinking = "".join(block["thinking"] for block in blocks if block["type"] == "thinking")
    told = {block["id"]: block for block in blocks if block["type"] == "tool_use"}
    assert len(told) == sum(block["type"] == "tool_use" for block in blocks)
    calls = 0
    for number, item in enumerate(items):
        letter = LETTERS[number]
        if item["type"] == "message":
            whole = "".join(part.get("text", part.get("refusal")) for part in item["content"])
            assert text.count(letter) == len(whole)
        elif item["type"] == "reasoning":
            whole = "".join(part["text"] for part in item["summary"])
            assert thinking.count(letter) == len(whole)
            _assert_state(item, blocks)
        else:
            calls += 1
            block = told[item["call_id"]]
            assert block["name"] == item["name"]
            wanted = (
                orjson.loads(item["arguments"]) if "arguments" in item else {"input": item["input"]}
            )
            assert orjson.loads(block["input"] or "{}") == wanted
    assert calls == len(told)


def _assert_state(item: Item, blocks: list[Item]) -> None:
    encrypted = item.get("encrypted_content")
    states = [block.get("signature") or block.get("data") for block in blocks]
    if encrypted:
        assert states.count(f"cp1.r1.0a.{item['id']}.{encrypted}") == 1


@given(st.data())
def test_interleaved_items_are_told_once(data: st.DataObject) -> None:
    items = data.draw(item_lists())
    lists = [events_of(item, index) for index, item in enumerate(items)]
    keys = data.draw(
        st.sampled_from((("output_index",), ("item_id",), ("output_index", "item_id")))
    )
    events = [_without(event, set(KEYS[:2]) - set(keys)) for event in merged(data.draw, lists)]
    told, translator = translated([created(), *events, completed()], reply(origin="0a"))
    assert_told_once(items, told)
    assert translator.warnings == {}


def _without(event: Event, keys: set[str]) -> Event:
    kept = {name: value for name, value in event.items() if name not in keys}
    if "item_id" in keys or not isinstance(event.get("item"), dict):
        return kept
    return kept


@given(st.data())
def test_lost_keys_do_not_matter_to_items_one_after_another(data: st.DataObject) -> None:
    items = data.draw(item_lists())
    events = []
    for event in stream_of(*items):
        lost = data.draw(st.sets(st.sampled_from(KEYS)))
        events.append(_without(event, lost))
    told, _ = translated(events, reply(origin="0a"))
    assert_told_once(items, told)


@given(st.data())
def test_no_keys_at_all(data: st.DataObject) -> None:
    items = data.draw(item_lists())
    events = [_without(event, set(KEYS)) for event in stream_of(*items)]
    told, translator = translated(events, reply(origin="0a"))
    assert_told_once(items, told)
    assert translator.warnings == {}


@given(st.data())
def test_what_deltas_or_done_events_lose_is_completed(data: st.DataObject) -> None:
    items = data.draw(item_lists())
    lists = []
    for index, item in enumerate(items):
        events = events_of(item, index)
        deltas = [event for event in events if event["type"].endswith(".delta")]
        kept = data.draw(st.integers(0, len(deltas)))
        lost = [id(event) for event in deltas[kept:]]
        for event in events:
            if not event["type"].endswith(".delta") and data.draw(st.integers(0, 3)) == 0:
                lost.append(id(event))
        lists.append([event for event in events if id(event) not in lost])
    told, _ = translated(
        [created(), *itertools.chain(*lists), completed(*items)], reply(origin="0a")
    )
    assert_told_once(items, told)


@given(st.data())
def test_repeated_done_events_repeat_nothing(data: st.DataObject) -> None:
    items = data.draw(item_lists())
    lists = []
    for index, item in enumerate(items):
        events = []
        for event in events_of(item, index):
            times = 1 if event["type"].endswith(".delta") else data.draw(st.integers(1, 2))
            events += [event] * times
        lists.append(events)
    events = merged(data.draw, lists)
    again = [event for event in events if event["type"].endswith(".done")]
    told, _ = translated([created(), *events, *again, completed(*items)], reply(origin="0a"))
    assert_told_once(items, told)


@given(item_lists(), st.booleans())
def test_a_whole_answer_is_the_aggregated_stream(items: list[Item], tags: bool) -> None:
    facts: dict[str, Any] = {"origin": "0a", "think_tags": tags}
    whole = response_to_message(completed(*items)["response"], reply(**facts))
    assert events_to_response_message(stream_of(*items), reply(**facts)) == whole


@given(item_lists(most=3), st.data())
def test_a_stream_that_is_cut_anywhere_stays_legal(items: list[Item], data: st.DataObject) -> None:
    events = stream_of(*items)
    lines = [b"event: %b\ndata: %b\n\n" % (e["type"].encode(), orjson.dumps(e)) for e in events]
    body = b"".join(lines)
    cut = data.draw(st.integers(0, len(body)))
    decoder = ChunkDecoder()
    chunks = decoder.feed(body[:cut])
    chunks += decoder.finish()
    told, translator = translated(chunks, reply(origin="0a"))
    assert_legal(told)
    whole = cut >= len(body) - 2
    assert (told[-1]["type"] == "message_stop") == whole
    assert (translator.error is None) == whole


STRANGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from(["", "a", "call_1", "{", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "id",
                    "call_id",
                    "name",
                    "arguments",
                    "input",
                    "text",
                    "refusal",
                    "summary",
                    "content",
                    "status",
                    "part",
                    "item",
                    "encrypted_content",
                    "output",
                    "usage",
                    "error",
                ]
            ),
            inner | st.sampled_from(["message", "reasoning", "function_call", "output_text"]),
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(st.data())
def test_any_values_in_any_events_give_a_legal_stream(data: st.DataObject) -> None:
    items = data.draw(item_lists(most=3))
    events: list[Any] = []
    for event in stream_of(*items):
        if data.draw(st.integers(0, 4)) == 0 and len(event) > 1:
            name = data.draw(st.sampled_from(sorted(set(event) - {"type"})))
            event = {**event, name: data.draw(STRANGE)}
        events.append(event)
        if data.draw(st.integers(0, 20)) == 0:
            events.append(data.draw(st.sampled_from([Signal.UNDECODABLE, [], {}, 1, None])))
    told, _ = translated(events, reply(origin="0a", cut_here=("bb",)))
    assert_legal(told)
