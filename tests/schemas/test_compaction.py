"""``compaction`` and the edit ``compact_20260112``: what is accepted, what is refused and how."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.errors import InvalidRequest
from proxy.schemas import load_count_request, load_message_request

SUMMARIZE = {"type": "summarize"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]
SCHEMA = {"type": "json_schema", "schema": {}}
EDIT = "context_management.edits.0.compact_20260112"


def request(**members: Any) -> bytes:
    return orjson.dumps(
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]} | members
    )


def edits(*found: Any) -> dict[str, Any]:
    return {"context_management": {"edits": list(found)}}


def compact(**members: Any) -> dict[str, Any]:
    return edits({"type": "compact_20260112", **members})


def turns(*contents: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {
        "messages": [{"role": roles[at % 2], "content": each} for at, each in enumerate(contents)]
    }


@pytest.mark.parametrize(
    "members",
    [
        {"compaction": SUMMARIZE},
        {"compaction": None},
        {"compaction": {**SUMMARIZE, "instructions": "short"}},
        {"compaction": {**SUMMARIZE, "instructions": None}},
        {"compaction": SUMMARIZE, "stop_sequences": [], "tools": TOOLS},
        {"compaction": SUMMARIZE, "tools": TOOLS, "tool_choice": {"type": "none"}},
        {"compaction": SUMMARIZE, "output_config": {"effort": "low"}},
        {"compaction": SUMMARIZE, **turns("hi", "hello")},
        {"compaction": SUMMARIZE, **turns("hi", [CALL], [RESULT])},
        {"compaction": SUMMARIZE, **turns("hi", [{"type": "compaction", "content": "x"}])},
        compact(),
        compact(trigger=None, instructions=None, pause_after_compaction=None),
        compact(trigger={"type": "input_tokens", "value": 50000}, instructions="x"),
        compact(trigger={"type": "input_tokens", "value": 5.0}, pause_after_compaction=True),
        edits({"type": "clear_thinking_20251015"}, {"type": "compact_20260112"}),
        {"context_management": {}},
        {"context_management": {"edits": None}},
    ],
)
def test_accepted(members: dict[str, Any]) -> None:
    load_message_request(request(**members))


@pytest.mark.parametrize(
    ("members", "message", "code"),
    [
        ({"compaction": {}}, "compaction: Unable to extract tag using discriminator 'type'", None),
        (
            {"compaction": {"type": "later"}},
            "compaction: Input tag 'later' found using 'type' does not match any of the expected "
            "tags: 'summarize'",
            None,
        ),
        ({"compaction": True}, "compaction: Input should be a valid dictionary", None),
        (
            {"compaction": {**SUMMARIZE, "instructions": 5}},
            "compaction.summarize.instructions: Input should be a valid string",
            None,
        ),
        (
            {"compaction": SUMMARIZE, "context_management": {"edits": []}},
            "compaction: cannot be combined with context_management",
            None,
        ),
        (
            {"compaction": SUMMARIZE, "stop_sequences": ["x"]},
            "compaction: cannot be combined with stop_sequences",
            None,
        ),
        (
            {"compaction": SUMMARIZE, "output_format": SCHEMA},
            "compaction: cannot be combined with output_format",
            None,
        ),
        (
            {"compaction": SUMMARIZE, "output_config": {"format": SCHEMA}},
            "compaction: cannot be combined with output_config.format",
            None,
        ),
        *(
            (
                {"compaction": SUMMARIZE, "tools": TOOLS, "tool_choice": choice},
                "compaction: cannot be combined with a tool_choice of type 'any' or 'tool'",
                None,
            )
            for choice in ({"type": "any"}, {"type": "tool", "name": "f"}, "any")
        ),
        (
            {"compaction": SUMMARIZE, **turns("hi", [CALL])},
            "compaction: messages end on an assistant turn that is not finished",
            "compaction_incomplete_turn",
        ),
        (
            {
                "compaction": SUMMARIZE,
                "messages": [
                    *turns("hi", [{"type": "text", "text": "x"}, CALL])["messages"],
                    {"role": "system", "content": "y"},
                ],
            },
            "compaction: messages end on an assistant turn that is not finished",
            "compaction_incomplete_turn",
        ),
        *(
            (
                {"compaction": SUMMARIZE, "messages": [{"role": role, "content": content}]},
                "compaction: messages hold no user or assistant content to summarize",
                "compaction_nothing_to_summarize",
            )
            for role, content in (
                ("system", "rules"),
                ("user", " \n"),
                ("user", [{"type": "text", "text": " "}]),
                ("assistant", ""),
            )
        ),
        (
            compact(trigger=5),
            f"{EDIT}.trigger: Input should be a valid dictionary",
            None,
        ),
        (
            compact(trigger={"type": "input_tokens"}),
            f"{EDIT}.trigger.input_tokens.value: Field required",
            None,
        ),
        (
            compact(trigger={"type": "input_tokens", "value": "5"}),
            f"{EDIT}.trigger.input_tokens.value: Input should be a valid integer",
            None,
        ),
        (
            compact(trigger={"type": "input_tokens", "value": 0}),
            f"{EDIT}.trigger.input_tokens.value: Input should be greater than or equal to 1",
            None,
        ),
        (
            compact(trigger={"type": "tool_uses", "value": 3}),
            f"{EDIT}.trigger: Input tag 'tool_uses' found using 'type' does not match any of the "
            "expected tags: 'input_tokens'",
            None,
        ),
        (
            compact(pause_after_compaction="yes"),
            f"{EDIT}.pause_after_compaction: Input should be a valid boolean",
            None,
        ),
        (compact(instructions=[]), f"{EDIT}.instructions: Input should be a valid string", None),
    ],
)
def test_refused(members: dict[str, Any], message: str, code: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_message_request(request(**members))
    assert caught.value.message == message
    assert caught.value.details == (None if code is None else {"error_code": code})


@pytest.mark.parametrize(
    "members",
    [
        {"compaction": SUMMARIZE, "stop_sequences": ["x"]},
        {"compaction": SUMMARIZE, **turns("hi", [CALL])},
        {"compaction": SUMMARIZE, "context_management": {"edits": []}},
    ],
)
def test_counting_ignores_a_compaction(members: dict[str, Any]) -> None:
    load_count_request(request(**members))


@pytest.mark.parametrize(
    "members",
    [turns("hi", [CALL]), {"context_management": {"edits": []}}, {"stop_sequences": ["x"]}],
)
def test_the_history_of_a_thread_is_elsewhere(members: dict[str, Any]) -> None:
    load_message_request(request(compaction=SUMMARIZE, thread={"type": "create"}, **members))


def test_what_a_summary_replaces_needs_no_partners() -> None:
    block = {"type": "compaction", "content": "x"}
    loaded = load_message_request(request(**turns("hi", [CALL], "lost", [block, CALL], [RESULT])))
    assert [turn["role"] for turn in loaded["messages"]] == [*["system"] * 3, "assistant", "user"]


def test_what_follows_a_summary_needs_its_own() -> None:
    block = {"type": "compaction", "content": "x"}
    with pytest.raises(InvalidRequest, match=r"^messages\.2\.content\.0: unexpected `tool_use_id`"):
        load_message_request(
            request(**turns([{**RESULT, "type": "text", "text": "q"}], [CALL, block], [RESULT]))
        )
