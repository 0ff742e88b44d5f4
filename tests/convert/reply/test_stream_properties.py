"""Laws of the stream translator: no input breaks it, no chunking changes what is said."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import EventCollector, chunks_to_message
from proxy.errors import UpstreamError, UpstreamTimeout
from proxy.sse import Signal
from tests.convert.chunk_builders import chunk, end, entry, reply, tools, translator
from tests.convert.stream_grammar import assert_legal, assert_strict_arguments

WORDS = st.sampled_from(
    ["", " ", "a", "stop", "length", "tool_calls", "error", "{", '{"x":1}', "}", "null", "<think>",
     "</think>", "<tool_call>", "</tool_call>", "<|tool_call_begin|>a", "<", "reasoning.text", "reasoning.encrypted", "call_0", "[DONE]", "é", "mystery"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False) | WORDS
JUNK = st.recursive(
    SCALARS | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def objects(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these members, each of its kind or junk."""
    optional = {name: kind | JUNK for name, kind in members.items()}
    return st.fixed_dictionaries({}, optional=optional)


ARGUMENT_PIECES = st.sampled_from(
    ["", " ", "{", "}", "{}", '{"x":1}', '{"x":"', 'a"}', '"', "\n", "\\", ",", "}]", "'", "null", "```",
     '"{\\"x\\":1}"', '{"x":', "tru", "-", ',"y":[1,', "]"]
)  # fmt: skip
FUNCTION = objects(name=WORDS, arguments=WORDS | ARGUMENT_PIECES | st.just({"x": 1}))
CALL = objects(
    index=st.integers(-1, 2),
    id=WORDS,
    function=FUNCTION,
    custom=objects(name=WORDS, input=WORDS),
    extra_content=objects(google=JUNK),
)
DETAIL = objects(type=WORDS, text=WORDS, summary=WORDS, signature=WORDS, data=WORDS, index=SCALARS)
PART = objects(
    type=st.sampled_from(["text", "refusal", "thinking", "reasoning", "redacted_thinking"]),
    text=WORDS,
    refusal=WORDS,
    summary=st.lists(objects(text=WORDS), max_size=2),
    signature=WORDS,
    data=WORDS,
)
BLOCK = objects(type=WORDS, thinking=WORDS, signature=WORDS, data=WORDS)
DELTA = objects(
    role=WORDS,
    content=WORDS | st.lists(PART, max_size=2),
    reasoning=WORDS,
    reasoning_content=WORDS,
    reasoning_details=st.lists(DETAIL, max_size=2),
    reasoning_text=WORDS,
    reasoning_opaque=WORDS,
    thinking=WORDS,
    thinking_blocks=st.lists(BLOCK, max_size=2),
    extra_content=objects(google=objects(thought=st.booleans())),
    refusal=WORDS,
    tool_calls=st.lists(CALL, max_size=2),
    function_call=FUNCTION,
)
USAGE = objects(
    prompt_tokens=st.integers(0, 9),
    completion_tokens=st.integers(0, 9),
    prompt_tokens_details=objects(cached_tokens=st.integers(0, 9)),
    completion_tokens_details=objects(reasoning_tokens=st.integers(0, 9)),
)
CHOICE = objects(index=st.just(0), delta=DELTA, message=DELTA, finish_reason=WORDS, usage=USAGE)
CHUNK = objects(id=WORDS, choices=st.lists(CHOICE, max_size=2), usage=USAGE)
WELL_FORMED = st.builds(
    lambda delta, finish: chunk(delta, finish),
    DELTA,
    st.sampled_from([None, None, None, "stop", "length"]),
)
ERROR = objects(error=objects(message=WORDS, code=SCALARS, type=WORDS))
ITEM = st.one_of(WELL_FORMED, WELL_FORMED, CHUNK, ERROR, JUNK, st.sampled_from(list(Signal)))
REPLY = st.fixed_dictionaries(
    {
        "thinking": st.sampled_from(["show", "omit", "discard"]),
        "think_tags": st.booleans(),
        "tool_args": st.sampled_from(["stream", "buffer"]),
        "known_tool_ids": st.just(frozenset({"call_0"})),
        "functions": st.just([{"type": "function", "function": {"name": "a"}}]),
        "text_tool_calls": st.booleans(),
        "cut_here": st.sampled_from(
            [(), (), ("stop",), ("a", "éa"), ("aa", "a", "{"), ("<think>a",)]
        ),
    }
)


class Estimate:
    def count_input(self) -> int:
        return 7

    def count_output(self, output: str) -> int:
        return len(output)


@settings(max_examples=400, deadline=None)
@given(items=st.lists(ITEM, max_size=12), facts=REPLY, ending=st.sampled_from(["eof", "fail"]))
def test_any_chunks_in_any_order_give_a_legal_stream(
    items: list[object], facts: dict[str, Any], ending: str
) -> None:
    stream = translator(reply(**facts), estimate=Estimate())
    events = [event for item in items for event in stream.feed(item)]
    assert_legal(events, whole=False)
    assert stream.started is any(event["type"] == "message_start" for event in events)
    assert stream.ended is any(event["type"] in ("message_stop", "error") for event in events)
    events += stream.finish() if ending == "eof" else stream.fail(UpstreamTimeout("silent"))
    assert_legal(events)
    assert stream.ended
    assert (stream.error is None) is (events[-1]["type"] == "message_stop")
    assert (stream.stop_reason is None) is (stream.error is not None)
    assert [*stream.feed(chunk({"content": "x"})), *stream.finish()] == []
    if stream.error is None:
        assert_strict_arguments(events)
        collector = EventCollector()
        collector.feed(events)
        assert collector.message["stop_reason"] == stream.stop_reason


