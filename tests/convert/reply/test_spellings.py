"""Reasoning in each spelling gives the same message, whole and streamed (docs/protocol.md 3)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.reply.private_state import unpack_members
from proxy.convert.reply.spellings import TEXT_FORMS
from tests.convert.chunk_builders import chunk, end, reply

THOUGHT = {"extra_content": {"google": {"thought": True}}}
VERTEX = {"extra_content": {"vertex": {"thought": True}}}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def parts(*content: dict[str, Any]) -> dict[str, Any]:
    return {"content": list(content)}


def told(message: dict[str, Any]) -> list[tuple[str, str]]:
    """Kind and text of each block, private state as its values."""
    return [
        (block["type"], block.get("thinking") or block.get("text") or _data(block))
        for block in message["content"]
    ]


def _data(block: dict[str, Any]) -> str:
    data = block.get("data", "")
    return ",".join(map(str, (unpack_members(data) or {data: data}).values()))


SPELLINGS = [
    *(
        pytest.param(
            {form: "Let me think.", "content": "Done."},
            [{form: "Let me "}, {form: "think.", "content": None}, {"content": "Done."}],
            [("thinking", "Let me think."), ("text", "Done.")],
            id=f"edge 111 {form}",
        )
        for form in TEXT_FORMS
    ),
    pytest.param(
        {"content": "Done.", "reasoning_text": "Hm.", "reasoning_opaque": "T3"},
        [{"reasoning_text": "Hm."}, {"content": "Do", "reasoning_opaque": "T3"}, {"content": "ne."}],
        [("thinking", "Hm."), ("redacted_thinking", "T3"), ("text", "Done.")],
        id="10.3 reasoning_opaque beside the first text",
    ),
    pytest.param(
        {"tool_calls": [CALL], "reasoning_opaque": "T3"},
        [{"content": None, "tool_calls": [CALL], "reasoning_opaque": "T3"}],
        [("redacted_thinking", "T3"), ("tool_use", "")],
        id="10.3 reasoning_opaque beside a call",
    ),
    pytest.param(
        {"reasoning_content": "Hm.", "reasoning_opaque": "T3", "content": "Done."},
        [{"reasoning_content": "Hm.", "reasoning_opaque": "T3"}, {"content": "Do"},
         {"content": "ne.", "reasoning_opaque": "T3"}],
        [("thinking", "Hm."), ("redacted_thinking", "T3"), ("text", "Done.")],
        id="10.3 reasoning_opaque twice",
    ),
    pytest.param(
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "S"}],
         "reasoning_content": "Hm.", "content": "Done."},
        [{"reasoning_content": "Hm.", "thinking_blocks": [{"thinking": "Hm.", "signature": None}]},
         {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "S"}]},
         {"content": "Done."}],
        [("thinking", "Hm."), ("text", "Done.")],
        id="edge 111 LiteLLM's two spellings",
    ),
    pytest.param(
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "X"}], "content": "Done."},
        [{"thinking_blocks": [{"type": "redacted_thinking", "data": "X"}]}, {"content": "Done."}],
        [("redacted_thinking", "X"), ("text", "Done.")],
        id="redacted thinking_blocks",
    ),
    pytest.param(
        parts({"type": "reasoning", "summary": [{"text": "Hm."}]}, {"type": "text", "text": "Done."}),
        [parts({"type": "reasoning", "summary": [{"text": "Hm."}]}), {"content": "Done."}],
        [("thinking", "Hm."), ("text", "Done.")],
        id="3 parts with summaries",
    ),
    pytest.param(
        parts({"type": "reasoning", "text": "Hm.", "encrypted_content": "X"}, {"text": "Done."}),
        [parts({"type": "reasoning", "text": "Hm."}),
         parts({"type": "reasoning", "encrypted_content": "X"}), {"content": "Done."}],
        [("thinking", "Hm."), ("redacted_thinking", "X"), ("text", "Done.")],
        id="3 parts with encrypted reasoning",
    ),
    pytest.param(
        {"reasoning_content": "Hm.",
         **parts({"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Done."})},
        [{"reasoning_content": "Hm.", **parts({"type": "thinking", "thinking": "Hm."})},
         {"content": "Done."}],
        [("thinking", "Hm."), ("text", "Done.")],
        id="3 the same in a member and in a part",
    ),
    pytest.param(
        {"content": "<thought>Hm.\nSo.</thought>Done.", **THOUGHT},
        [{"content": "<thought>Hm.\n", **THOUGHT}, {"content": "So.", **THOUGHT},
         {"content": "</thought>Do"}, {"content": "ne."}],
        [("thinking", "Hm.\nSo."), ("text", "Done.")],
        id="3 a marked thought",
    ),
    pytest.param(
        {"content": "Hm.", **VERTEX},
        [{"content": "H", **VERTEX}, {"content": "m.", **VERTEX}],
        [("thinking", "Hm.")],
        id="3 a marked thought without tags",
    ),
    pytest.param(
        {"content": "Done.", "extra_content": {"google": {"thought": False}}},
        [{"content": "Do", "extra_content": {"google": {"thought": "no"}}}, {"content": "ne."}],
        [("text", "Done.")],
        id="3 a mark that says no",
    ),
]  # fmt: skip


@pytest.mark.parametrize("tags", [False, True], ids=["", "P.think_tags"])
@pytest.mark.parametrize(("message", "deltas", "expected"), SPELLINGS)
def test_spelling(
    message: dict[str, Any],
    deltas: list[dict[str, Any]],
    expected: list[tuple[str, str]],
    tags: bool,
) -> None:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    assert told(chat_to_message({"choices": [choice]}, reply(think_tags=tags))) == expected
    streamed = chunks_to_message([*map(chunk, deltas), end()], reply(think_tags=tags))
    assert told(streamed) == expected


def test_3_thoughts_between_texts() -> None:
    deltas = [
        {"content": "<thought>Hm.", **THOUGHT},
        {"content": "</thought>One."},
        {"content": "<thought>So.", **THOUGHT},
        {"content": "Two."},
    ]
    assert told(chunks_to_message([*map(chunk, deltas), end()], reply())) == [
        ("thinking", "Hm."),
        ("text", "One."),
        ("thinking", "So."),
        ("text", "Two."),
    ]


@pytest.mark.parametrize(
    "name", ["reasoning_opaque", "thinking_blocks", "reasoning_text", "thinking"]
)
def test_no_spelling_is_passed_over_beside_plain_text(name: str) -> None:
    """The short way for plain deltas must see each of them."""
    value: object = [{"thinking": "new"}] if name == "thinking_blocks" else "new"
    deltas = [{"content": "a"}, {"content": "b"}, {"content": "c", name: value}]
    kinds = [kind for kind, _ in told(chunks_to_message([*map(chunk, deltas), end()], reply()))]
    assert len(kinds) > 1
