"""What a native upstream refuses, and the request that it is sent instead."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from proxy.convert.request.drops import Drops
from proxy.relay.native.mended import mend_for

SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"thinking": "kept"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
TEXT = {"type": "text", "text": "ok", "cache_control": {"type": "ephemeral"}}
ASK = {"role": "user", "content": "Read it"}
NOTE = {"role": "system", "content": "Agent types: none."}
TAGGED = {"type": "text", "text": "<system>\nAgent types: none.\n</system>"}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def mended(text: str, done: tuple[str, ...] = (), **request: Any) -> tuple[str, Any, str] | None:
    """The mend's name, the changed members and the header; the request itself stays as it is."""
    before = copy.deepcopy(request)
    mend = mend_for(request, text, done)
    if mend is None:
        return None
    drops = Drops()
    changed = mend.changed(request, drops)
    assert request == before
    assert changed is not None
    return mend.name, dict(changed), drops.header()


SIGNATURES = (
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "messages.3.content.13: Invalid signature in thinking block",
    "messages.1.content.0.thinking.signature: Field required",
    "messages.5.content.0.thinking.signature.str: Input should be a valid string",
    "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
    "messages.3.content.8: `thinking` or `redacted_thinking` blocks in the latest assistant message"
    " cannot be modified. These blocks must remain as they were in the original response.",
    "ValidationException: The thinking block has an invalid signature",
    '{\\"message\\":\\"messages.1.content.0: Invalid \\"signature\\" in \\"thinking\\" block\\"}',
)


@pytest.mark.parametrize("text", SIGNATURES)
def test_a_refused_signature_takes_the_thinking_blocks_out(text: str) -> None:
    turns = [ASK, assistant(SIGNED, HIDDEN, TEXT, CALL), user(RESULT)]
    assert mended(text, messages=turns, max_tokens=9) == (
        "thinking_blocks",
        {"messages": [ASK, assistant(TEXT, CALL), user(RESULT)], "max_tokens": 9},
        "redacted_thinking, thinking",
    )


@pytest.mark.parametrize(
    ("turns", "left", "dropped"),
    [
        pytest.param(
            [ASK, assistant(SIGNED), ASK], [ASK, ASK], "thinking", id="a turn that held no more"
        ),
        pytest.param(
            [ASK, assistant(SIGNED, TEXT), ASK, assistant(HIDDEN, SIGNED, CALL), user(RESULT)],
            [ASK, assistant(TEXT), ASK, assistant(CALL), user(RESULT)],
            "redacted_thinking, thinking;n=2",
            id="all turns",
        ),
        pytest.param(
            [ASK, assistant({**SIGNED, "signature": ""}, TEXT)],
            [ASK, assistant(TEXT)],
            "thinking",
            id="an empty signature",
        ),
        pytest.param(
            [ASK, assistant({"type": "thinking", "thinking": "x"}, TEXT)],
            [ASK, assistant(TEXT)],
            "thinking",
            id="no signature",
        ),
        pytest.param(
            [7, None, {"role": "user"}, assistant(SIGNED, "odd", 3), {"content": []}],
            [7, None, {"role": "user"}, assistant("odd", 3), {"content": []}],
            "thinking",
            id="odd turns stay as they are",
        ),
    ],
)
def test_thinking_blocks(turns: list[Any], left: list[Any], dropped: str) -> None:
    assert mended(SIGNATURES[0], messages=turns) == ("thinking_blocks", {"messages": left}, dropped)


@pytest.mark.parametrize(
    "text",
    [
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."
        " When `thinking` is enabled, a final `assistant` message must start with a thinking block",
        "messages.129.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`.",
        "Expected 'thinking' or 'redacted_thinking', but found 'text'",
        "a final assistant message must start with a thinking block",
        "Expected thinking or redacted_thinking, but found tool_use",
    ],
)
def test_where_thinking_must_come_first_it_is_turned_off(text: str) -> None:
    edits = [
        {"type": "clear_thinking_20251015", "keep": "all"},
        {"type": "clear_tool_uses_20250919"},
    ]
    turns = [ASK, assistant(CALL), user(RESULT)]
    found = mended(
        text,
        messages=turns,
        thinking={"type": "enabled", "budget_tokens": 1024},
        context_management={"edits": edits, "x": 1},
    )
    assert found == (
        "thinking_off",
        {"messages": turns, "context_management": {"edits": edits[1:], "x": 1}},
        "context_management.edits, thinking=disabled",
    )


