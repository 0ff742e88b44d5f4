"""Several choices are one answer in pieces (docs/protocol.md section 3)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.errors import UpstreamError
from tests.convert.chunk_builders import body, chunk, end, entry, reply, translated


def choice(index: object, message: dict[str, Any], finish: object = "stop") -> dict[str, Any]:
    """A whole choice."""
    return {"index": index, "message": message, "finish_reason": finish}


def piece(index: object, delta: dict[str, Any], finish: object = None) -> dict[str, Any]:
    """A chunk with one choice."""
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def told(message: dict[str, Any]) -> list[object]:
    return [
        block.get("text") or block.get("thinking") or (block["name"], block["input"])
        for block in message["content"]
    ]


A: dict[str, Any] = {"tool_calls": [entry(0, "a", "f", '{"x":1}')]}
B: dict[str, Any] = {"tool_calls": [entry(0, "b", "g", '{"y":2}')]}
F, G = ("f", {"x": 1}), ("g", {"y": 2})


@pytest.mark.parametrize(
    ("choices", "expected", "stop"),
    [
        pytest.param(
            [choice(0, {"content": "I read."}, "tool_calls"), choice(1, A, "tool_calls")],
            ["I read.", F],
            "tool_use",
            id="3 text, then a call",
        ),
        pytest.param([choice(0, A), choice(1, B)], [F, G], "tool_use", id="3 a call in each"),
        pytest.param(
            [choice(0, {"reasoning_text": "Hm."}, None), choice(1, {"content": "Done."})],
            ["Hm.", "Done."],
            "end_turn",
            id="3 reasoning, then text",
        ),
        pytest.param(
            [choice(1, A), choice(0, {"content": "I read."})],
            ["I read.", F],
            "tool_use",
            id="3 out of order",
        ),
        pytest.param(
            [choice(None, {"content": "I read."}), choice(None, A)],
            ["I read.", F],
            "tool_use",
            id="3 without numbers",
        ),
        pytest.param(
            [choice(0, {"content": "a"}), choice(1, {"content": "b"}), choice(2, A)],
            ["ab", F],
            "tool_use",
            id="3 three choices",
        ),
        pytest.param(
            [choice(0, {"content": "a"}, "length"), choice(1, {"content": "b"})],
            ["ab"],
            "max_tokens",
            id="3 a limit in the first",
        ),
        pytest.param(
            [choice(0, {"content": "a"}), choice(1, {"content": ""}, "content_filter")],
            ["a"],
            "refusal",
            id="3 a filter in the second",
        ),
        pytest.param(
            [choice(0, {"content": "a"}, "mystery"), choice(1, A, "tool_calls")],
            ["a", F],
            "tool_use",
            id="3 an unknown finish in the first",
        ),
    ],
)
def test_choices_are_one_answer(
    choices: list[dict[str, Any]], expected: list[object], stop: str
) -> None:
    whole = chat_to_message({"choices": choices}, reply())
    assert (told(whole), whole["stop_reason"]) == (expected, stop)
    deltas = [{**made, "delta": made["message"], "message": None} for made in choices]
    for chunks in ([{"choices": deltas}], [{"choices": choices}]):
        streamed = chunks_to_message(chunks, reply())
        assert (told(streamed), streamed["stop_reason"]) == (expected, stop)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [piece(0, {"content": "I "}), piece(0, {"content": "read."}), piece(1, A),
             piece(0, {}, "tool_calls"), piece(1, {}, "tool_calls")],
            ["I read.", F],
            id="4 one choice after the other",
        ),
        pytest.param(
            [piece(0, {"tool_calls": [entry(0, "a", "f", '{"x"')]}),
             piece(1, {"tool_calls": [entry(0, "b", "g", '{"y"')]}),
             piece(0, {"tool_calls": [entry(0, None, None, ":1}")]}),
             piece(1, {"tool_calls": [entry(0, None, None, ":2}")]}),
             piece(0, {}, "tool_calls")],
            [F, G],
            id="4 calls in turns, both number 0",
        ),
        pytest.param(
            [piece(1, {"content": "a"}), piece(1, {"content": "b"}), piece(1, {}, "stop")],
            ["ab"],
            id="4 the only choice is number 1",
        ),
        pytest.param(
            [piece(0, {"content": "a"}, "stop"), piece(1, {"content": "b"}, "stop")],
            ["ab"],
            id="4 the second after the end of the first",
        ),
        pytest.param(
            [piece(0, {"role": "assistant", "content": ""}),
             {"choices": [{"index": 0, "message": {"content": "all"}, "finish_reason": "stop"}]}],
            ["all"],
            id="4 a whole message behind an empty delta",
        ),
        pytest.param(
            [{"choices": [choice(0, {"content": "a"}, None)]}, {"choices": [choice(1, A)]}],
            ["a", F],
            id="4 whole messages in two chunks",
        ),
        pytest.param(
            [piece(0, {"content": "a"}),
             {"choices": [choice(0, {"content": "a"}, "stop"), choice(1, A)]}],
            ["a", F],
            id="4 a message that repeats the first choice only",
        ),
    ],
)  # fmt: skip
def test_choices_of_a_stream_are_one_answer(
    chunks: list[dict[str, Any]], expected: list[object]
) -> None:
    assert told(chunks_to_message(chunks, reply())) == expected


def test_another_choice_goes_on_with_the_open_block() -> None:
    chunks = [chunk({"content": "a"}), piece(1, {"content": "b"}), end()]
    assert body(translated(chunks)) == [
        "0 text", "text_delta a", "text_delta b", "0 stop", "end end_turn",
    ]  # fmt: skip


def test_usage_in_any_choice_counts() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 2}
    second = {**choice(1, A), "usage": counts}
    message = chat_to_message({"choices": [choice(0, {"content": "a"}), second]}, reply())
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (3, 2)


def test_a_failure_in_any_choice_is_one() -> None:
    answer = {"choices": [choice(0, {"content": "a"}), choice(1, {}, "error")]}
    with pytest.raises(UpstreamError, match="finish_reason 'error'"):
        chat_to_message(answer, reply())


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"delta": {"content": "a"}}, ["a"]),
        ({"delta": {"role": "assistant", "content": "a", **A}}, ["a", F]),
        ({"delta": {"reasoning_content": "r", "content": "a"}}, ["r", "a"]),
        ({"message": None, "delta": {"content": "a"}}, ["a"]),
        ({"message": {"content": "a"}, "delta": {"content": "b"}}, ["a"]),
        ({"delta": {"content": [{"type": "text", "text": "a"}]}}, ["a"]),
    ],
    ids=str,
)
def test_3_a_whole_choice_may_have_a_delta(made: dict[str, Any], expected: list[object]) -> None:
    warnings: Counter[str] = Counter()
    answer = {"choices": [{"index": 0, **made, "finish_reason": "stop"}]}
    assert told(chat_to_message(answer, reply(), warnings=warnings)) == expected
    assert not warnings
