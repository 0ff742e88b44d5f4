"""An answer with too many parts ends as a failure that names them; what is ignored is ignored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.limits import (
    MOST_BLOCKS,
    MOST_CALLS,
    MOST_CHOICES,
    MOST_MEMBERS,
    MOST_PARTS,
    PIECES_BETWEEN_PAUSES,
)
from proxy.convert.reply.private_state import unpack_detail
from proxy.errors import UpstreamError
from tests.convert.chunk_builders import (
    chunk,
    end,
    reply,
    shape,
    text,
    tool,
    translated,
    translator,
    usage_chunk,
)


def whole(message: dict[str, Any], choices: int = 1) -> dict[str, Any]:
    choice = {"message": message, "finish_reason": "stop"}
    return chat_to_message({"choices": [choice] * choices}, ReplyContext(model="m"))


def entry(number: int, name: str = "f") -> dict[str, Any]:
    return {"id": f"c{number}", "function": {"name": name, "arguments": '{"a":1}'}}


TOO_MANY: dict[str, tuple[dict[str, Any], str]] = {
    "parts": ({"content": ["x"] * (MOST_PARTS + 1)}, f"{MOST_PARTS} content parts"),
    "parts of a refusal": (
        {"content": [{"type": "refusal", "refusal": ["x"] * (MOST_PARTS + 1)}]},
        f"{MOST_PARTS} content parts",
    ),
    "parts of reasoning": (
        {"content": [{"type": "thinking", "thinking": ["x"] * (MOST_PARTS + 1)}]},
        f"{MOST_PARTS} parts of reasoning",
    ),
    "items of reasoning": (
        {"content": "x", "reasoning_details": [{"text": "x"}] * (MOST_PARTS + 1)},
        f"{MOST_PARTS} reasoning_details",
    ),
    "entries of tool_calls": (
        {"tool_calls": [None] * (MOST_PARTS + 1)},
        f"{MOST_PARTS} tool calls",
    ),
    "tool calls": (
        {"tool_calls": [entry(k) for k in range(MOST_CALLS + 1)]},
        f"{MOST_CALLS} tool calls",
    ),
    "tool calls without a name": (
        {"tool_calls": [entry(k, "") for k in range(MOST_CALLS + 1)]},
        f"{MOST_CALLS} tool calls",
    ),
}


@pytest.mark.parametrize("message", TOO_MANY)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_too_many_parts_are_a_failure_that_names_them(message: str, streamed: bool) -> None:
    sent, told = TOO_MANY[message]
    told = f"the upstream's answer has more than {told}"
    if not streamed:
        with pytest.raises(UpstreamError, match=told) as raised:
            whole(sent)
        assert (raised.value.status, raised.value.type) == (502, "api_error")
        return
    stream = translator(reply())
    stream.feed(text("begun"))
    assert shape(stream.feed(chunk(sent)))[-1] == f"error api_error: {told}"
    assert stream.ended
    assert stream.finish() == []


def test_too_many_choices_are_a_failure() -> None:
    assert whole({"content": "x"}, MOST_CHOICES)["content"] == [
        {"type": "text", "text": "x" * MOST_CHOICES}
    ]
    with pytest.raises(UpstreamError, match=f"more than {MOST_CHOICES} choices"):
        whole({"content": "x"}, MOST_CHOICES + 1)


def test_the_number_of_a_choice_that_is_too_large_counts_as_none() -> None:
    """Each would be remembered to the end."""
    one = {"index": 10**6, "delta": {"content": "a"}, "finish_reason": "length"}
    other = {"index": 0, "delta": {"content": "b"}, "finish_reason": "stop"}
    events = translated([{"choices": [one]}, {"choices": [other]}], reply())
    assert "end end_turn" in shape(events)


def test_calls_of_many_chunks_are_counted_together() -> None:
    stream = translator(reply())
    for k in range(MOST_CALLS):
        stream.feed(tool(k, f"c{k}", "f", '{"a":1}'))
    assert not stream.ended
    last = stream.feed(tool(MOST_CALLS, "more", "f", '{"a":1}'))
    told = f"the upstream's answer has more than {MOST_CALLS} tool calls"
    assert shape(last)[-1] == f"error api_error: {told}"


def items(count: int) -> Iterable[dict[str, Any]]:
    return ({"type": "reasoning.text", "text": "a", "id": str(k)} for k in range(count))


def test_blocks_of_many_chunks_are_counted_together() -> None:
    stream = translator(reply())
    for item in items(MOST_BLOCKS + 1):
        assert not stream.ended
        stream.feed(chunk({"reasoning_details": [item]}))
    last = stream.feed(chunk({"reasoning_details": [{**item, "id": "last"}]}))
    told = f"the upstream's answer has more than {MOST_BLOCKS} content blocks"
    assert shape(last)[-1] == f"error api_error: {told}"


def test_blocks_that_only_the_end_would_write_are_counted_too() -> None:
    stream = translator(reply())
    stream.feed(tool(0, "a", "f", '{"x":'))
    texts: Sequence[Any] = [{"type": "thinking", "text": "a"}, "b"]
    for _ in range(2):
        stream.feed(chunk({"content": [*texts] * (MOST_PARTS // 2)}))
    stream.feed(end())
    told = f"the upstream's answer has more than {MOST_BLOCKS} content blocks"
    assert shape(stream.finish())[-1] == f"error api_error: {told}"


def test_of_many_members_of_usage_the_known_ones_are_read() -> None:
    other = {f"x{k}_tokens": 0 for k in range(10 * MOST_MEMBERS)}
    counts = {**other, "prompt_tokens": 7, "completion_tokens": 3}
    choice = {"message": {"content": "x"}, "finish_reason": "stop"}
    message = chat_to_message({"choices": [choice], "usage": counts}, ReplyContext(model="m"))
    usage = message["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (7, 3)


def test_members_of_usage_that_come_one_by_one_are_not_kept() -> None:
    stream = translator(reply())
    for k in range(10 * MOST_MEMBERS):
        stream.feed(usage_chunk(7, None, **{f"x{k}_tokens": 1}))
    stream.feed(usage_chunk(8, 2))
    stream.feed(text("x"))
    stream.feed(end())
    stream.finish()
    assert (stream.usage["input_tokens"], stream.usage["output_tokens"]) == (8, 2)


def test_members_of_an_item_of_reasoning_are_kept_up_to_a_number() -> None:
    stream = translator(reply())
    events = []
    for k in range(3 * MOST_MEMBERS):
        item = {"type": "reasoning.text", "id": "r", "text": "a", f"m{k}": k}
        events += stream.feed(chunk({"reasoning_details": [item]}))
    events += stream.feed(text("x"))
    signature = next(e["delta"]["signature"] for e in events if e.get("delta", {}).get("signature"))
    detail = unpack_detail(signature)
    assert detail is not None
    assert len(detail) == MOST_MEMBERS
    assert (detail["id"], detail["m0"]) == ("r", 0)


def test_a_large_answer_is_read_in_turns() -> None:
    turns = []
    message = {"content": ["x"] * 20 * PIECES_BETWEEN_PAUSES}
    choice = {"message": message, "finish_reason": "stop"}
    chat_to_message({"choices": [choice]}, ReplyContext(model="m"), pause=lambda: turns.append(1))
    assert len(turns) >= 20