SYSTEM = (
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter'
)


@pytest.mark.parametrize(
    "text",
    [
        SYSTEM,
        "messages.3.role: Input should be 'user' or 'assistant'",
        "system message must be at the beginning",
        "System messages are not supported in the middle of a conversation",
        "invalid params, chat content has invalid message role: system (2013)",
        "Role 'system' is not supported",
        "unsupported role: `system`",
    ],
)
def test_a_refused_system_turn_goes_as_a_users_text(text: str) -> None:
    turns = [ASK, assistant(TEXT), user({"type": "text", "text": "a"}), NOTE]
    assert mended(text, messages=turns) == (
        "system_turns",
        {"messages": [ASK, assistant(TEXT), user({"type": "text", "text": "a"}, TAGGED)]},
        "system=user",
    )


@pytest.mark.parametrize(
    ("turns", "left"),
    [
        pytest.param(
            [ASK, NOTE, assistant(TEXT)],
            [user({"type": "text", "text": "Read it"}, TAGGED), assistant(TEXT)],
            id="after a text",
        ),
        pytest.param([NOTE, ASK], [user(TAGGED, {"type": "text", "text": "Read it"})], id="first"),
        pytest.param(
            [ASK, assistant(CALL), NOTE, user(RESULT, TEXT)],
            [ASK, assistant(CALL), user(RESULT, TAGGED, TEXT)],
            id="before results: these stay first",
        ),
        pytest.param(
            [ASK, assistant(CALL), user(RESULT), NOTE, NOTE],
            [ASK, assistant(CALL), user(RESULT, TAGGED, TAGGED)],
            id="after results, twice",
        ),
        pytest.param(
            [ASK, assistant(TEXT), NOTE, assistant(TEXT)],
            [ASK, assistant(TEXT), user(TAGGED), assistant(TEXT)],
            id="between two answers",
        ),
        pytest.param([ASK, assistant(TEXT), NOTE], [ASK, assistant(TEXT), user(TAGGED)], id="last"),
        pytest.param(
            [ASK, {"role": "system", "content": [TEXT]}],
            [
                user(
                    {"type": "text", "text": "Read it"},
                    {**TEXT, "text": "<system>\nok\n</system>"},
                )
            ],
            id="blocks keep their cache markers",
        ),
    ],
)
def test_system_turns(turns: list[Any], left: list[Any]) -> None:
    found = mended(SYSTEM, messages=turns)
    assert found is not None
    assert found[:2] == ("system_turns", {"messages": left})


@pytest.mark.parametrize(
    ("text", "request_members"),
    [
        pytest.param(SIGNATURES[0], {"messages": [ASK, assistant(TEXT)]}, id="no thinking"),
        pytest.param(SYSTEM, {"messages": [ASK]}, id="no system turn"),
        pytest.param(
            "must start with a thinking block", {"messages": [ASK]}, id="thinking was not asked for"
        ),
        pytest.param("max_tokens: too large", {"messages": [assistant(SIGNED), NOTE]}, id="other"),
        pytest.param(
            "messages.1: `tool_use` ids were found without `tool_result` blocks",
            {"messages": [assistant(SIGNED), NOTE]},
            id="pairing",
        ),
        pytest.param(SIGNATURES[0], {"messages": "odd"}, id="no list of turns"),
        pytest.param(SYSTEM, {}, id="no turns"),
    ],
)
def test_what_was_not_sent_or_not_named_is_not_changed(
    text: str, request_members: dict[str, Any]
) -> None:
    assert mended(text, **request_members) is None


def test_each_change_is_made_once() -> None:
    turns = [ASK, assistant(SIGNED, TEXT)]
    assert mended(SIGNATURES[0], ("thinking_blocks",), messages=turns) is None