@settings(max_examples=300, deadline=None)
@given(items=st.lists(ITEM, max_size=12), facts=REPLY)
def test_the_short_way_for_plain_chunks_changes_nothing(
    items: list[object], facts: dict[str, Any]
) -> None:
    short, full = translator(reply(**facts)), translator(reply(**facts))
    for item in items:
        # A list of one is never plain, so it takes the full way.
        assert short.feed(item) == full.feed([item] if isinstance(item, dict) else item)
    assert short.finish() == full.finish()
    assert (short.usage, short.warnings) == (full.usage, full.warnings)


@settings(max_examples=300, deadline=None)
@given(
    payload=JUNK | CHUNK | st.builds(lambda m: {"choices": [{"message": m}]}, DELTA), facts=REPLY
)
def test_any_whole_answer_is_a_message_or_an_upstream_error(
    payload: object, facts: dict[str, Any]
) -> None:
    try:
        message = chat_to_message(payload, reply(**facts), estimate=Estimate())
    except UpstreamError:
        return
    orjson.dumps(message)
    assert message["content"]
    assert message["stop_reason"] is not None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(
    TEXT, TEXT | st.integers(-9, 9) | st.lists(TEXT, max_size=2), max_size=3
)
CALLS = st.lists(st.tuples(TEXT.map(lambda text: f"f{len(text)}"), ARGUMENTS), max_size=3)
REASONING_FORM = st.sampled_from(["reasoning", "reasoning_content", "both"])


def pieces(data: st.DataObject, text: str) -> list[str]:
    """``text`` cut anywhere."""
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=4)))
    edges = [0, *(cut for cut in cuts if cut < len(text)), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


def said_reasoning(form: str, text: str) -> dict[str, Any]:
    if form == "both":
        return {"reasoning": text, "reasoning_content": text}
    return {form: text}


def call_chunks(data: st.DataObject, calls: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """The fragments of parallel calls in any interleaving; calls begin in their order."""
    left = []
    for index, (name, arguments) in enumerate(calls):
        cut = pieces(data, orjson.dumps(arguments).decode())
        head = entry(index, f"id{index}", name, cut[0])
        left.append([head, *(entry(index, arguments=piece) for piece in cut[1:])])
    chunks: list[Any] = []
    begun = 0
    while any(left):
        ready = [number for number, rest in enumerate(left) if rest and number <= begun]
        number = data.draw(st.sampled_from(ready))
        chunks.append(tools(left[number].pop(0)))
        begun = max(begun, number + 1)
    return chunks


@settings(max_examples=200, deadline=None)
@given(
    form=REASONING_FORM,
    thinking=st.just("") | TEXT,
    text=st.just("") | TEXT,
    calls=CALLS,
    buffered=st.booleans(),
    data=st.data(),
)
def test_a_reply_is_conserved_under_any_chunking_and_as_a_whole(
    form: str,
    thinking: str,
    text: str,
    calls: list[tuple[str, dict[str, Any]]],
    buffered: bool,
    data: st.DataObject,
) -> None:
    facts: dict[str, Any] = {"tool_args": "buffer" if buffered else "stream"}
    chunks = [
        *(chunk(said_reasoning(form, piece)) for piece in pieces(data, thinking)),
        *(chunk({"content": piece}) for piece in pieces(data, text)),
        *call_chunks(data, calls),
        end("tool_calls" if calls else "stop"),
    ]
    stream = translator(reply(**facts))
    events = [event for item in chunks for event in stream.feed(item)]
    events += stream.finish()
    assert_legal(events)
    collector = EventCollector()
    collector.feed(events)
    streamed = collector.message

    whole = chat_to_message(
        {
            "id": "chatcmpl-A1",
            "choices": [
                {
                    "message": {
                        **said_reasoning(form, thinking),
                        "content": text,
                        "tool_calls": [
                            entry(None, f"id{index}", name, orjson.dumps(arguments).decode())
                            for index, (name, arguments) in enumerate(calls)
                        ],
                    },
                    "finish_reason": "tool_calls" if calls else "stop",
                }
            ],
        },
        reply(**facts),
    )
    assert streamed == whole
    assert chunks_to_message(chunks, reply(**facts)) == whole
    blocks = {block["type"]: block for block in whole["content"]}
    assert blocks.get("thinking", {"thinking": ""})["thinking"] == thinking
    assert blocks.get("text", {"text": ""})["text"] == text
    inputs = [block["input"] for block in whole["content"] if block["type"] == "tool_use"]
    assert inputs == [arguments for _, arguments in calls]


@settings(max_examples=150, deadline=None)
@given(
    content=st.lists(st.sampled_from(["<think>", "</think>", "<", "th", " ", "a"]), max_size=7),
    data=st.data(),
)
def test_tagged_content_is_the_same_under_any_chunking(
    content: list[str], data: st.DataObject
) -> None:
    said = "".join(content)
    parts = pieces(data, said)
    # A delta that repeats all text before it is read as a snapshot (docs/protocol.md section 4).
    assume(not any(after.startswith(before) for before, after in pairwise(parts[:3])))
    chunks = [*(chunk({"content": piece}) for piece in parts), end()]
    whole = chunks_to_message([chunk({"content": said}), end()], reply(think_tags=True))
    assert chunks_to_message(chunks, reply(think_tags=True)) == whole
