"""Laws of calls that are written as text: whatever the pieces, the message is the same.

Further: text without markup is not changed and not delayed, what is held back is limited, and the work
grows with the text and no faster.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import EventCollector, chunks_to_message
from proxy.convert.reply.text_calls.candidate import MAX_CHARS
from proxy.convert.reply.text_calls.forms import STARTS
from proxy.convert.reply.text_calls.markup import MAX_CALLS
from tests.convert.chunk_builders import chunk, end, translator
from tests.convert.reply.test_text_calls import (
    CODER,
    DEEPSEEK_3,
    DSML,
    FORMS,
    HERMES,
    KIMI_CALL,
    MINIMAX,
    asked,
    calls,
    said,
    whole,
)
from tests.convert.stream_grammar import assert_legal, assert_strict_arguments
from tests.security.growth import TIMES, grows_too_fast

LONGEST_START = max(map(len, STARTS))
MARKUP = st.sampled_from(
    [*FORMS.values(), *STARTS, "<", "</", "<|", "<tool", "</tool_call>", "</function>", "<parameter=path>",
     "</parameter>", "<arg_key>path</arg_key>", "<arg_value>", "</arg_value>", '{"name": "Read", ',
     '"arguments": {}', "{", "}", '"', "\\", "Read", "path", ">", "<|tool_call_end|>",
     "<|tool_call_argument_begin|>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "```", "```json", "~~~"]
)  # fmt: skip
PROSE = st.sampled_from(
    ["\n", "\n\n", " ", "    ", "a", "I will look.", "é", "\r\n", "`", "x" * 300]
)
TEXTS = st.lists(st.one_of(MARKUP, PROSE), max_size=9).map("".join)


def cut(data: st.DataObject, text: str) -> list[str]:
    """``text`` in pieces of any size."""
    places = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=12)))
    edges = [0, *(place for place in places if place < len(text)), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@settings(deadline=None, max_examples=400)
@given(text=TEXTS, data=st.data())
def test_any_split_and_the_whole_give_the_same_message(text: str, data: st.DataObject) -> None:
    expected = whole(text)
    parts = cut(data, text)
    # A delta that begins with the one before it may be a repetition of all text (snapshots.py).
    assume(not any(after.startswith(before) for before, after in pairwise(parts[:3])))
    stream = translator(asked())
    events = [event for part in parts for event in stream.feed(chunk({"content": part}))]
    events += [*stream.feed(end()), *stream.finish()]
    assert_legal(events)
    assert_strict_arguments(events)
    collector = EventCollector()
    collector.feed(events)
    assert collector.message == expected
    characters = [*(chunk({"content": character}) for character in text), end()]
    assert chunks_to_message(characters, asked()) == expected


@settings(deadline=None, max_examples=300)
@given(text=TEXTS)
def test_text_is_kept_or_its_end_is_calls(text: str) -> None:
    message = whole(text)
    told = said(message)
    if not calls(message):
        assert (told, message["stop_reason"]) == (text, "end_turn")
        return
    assert message["stop_reason"] == "tool_use"
    assert text.startswith(told)
    assert text[len(told) :].lstrip().startswith(STARTS)


@settings(deadline=None, max_examples=200)
@given(text=st.text(st.characters(exclude_categories=["Cs"])), data=st.data())
@example("a < b && c > d, <b>bold</b> <tools> <function> <|x|>", None)
def test_text_without_markup_is_not_changed_and_not_delayed(
    text: str, data: st.DataObject | None
) -> None:
    parts = list(text) if data is None else cut(data, text)
    flagged, plain = translator(asked()), translator(asked(text_tool_calls=False))
    for part in parts:
        same = flagged.feed(chunk({"content": part})) == plain.feed(chunk({"content": part}))
        assert same or "<" in text or not text[:1].strip()
    flagged.feed(end())
    plain.feed(end())
    flagged.finish()
    plain.finish()
    assert (flagged.usage, flagged.written, flagged.warnings) == (
        plain.usage,
        plain.written,
        plain.warnings,
    )


@settings(deadline=None, max_examples=200)
@given(text=TEXTS)
def test_what_is_held_back_begins_as_markup(text: str) -> None:
    stream = translator(asked())
    fed = sent = ""
    for character in f"A{text}":
        events = stream.feed(chunk({"content": character}))
        fed += character
        sent += "".join(event.get("delta", {}).get("text", "") for event in events)
        assert fed.startswith(sent)
        held = fed[len(sent) :]
        assert not held or held.startswith(STARTS) or any(s.startswith(held) for s in STARTS)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<tool_call>" + '{"name": "Read", "arguments": {"path": "', id="a string"),
        pytest.param("<function=Read>\n<parameter=path>\n", id="a parameter"),
        pytest.param("<tool_call>Read<arg_key>path</arg_key><arg_value>", id="a value"),
        pytest.param("<|tool_calls_section_begin|>" + "\n" * 5, id="blanks"),
    ],
)
def test_4_what_is_held_back_is_limited(text: str) -> None:
    filler = "\n" if text.endswith("\n" * 5) else "x"
    long = text + filler * (MAX_CHARS - len(text))
    stream = translator(asked())
    parts = [long[at : at + 1000] for at in range(0, len(long), 1000)]
    assert not [e for part in parts for e in stream.feed(chunk({"content": part})) if "delta" in e]
    start, *deltas = stream.feed(chunk({"content": "y"}))
    assert start["type"] == "content_block_start"
    assert [delta["delta"]["text"] for delta in deltas] == [long, "y"]
    assert said(whole(f"{long}y\n{HERMES}")) == f"{long}y\n"


def test_3_so_many_calls_and_no_more() -> None:
    assert len(calls(whole(KIMI_CALL * MAX_CALLS))) == MAX_CALLS
    assert calls(whole(HERMES * (MAX_CALLS + 1))) == []


HOSTILE = {
    **{f"only {start}": f"\n{start}" for start in STARTS},
    "calls": HERMES,
    "calls of no tool": "\n" + HERMES.replace("Read", "Write"),
    "angle brackets": "<",
    "halves of tags": "\n<tool_cal",
    "objects": '\n<tool_call>{"a":',
    "strings": '\n<tool_call>{"',
    "backslashes": "\\",
    "parameters": "\n<function=Read><parameter=path>",
    "ends of parameters": "</parameter>",
    "functions": "\n" + CODER[12:-14],
    "values": "\n<tool_call>Read<arg_key>path</arg_key><arg_value>",
    "fences": "\n```x",
    "backticks": "`",
    "invocations": "\n" + MINIMAX[:60],
    "DSML": DSML[:60],
    "fenced arguments": DEEPSEEK_3[:60],
    "blanks": " ",
    "lines": "\n",
}
BEFORE = ("", '<tool_call>{"name": "Read", "arguments": {"path": "', CODER[:50])


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("before", BEFORE, ids=["", "in a string", "in a parameter"])
@pytest.mark.long(except_every=5)
def test_the_work_grows_with_the_text_and_no_faster(before: str, hostile: str) -> None:
    word = HOSTILE[hostile]

    def text(size: int) -> str:
        return before + word * (size // len(word))

    def at_once(size: int) -> Callable[[], object]:
        payload = {"choices": [{"message": {"content": text(size)}, "finish_reason": "stop"}]}
        return partial(chat_to_message, payload, asked())

    def in_pieces(size: int) -> Callable[[], object]:
        said = text(size)
        chunks = [chunk({"content": said[at : at + 50]}) for at in range(0, len(said), 50)]
        return lambda: chunks_to_message([*chunks, end()], asked())

    for ask in (at_once, in_pieces):
        assert not grows_too_fast(ask(30_000), ask(30_000 * TIMES))
