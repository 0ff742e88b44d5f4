"""Answers that are cut at stop sequences: streamed, whole, and the laws that hold for both."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import EventCollector, chunks_to_message
from proxy.errors import UpstreamError, UpstreamTimeout
from proxy.sse import Signal
from tests.convert.chunk_builders import (
    body,
    chunk,
    end,
    entry,
    reasoning,
    reply,
    text,
    tool,
    translated,
    translator,
    usage_chunk,
)
from tests.convert.stream_grammar import assert_legal

CUT = reply(cut_here=("END",), stop_sequences=("END",))
FAILED: dict[str, Any] = {"error": {"message": "m"}}
BROKEN = "error api_error: m"


@pytest.mark.parametrize(
    ("chunks", "sequences", "expected"),
    [
        pytest.param(
            [text("a EN")],
            ["END"],
            ["0 text", "text_delta a ", "text_delta EN", BROKEN],
            id="what may begin one",
        ),
        pytest.param(
            [text("E")], ["END"], ["0 text", "text_delta E", BROKEN], id="that alone"
        ),
        pytest.param(
            [text("a EN")],
            ["ENDS", "EN"],
            ["0 text", "text_delta a ", "0 stop", "end stop_sequence"],
            id="one that a longer one might have replaced",
        ),
        pytest.param(
            [text("<thi")], ["END"], ["0 text", "text_delta <thi", BROKEN],
            id="half a tag",
        ),
        pytest.param(
            [text("a"), tool(0, "t", "f", '{"a":'), text("EN")],
            ["END"],
            ["0 text", "text_delta a", "0 stop", "1 tool_use t f", 'input_json_delta {"a":', BROKEN],
            id="not while a call is open",
        ),
        pytest.param(
            [tool(0, "t", "f", "{}"), tool(1, "u", "g"), text("<thi")],
            ["END"],
            ["0 tool_use t f", BROKEN],
            id="nor while a second one waits",
        ),
        pytest.param(
            [reasoning("r EN")], ["END"], ["0 thinking", "thinking_delta r EN", BROKEN],
            id="thinking holds nothing back",
        ),
    ],
)  # fmt: skip
def test_text_that_is_held_back_when_a_stream_breaks_off(
    chunks: list[object], sequences: list[str], expected: list[str]
) -> None:
    cut = reply(cut_here=tuple(sequences), stop_sequences=tuple(sequences), think_tags=True)
    assert body(translated([*chunks, FAILED], cut)) == expected


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [text("a EN"), text("D b"), text("c"), end()],
            ["0 text", "text_delta a ", "0 stop", "end stop_sequence"],
            id="across chunks",
        ),
        pytest.param(
            [text("a EN"), end()],
            ["0 text", "text_delta a ", "text_delta EN", "0 stop", "end end_turn"],
            id="a beginning at the end is text",
        ),
        pytest.param(
            [text("END"), end()],
            ["0 text", "0 stop", "end stop_sequence"],
            id="nothing before it",
        ),
        pytest.param(
            [reasoning("END r"), text("EN"), text("Dx"), end()],
            ["0 thinking", "thinking_delta END r", "SIGNED", "0 stop", "end stop_sequence"],
            id="thinking is not scanned, and no empty text follows it",
        ),
        pytest.param(
            [text("a EN"), reasoning("r"), text("D"), end()],
            [
                *("0 text", "text_delta a ", "text_delta EN", "0 stop"),
                *("1 thinking", "thinking_delta r", "SIGNED", "1 stop"),
                *("2 text", "text_delta D", "2 stop", "end end_turn"),
            ],
            id="the border of a block ends a beginning",
        ),
        pytest.param(
            [text("a EN"), tool(0, "c", "f", '{"x":"END"}'), end("tool_calls")],
            [
                *("0 text", "text_delta a ", "text_delta EN", "0 stop"),
                *("1 tool_use c f", 'input_json_delta {"x":"END"}', "1 stop", "end tool_use"),
            ],
            id="arguments are not scanned",
        ),
        pytest.param(
            [text("E"), tool(0, "c", "f", "{}"), end("tool_calls")],
            [
                *("0 text", "text_delta E", "0 stop"),
                *("1 tool_use c f", "input_json_delta {}", "1 stop", "end tool_use"),
            ],
            id="text of nothing but a beginning, then a call",
        ),
        pytest.param(
            [text("a END"), tool(0, "c", "f", "{}"), end("tool_calls")],
            ["0 text", "text_delta a ", "0 stop", "end stop_sequence"],
            id="calls after the sequence are not told",
        ),
        pytest.param(
            [tool(0, "c", "f", "{}"), text("a END b"), end("tool_calls")],
            [
                *("0 tool_use c f", "input_json_delta {}", "0 stop"),
                *("1 text", "text_delta a ", "1 stop", "end tool_use"),
            ],
            id="a call before it decides the stop reason",
        ),
        pytest.param(
            [tool(0, "c", "f", '{"x":'), text("a END b"), tool(0, arguments="1}"), end("tool_calls")],
            [
                *("0 tool_use c f", 'input_json_delta {"x":', "input_json_delta 1}", "0 stop"),
                *("1 text", "text_delta a ", "1 stop", "end tool_use"),
            ],
            id="text that waited for the end of a call",
        ),
        pytest.param(
            [chunk({"refusal": "I END"}), text("b"), end()],
            ["0 text", "text_delta I END", "text_delta b", "0 stop", "end refusal"],
            id="a refusal is not scanned",
        ),
        pytest.param(
            [text("a E"), chunk({"refusal": "ND"}), end()],
            ["0 text", "text_delta a ", "text_delta E", "text_delta ND", "0 stop", "end refusal"],
            id="a refusal ends a beginning",
        ),
        pytest.param(
            [text([{"type": "text", "text": "a E"}, {"type": "text", "text": "ND"}]), end()],
            ["0 text", "text_delta a ", "0 stop", "end stop_sequence"],
            id="across parts",
        ),
        pytest.param(
            [text("a END"), end("length")],
            ["0 text", "text_delta a ", "0 stop", "end stop_sequence"],
            id="the limit behind it does not count",
        ),
    ],
)  # fmt: skip
def test_streamed(chunks: list[object], expected: list[str]) -> None:
    told = [
        "SIGNED" if "signature_delta" in line else line for line in body(translated(chunks, CUT))
    ]
    assert told == expected


@pytest.mark.parametrize(
    ("message", "finish", "content", "reason"),
    [
        pytest.param({"content": "a END b"}, "stop", ["a "], "stop_sequence", id="text"),
        pytest.param({"content": "a EN"}, "stop", ["a EN"], "end_turn", id="a beginning"),
        pytest.param(
            {"content": "a END b"}, "length", ["a "], "stop_sequence", id="behind a limit"
        ),
        pytest.param({"content": "END"}, "stop", [""], "stop_sequence", id="nothing before it"),
        pytest.param(
            {"content": "END", "reasoning_content": "END"},
            "stop",
            ["END"],
            "stop_sequence",
            id="thinking",
        ),
        pytest.param(
            {"content": "a END", "tool_calls": [entry(None, "c", "f", "{}")]},
            "tool_calls",
            ["a "],
            "stop_sequence",
            id="calls behind it are not told",
        ),
        pytest.param({"refusal": "no END no"}, "stop", ["no END no"], "refusal", id="a refusal"),
    ],
)
def test_whole(message: dict[str, Any], finish: str, content: list[str], reason: str) -> None:
    completion = {"choices": [{"message": message, "finish_reason": finish}]}
    answer = chat_to_message(completion, CUT)
    assert [block.get("text", block.get("thinking")) for block in answer["content"]] == content
    assert answer["stop_reason"] == reason
    assert answer["stop_sequence"] == ("END" if reason == "stop_sequence" else None)


def test_only_what_was_not_sent_is_cut() -> None:
    context = reply(cut_here=("END",), stop_sequences=("STOP", "END"))
    answer = chat_to_message({"choices": [{"message": {"content": "a STOP b END"}}]}, context)
    assert answer["content"] == [{"type": "text", "text": "a STOP b "}]
    assert answer["stop_sequence"] == "END"


def test_reasoning_in_tags_is_not_scanned() -> None:
    context = reply(cut_here=("END",), think_tags=True)
    chunks = [text("<think>a EN"), text("D</think>b E"), text("NDc"), end()]
    answer = chunks_to_message(chunks, context)
    assert [block["type"] for block in answer["content"]] == ["thinking", "text"]
    assert (answer["content"][0]["thinking"], answer["content"][1]["text"]) == ("a END", "b ")


def test_a_stream_of_snapshots_is_cut_in_its_text() -> None:
    said = "so far and no further END beyond"
    chunks = [text(said[:8]), text(said[:19]), text(said[:24]), text(said), end()]
    answer = chunks_to_message(chunks, CUT)
    assert answer["content"] == [{"type": "text", "text": "so far and no further "}]


class Estimate:
    def count_input(self) -> int:
        return 7

    def count_output(self, output: str) -> int:
        return len(output)


def test_a_stream_ends_at_the_sequence() -> None:
    stream = translator(CUT, estimate=Estimate())
    stream.feed(text("a"))
    assert not stream.ended_early
    assert body(stream.feed(text("b END c")))[-1] == "end stop_sequence"
    assert (stream.ended, stream.ended_early, stream.error) == (True, True, None)
    # What came is what was written, as far as is known.
    assert (stream.usage["input_tokens"], stream.usage["output_tokens"]) == (7, len("ab END c"))
    assert stream.estimated
    late: Sequence[object] = (
        text("d"),
        usage_chunk(3, 4),
        Signal.DONE,
        {"error": {"message": "m"}},
    )
    assert [event for item in late for event in stream.feed(item)] == []
    assert [*stream.finish(), *stream.fail(UpstreamTimeout("silent"))] == []


def test_counts_that_came_before_the_sequence_are_kept() -> None:
    stream = translator(CUT, estimate=Estimate())
    stream.feed({**text("a"), "usage": {"prompt_tokens": 90, "completion_tokens": 1}})
    stream.feed({**text("END"), "usage": {"prompt_tokens": 90, "completion_tokens": 2}})
    assert (stream.usage["input_tokens"], stream.usage["output_tokens"]) == (90, 2)
    assert not stream.estimated


def test_an_answer_with_its_own_end_did_not_end_early() -> None:
    stream = translator(CUT)
    stream.feed(text("a EN"))
    stream.feed(end())
    stream.finish()
    assert (stream.ended, stream.ended_early) == (True, False)


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param([end("length"), usage_chunk(90, 60)], id="its end"),
        pytest.param([usage_chunk(90, 60)], id="no finish reason"),
        pytest.param([usage_chunk(90, 60), Signal.DONE], id="no finish reason, but an end"),
        pytest.param([usage_chunk(90, 60), {"error": {"message": "m"}}], id="an error"),
        pytest.param([text("more"), usage_chunk(90, 60), end("error")], id="a failed finish"),
    ],
)
def test_an_aggregated_answer_has_the_upstreams_usage(behind: list[Any]) -> None:
    """It was read to its end, so that what it cost is known."""
    answer = chunks_to_message([text("a END b"), *behind], CUT, estimate=Estimate())
    assert answer["content"] == [{"type": "text", "text": "a "}]
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "END")
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (90, 60)


def test_a_failure_before_the_sequence_is_one() -> None:
    with pytest.raises(UpstreamError):
        chunks_to_message([text("a EN"), {"error": {"message": "m"}}, text("D")], CUT)


SAID = st.text(st.sampled_from("ab<"), max_size=20)
SEQUENCES = st.lists(
    st.text(st.sampled_from("ab<"), min_size=1, max_size=4), min_size=1, max_size=3
).map(tuple)


def searched(sequences: tuple[str, ...], said: str) -> tuple[str, str | None]:
    found = [(said.find(s), rank) for rank, s in enumerate(sequences) if s in said]
    at, rank = min(found, default=(len(said), -1))
    return said[:at], sequences[rank] if found else None


@settings(max_examples=400, deadline=None)
@given(
    thinking=SAID,
    said=SAID,
    called=st.booleans(),
    sequences=SEQUENCES,
    cuts=st.sets(st.integers(1, 19)),
    show=st.sampled_from(["show", "omit", "discard"]),
)
def test_streamed_whole_and_searched_are_the_same(
    thinking: str,
    said: str,
    called: bool,
    sequences: tuple[str, ...],
    cuts: set[int],
    show: str,
) -> None:
    facts: dict[str, Any] = {
        "cut_here": sequences,
        "stop_sequences": sequences,
        "thinking": show,
    }
    edges = [0, *sorted(cut for cut in cuts if cut < len(said)), len(said)]
    calls = [entry(0, "c", "f", '{"a":"<"}')] if called else []
    finish = "tool_calls" if called else "stop"
    chunks: list[Any] = [
        reasoning(thinking),
        *(text(said[a:b]) for a, b in pairwise(edges)),
        *(chunk({"tool_calls": [call]}) for call in calls),
        end(finish),
    ]
    events = translated(chunks, reply(**facts))
    assert_legal(events)
    collector = EventCollector()
    collector.feed(events)
    message = {"content": said, "reasoning_content": thinking, "tool_calls": calls}
    whole = chat_to_message(
        {"id": "chatcmpl-A1", "choices": [{"message": message, "finish_reason": finish}]},
        reply(**facts),
    )
    assert collector.message == whole
    assert chunks_to_message(chunks, reply(**facts)) == whole
    told, matched = searched(sequences, said)
    assert "".join(block.get("text", "") for block in whole["content"]) == told
    assert whole["stop_sequence"] == matched
    used = any(block["type"] == "tool_use" for block in whole["content"])
    assert used is (called and matched is None)
