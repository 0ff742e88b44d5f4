"""Tool changes and effort of system turns, as they reach the upstream: docs/protocol.md 2.10."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from proxy.schemas import load_count_request, load_message_request
from tests.convert.request_builders import (
    assistant,
    call,
    document,
    noted,
    result,
    says,
    system,
    text,
    tool,
    user,
)

HI = user("hi")
READ, LOOK = tool("read"), tool("look")
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
CALENDAR = {"type": "mcp_toolset", "mcp_server_name": "calendar"}
HAND = {"type": "computer_toolset_20260801"}
ONE_ANSWER = {"clear_at": "next_user_message"}


def named(name: str) -> dict[str, Any]:
    return {"type": "tool_reference", "name": name}


def defined(definition: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_definition", "definition": definition}


def addition(of: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {"type": "tool_addition", "tool": of, **extra}


def removal(of: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {"type": "tool_removal", "tool": of, **extra}


def effort(level: str | None, **extra: Any) -> dict[str, Any]:
    return system(output_config={"effort": level}, **extra)


def loaded(*turns: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"model": "m", "max_tokens": 9, "messages": list(turns), **fields}
    return load_message_request(orjson.dumps(body))


def sent(*turns: dict[str, Any], flags: dict[str, Any] | None = None, **fields: Any) -> Any:
    profile = Profile(**(flags or {}))
    return message_request_to_chat(loaded(*turns, **fields), profile, model="m", max_tokens=9)


def offered(chat: Any) -> list[str]:
    return [function["function"]["name"] for function in chat.body.get("tools", ())]


@pytest.mark.parametrize(
    ("turns", "tools", "expected"),
    [
        pytest.param([HI, system(addition(defined(READ)))], [], ["read"], id="a first tool"),
        pytest.param(
            [HI, system(addition(defined(LOOK)))], [READ], ["read", "look"], id="one more tool"
        ),
        pytest.param([HI, system(removal(named("read")))], [READ, LOOK], ["look"], id="one less"),
        pytest.param([HI, system(removal(named("read")))], [READ], [], id="the last one goes"),
        pytest.param(
            [HI, system(removal(named("read")), addition(named("read")))],
            [READ, LOOK],
            ["read", "look"],
            id="away and back keeps its place",
        ),
        pytest.param(
            [HI, system(removal(named("read"))), assistant("ok"), HI, system(removal(named("read")))],
            [READ, LOOK],
            ["look"],
            id="removed twice",
        ),
        pytest.param(
            [HI, system(addition(named("read")))], [READ], ["read"], id="offered already"
        ),
        pytest.param(
            [HI, system(addition(named("read")))],
            [{**READ, "defer_loading": True}],
            ["read"],
            id="a deferred tool",
        ),
        pytest.param(
            [HI, system(addition(defined(LOOK)), removal(named("look")))],
            [READ],
            ["read"],
            id="defined in a turn and removed",
        ),
        pytest.param(
            [HI, system(addition(defined(LOOK))), assistant("ok"), HI, system(removal(named("look")))],
            [],
            [],
            id="defined and removed by a later turn",
        ),
        pytest.param(
            [
                HI,
                system(addition(defined(LOOK))),
                assistant("ok"),
                HI,
                system(removal(named("look")), addition(named("look"))),
            ],
            [READ],
            ["read", "look"],
            id="a reference to a tool of an earlier turn",
        ),
        pytest.param(
            [system(removal(named("read"))), HI], [READ, LOOK], ["look"], id="in a leading turn"
        ),
        pytest.param(
            [HI, assistant(call(name="read")), system(removal(named("read"))), user(result())],
            [READ, LOOK],
            ["look"],
            id="between a call and its result",
        ),
        pytest.param(
            [HI, system(text("mind the gap"), removal(named("read")), text("thanks"))],
            [READ, LOOK],
            ["look"],
            id="among texts",
        ),
        pytest.param(
            [HI, system(addition(defined({"type": "bash_20250124", "name": "bash"})))],
            [READ],
            ["read", "bash"],
            id="a tool with a schema of Anthropic's",
        ),
        pytest.param(
            [HI, system(removal(named("web_search")))], [READ, SEARCH], ["read"], id="a server tool"
        ),
        pytest.param(
            [
                HI,
                system(
                    removal({"type": "mcp_toolset_reference", "server_name": "calendar"}),
                    addition({"type": "mcp_tool_reference", "server_name": "calendar", "name": "x"}),
                ),
            ],
            [READ, CALENDAR],
            ["read"],
            id="tools of an MCP server",
        ),
        pytest.param(
            [
                user({
                    "type": "compaction",
                    "content": "so far",
                    "tool_changes": [addition(defined(LOOK)), removal(named("read"))],
                }),
                HI,
            ],
            [READ],
            ["look"],
            id="changes of a compacted history",
        ),
        pytest.param(
            [
                assistant({
                    "type": "compaction",
                    "content": None,
                    "tool_changes": [addition(defined(LOOK))],
                }),
                HI,
                system(removal(named("look"))),
            ],
            [READ],
            ["read"],
            id="changes after a compacted history",
        ),
        pytest.param(
            [HI, user({"type": "compaction", "content": "x", "tool_changes": None})],
            [READ],
            ["read"],
            id="a compacted history without changes",
        ),
    ],
)  # fmt: skip
def test_the_tools_that_are_offered(
    turns: list[dict[str, Any]], tools: list[dict[str, Any]], expected: list[str]
) -> None:
    chat = sent(*turns, tools=tools)
    assert offered(chat) == expected
    assert not any(name.startswith("tool_") for name in noted(chat))


def test_a_later_definition_replaces_an_earlier_one() -> None:
    newer = {**READ, "description": "newer"}
    chat = sent(HI, system(addition(defined(newer))), tools=[READ, LOOK])
    assert offered(chat) == ["read", "look"]
    assert chat.body["tools"][0]["function"]["description"] == "newer"


def test_a_newer_version_of_a_tool_is_the_same_tool() -> None:
    old, new = ({"type": f"bash_{date}", "name": "bash"} for date in ("20241022", "20250124"))
    assert offered(sent(HI, system(addition(defined(new))), tools=[old])) == ["bash"]


def test_a_definition_is_read_like_one_of_the_tools() -> None:
    screen = {"type": "computer_20250124", "name": "computer", "display_width_px": 1024.0}
    request = loaded(HI, system(addition(defined(screen))))
    assert request["tools"] == [{**screen, "display_width_px": 1024}]
    assert type(request["tools"][0]["display_width_px"]) is int


def test_text_of_the_turn_stays_in_its_place() -> None:
    turns = (HI, system(removal(named("read")), text("Read no more.")), assistant("ok"), user("go"))
    assert sent(*turns, tools=[READ, LOOK], flags={"mid_system": "inline"}).body["messages"] == [
        says("user", "hi"),
        says("system", "Read no more."),
        says("assistant", "ok"),
        says("user", "go"),
    ]


@pytest.mark.parametrize(
    ("choice", "turns", "outcome"),
    [
        pytest.param(
            {"type": "tool", "name": "look"},
            [HI, system(addition(defined(LOOK)))],
            {"type": "function", "function": {"name": "look"}},
            id="a tool of a turn",
        ),
        pytest.param(
            {"type": "tool", "name": "read"},
            [HI, system(removal(named("read")), addition(defined(LOOK)))],
            "Tool 'read' not found in provided tools",
            id="a removed tool",
        ),
        pytest.param(
            {"type": "any"},
            [HI, system(removal(named("read")))],
            "tool_choice: may only be specified while providing tools",
            id="any of none",
        ),
        pytest.param(
            {"type": "any"}, [HI, system(addition(defined(LOOK)))], "required", id="any of some"
        ),
        pytest.param(
            {"type": "tool", "name": "read"},
            [HI, system(removal(named("read")), addition(named("read")))],
            {"type": "function", "function": {"name": "read"}},
            id="a tool that came back",
        ),
    ],
)
def test_the_choice_is_among_what_is_offered(
    choice: dict[str, Any], turns: list[dict[str, Any]], outcome: Any
) -> None:
    try:
        found: Any = sent(*turns, tools=[READ], tool_choice=choice).body["tool_choice"]
    except InvalidRequest as error:
        found = error.message
    assert found == outcome


@pytest.mark.parametrize(
    ("turns", "fields", "expected"),
    [
        pytest.param([HI, effort("low")], {}, "low", id="at the end"),
        pytest.param([effort("low"), HI], {}, "low", id="at the beginning"),
        pytest.param([HI, assistant("a"), effort("low"), user("b")], {}, "low", id="in between"),
        pytest.param(
            [effort("low"), HI, assistant("a"), effort("high"), HI],
            {},
            "high",
            id="the last counts",
        ),
        pytest.param(
            [HI, effort("low")],
            {"output_config": {"effort": "high"}},
            "low",
            id="before the request's own",
        ),
        pytest.param([HI, effort("low"), effort(None)], {}, "low", id="no effort changes nothing"),
        pytest.param(
            [HI, system("x", output_config={"effort": "medium"})], {}, "medium", id="text"
        ),
        pytest.param(
            [HI, {"role": "system", "output_config": {"effort": "low"}}], {}, "low", id="no content"
        ),
        pytest.param(
            [HI, system("", output_config={"effort": "low"})], {}, "low", id="an empty string"
        ),
        pytest.param(
            [HI, effort("low")],
            {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
            "low",
            id="beside a format",
        ),
        pytest.param(
            [HI, system(removal(named("read")), output_config={"effort": "low"})],
            {"tools": [READ]},
            "low",
            id="beside a tool change",
        ),
        pytest.param(
            [HI, effort("low")], {"thinking": {"type": "disabled"}}, "none", id="thinking is off"
        ),
    ],
)
def test_the_effort_that_counts(
    turns: list[dict[str, Any]], fields: dict[str, Any], expected: str
) -> None:
    efforts = ("none", "low", "medium", "high")
    chat = sent(*turns, flags={"thinking_style": "effort", "efforts": efforts}, **fields)
    assert chat.body["reasoning_effort"] == expected
    assert "system.output_config" not in noted(chat)
    assert ("response_format" in chat.body) == ("format" in fields.get("output_config", {}))


def test_other_members_of_a_turns_output_config_are_noted() -> None:
    budget = {"task_budget": {"type": "tokens", "total": 9}}
    chat = sent(HI, system("x", output_config={"effort": "low", **budget}))
    assert noted(chat)["system.output_config"] == "noted"


@pytest.mark.parametrize(
    "blank",
    [
        pytest.param(system(""), id="an empty string"),
        pytest.param(system(), id="no blocks"),
        pytest.param(system(text("")), id="an empty text"),
        pytest.param(system(" \n"), id="white space"),
        pytest.param(system(text("\t"), text(" ")), id="blocks of white space"),
        pytest.param(effort("low"), id="effort alone"),
        pytest.param(system(output_config={}), id="empty output_config"),
        pytest.param(system(removal(named("read"))), id="a tool change alone"),
        pytest.param(system("", **ONE_ANSWER), id="for one answer"),
    ],
)
@pytest.mark.parametrize("flags", [{}, {"mid_system": "inline"}])
def test_a_blank_system_turn_is_nothing(blank: dict[str, Any], flags: dict[str, Any]) -> None:
    alone = [says("user", "hi"), says("assistant", "a"), says("user", "b")]
    for place in range(4):
        turns = [HI, assistant("a"), user("b")]
        turns.insert(place, blank)
        assert sent(*turns, tools=[READ], flags=flags).body["messages"] == alone


def test_blank_turns_alone_are_no_conversation() -> None:
    with pytest.raises(InvalidRequest, match="at least one user message"):
        sent(system(""), effort("low"))


@pytest.mark.parametrize(
    ("turn", "message", "code"),
    [
        pytest.param(
            system(removal(named("write"))),
            "messages.1.content.0.tool_removal.tool.tool_reference: no tool 'write' in `tools` or "
            "defined earlier in `messages`",
            "tool_reference_unresolved",
            id="removal of an unknown tool",
        ),
        pytest.param(
            system(text("x"), addition(named("write")), addition(defined(tool("write")))),
            "messages.1.content.1.tool_addition.tool.tool_reference: no tool 'write' in `tools` or "
            "defined earlier in `messages`",
            "tool_reference_unresolved",
            id="a reference before its definition",
        ),
        pytest.param(
            system(addition({"type": "mcp_toolset_reference", "server_name": "s"})),
            "messages.1.content.0.tool_addition.tool.mcp_toolset_reference: no tool 's' in `tools` "
            "or defined earlier in `messages`",
            "tool_reference_unresolved",
            id="an unknown MCP server",
        ),
        pytest.param(
            system(addition(defined({"type": "bash_20250124", "name": "read"}))),
            "messages.1.content.0.tool_addition.tool.tool_definition.definition.name: a different "
            "type of tool has the name 'read'",
            "tool_name_conflict",
            id="the name of another type of tool",
        ),
        pytest.param(
            system({"type": "tool_addition"}),
            "messages.1.content.0.tool_addition.tool: Field required",
            None,
            id="no tool",
        ),
        pytest.param(
            system(addition({"type": "tool", "name": "x"})),
            "messages.1.content.0.tool_addition.tool: Input tag 'tool' found using 'type' does not "
            "match any of the expected tags: 'tool_reference', 'mcp_tool_reference', "
            "'mcp_toolset_reference', 'tool_definition'",
            None,
            id="an unknown kind of reference",
        ),
        pytest.param(
            system(removal(defined(READ))),
            "messages.1.content.0.tool_removal.tool: Input tag 'tool_definition' found using 'type' "
            "does not match any of the expected tags: 'tool_reference', 'mcp_tool_reference', "
            "'mcp_toolset_reference'",
            None,
            id="removal by definition",
        ),
        pytest.param(
            system(removal({"type": "tool_reference"})),
            "messages.1.content.0.tool_removal.tool.tool_reference.name: Field required",
            None,
            id="a reference without a name",
        ),
        pytest.param(
            system(removal(named(""))),
            "messages.1.content.0.tool_removal.tool.tool_reference.name: String should have at least "
            "1 character",
            None,
            id="an empty name",
        ),
        pytest.param(
            system(addition({"type": "mcp_tool_reference", "name": "x"})),
            "messages.1.content.0.tool_addition.tool.mcp_tool_reference.server_name: Field required",
            None,
            id="a reference without its server",
        ),
        pytest.param(
            system(addition(defined({"name": "x"}))),
            "messages.1.content.0.tool_addition.tool.tool_definition.definition.input_schema: Field "
            "required",
            None,
            id="a definition without a schema",
        ),
        pytest.param(
            system(addition({"type": "tool_definition", "definition": "x"})),
            "messages.1.content.0.tool_addition.tool.tool_definition.definition: Input should be a "
            "valid dictionary",
            None,
            id="a definition that is a text",
        ),
        pytest.param(
            user({"type": "compaction", "content": "x", "tool_changes": [removal(named("write"))]}),
            "messages.1.content.0.compaction.tool_changes.0.tool_removal.tool.tool_reference: no "
            "tool 'write' in `tools` or defined earlier in `messages`",
            "tool_reference_unresolved",
            id="in a compacted history",
        ),
        pytest.param(
            user(removal(named("read"))),
            "messages.1.content.0: `tool_removal` blocks can only be in `system` messages",
            None,
            id="in a user's turn",
        ),
        pytest.param(
            system(removal(named("read")), **ONE_ANSWER),
            "messages.1: a turn-scoped system message supports text blocks only (clear_at: "
            "'next_user_message')",
            None,
            id="a change for one answer",
        ),
        pytest.param(
            effort("low", **ONE_ANSWER),
            "messages.1: output_config is not permitted on a turn-scoped system message (clear_at: "
            "'next_user_message')",
            None,
            id="effort for one answer",
        ),
        pytest.param(
            system("x", output_config={"effort": "huge"}),
            "messages.1.output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or "
            "'max'",
            None,
            id="an unknown effort",
        ),
        pytest.param(
            {"role": "system", "output_config": {"effort": 5}},
            "messages.1.output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or "
            "'max'",
            None,
            id="an effort that is a number",
        ),
        pytest.param(
            system("x", output_config={"format": {"type": "json_schema", "schema": {}}}),
            "messages.1.output_config.format: Extra inputs are not permitted",
            None,
            id="a format",
        ),
        pytest.param(
            system("x", output_config="low"),
            "messages.1.output_config: Input should be a valid dictionary",
            None,
            id="no object",
        ),
        pytest.param(
            {"role": "system", "output_config": {}},
            "messages.1.content: Field required",
            None,
            id="neither content nor fields",
        ),
    ],
)
def test_what_is_refused(turn: dict[str, Any], message: str, code: str | None) -> None:
    for load in (load_message_request, load_count_request):
        body = {"model": "m", "max_tokens": 9, "messages": [HI, turn], "tools": [READ]}
        with pytest.raises(InvalidRequest) as caught:
            load(orjson.dumps(body))
        assert caught.value.message == message
        assert caught.value.details == (code and {"error_code": code})


def test_names_of_declared_tools_are_unique_before_changes() -> None:
    with pytest.raises(InvalidRequest, match="Tool names must be unique"):
        loaded(HI, system(removal(named("read"))), tools=[READ, READ])


def test_a_long_name_is_cut_in_the_error() -> None:
    with pytest.raises(InvalidRequest) as caught:
        loaded(HI, system(removal(named("x" * 5000))))
    assert len(caught.value.message) < 500


def test_paths_behind_an_applied_change_stay_right() -> None:
    filed = document({"type": "file", "file_id": "f"})
    with pytest.raises(InvalidRequest, match=r"^messages\.2\.content\.1\.document"):
        sent(HI, effort("low"), user("see", filed), tools=[READ])


CHANGES = st.sampled_from(
    [
        *(removal(named(name)) for name in ("read", "look", "write")),
        *(addition(named(name)) for name in ("read", "look", "write")),
        *(addition(defined(each)) for each in (READ, LOOK, {**READ, "description": "newer"})),
    ]
)


@given(st.lists(st.lists(CHANGES, max_size=3), max_size=4))
def test_the_tools_are_those_of_a_fold(groups: list[list[dict[str, Any]]]) -> None:
    """The law: one turn with all changes, many turns, and a walk over a dictionary agree."""
    known, away = {"read": READ}, set[str]()
    changes = [change for group in groups for change in group]
    for change in changes:
        definition = change["tool"].get("definition")
        name = definition["name"] if definition else change["tool"]["name"]
        if definition:
            known[name] = definition
        if name not in known:
            for turns in ([system(*group) for group in groups], [system(*changes)]):
                with pytest.raises(InvalidRequest):
                    loaded(HI, *turns, tools=[READ])
            return
        (away.add if change["type"] == "tool_removal" else away.discard)(name)
    expected = [each for name, each in known.items() if name not in away]
    split = loaded(HI, *(system(*group) for group in groups), tools=[READ])
    joined = loaded(HI, system(*changes), tools=[READ])
    assert split["tools"] == joined["tools"] == expected
    again = copy.deepcopy(split)
    assert load_message_request(again) == split
