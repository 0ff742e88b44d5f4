"""More tools than an upstream accepts: docs/protocol.md 1.3."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles import profile_for
from proxy.providers.profiles.base import Profile
from tests.convert.request_builders import assistant, call, convert, noted, result, tool, user

OWN = ("Bash", "Read", "Edit")
MCP = tuple(f"mcp__srv__t{number}" for number in range(6))


def sent_names(chat: Any) -> list[str]:
    return [each["function"]["name"] for each in chat.body["tools"]]


def used(name: str) -> list[dict[str, Any]]:
    return [user("q"), assistant(call(name=name)), user(result())]


@pytest.mark.parametrize(
    ("limit", "declared", "fields", "kept"),
    [
        pytest.param(9, OWN + MCP, {}, OWN + MCP, id="as many as are accepted"),
        pytest.param(5, OWN + MCP, {}, OWN + MCP[:2], id="the last ones of MCP servers go"),
        pytest.param(5, MCP + OWN, {}, MCP[:2] + OWN, id="the client's own stay where they are"),
        pytest.param(3, MCP + OWN, {}, OWN, id="no tool of an MCP server is left"),
        pytest.param(2, OWN, {}, OWN[:2], id="the client's own exceed the limit"),
        pytest.param(
            4,
            OWN + MCP,
            {"turns": used(MCP[5])},
            (*OWN, MCP[5]),
            id="a tool that the history uses stays",
        ),
        pytest.param(
            4,
            OWN + MCP,
            {"tool_choice": {"type": "tool", "name": MCP[4]}},
            (*OWN, MCP[4]),
            id="the chosen tool stays",
        ),
        pytest.param(
            1,
            OWN + MCP,
            {"turns": used("Read"), "tool_choice": {"type": "tool", "name": MCP[4]}},
            (MCP[4],),
            id="the chosen one before the used ones",
        ),
        pytest.param(
            4,
            OWN + MCP,
            {"turns": [user("q"), assistant(call(name="Read")), user(result([{"type": "tool_reference", "tool_name": MCP[3]}]))]},
            (*OWN, MCP[3]),
            id="a tool that was loaded by a reference stays",
        ),
    ],
)  # fmt: skip
def test_which_tools_stay(
    limit: int, declared: tuple[str, ...], fields: dict[str, Any], kept: tuple[str, ...]
) -> None:
    turns = fields.pop("turns", [user("q")])
    tools = [tool(name) for name in declared]
    chat = convert(*turns, flags={"max_tools": limit}, tools=tools, **fields)
    assert sent_names(chat) == list(kept)
    left_out = [f"tools.{name}" for name in declared if name not in kept]
    assert sorted(noted(chat)) == sorted(left_out)


def test_the_members_of_a_toolset_count_and_stay() -> None:
    toolset = {"type": "computer_toolset_20260801"}
    members = sent_names(convert(user("q"), tools=[toolset]))
    tools = [*map(tool, MCP), toolset]
    chat = convert(user("q"), tools=tools, flags={"max_tools": len(members) + 2})
    assert sent_names(chat) == [*MCP[:2], *members]


def test_deferred_tools_go_first() -> None:
    tools = [tool("a", defer_loading=True), tool("mcp__b__c"), tool("d", defer_loading=True)]
    assert sent_names(convert(flags={"max_tools": 2}, tools=tools)) == ["a", "mcp__b__c"]


def test_tools_that_are_no_functions_do_not_count() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}, tool("a"), tool("b")]
    assert sent_names(convert(flags={"max_tools": 2}, tools=tools)) == ["a", "b"]


def test_a_name_that_is_sent_as_an_alias_is_told_as_one() -> None:
    chat = convert(flags={"max_tools": 1}, tools=[tool("a"), tool("mcp__x, y=z")])
    (name,) = noted(chat)
    assert name.startswith("tools.mcp__x__y_z_")


@pytest.mark.parametrize(
    ("host", "most"),
    [
        ("api.openai.com", 128),
        ("res.openai.azure.com", 128),
        ("res.services.ai.azure.com", 128),
        ("api.deepseek.com", 170),
        ("gateway.example", 170),
    ],
)
def test_claude_code_with_150_tools_of_mcp_servers(host: str, most: int) -> None:
    names = [f"Own{n}" for n in range(20)] + [f"mcp__s__t{n}" for n in range(150)]
    request = {
        "model": "claude-x",
        "max_tokens": 9,
        "messages": [user("hi")],
        "tools": [tool(name) for name in names],
    }
    chat = message_request_to_chat(request, profile_for(host, "gpt-4o"), model="m", max_tokens=9)
    assert sent_names(chat) == names[:most]


@given(
    st.lists(st.sampled_from(OWN + MCP), unique=True),
    st.integers(1, 9),
    st.sampled_from(OWN + MCP),
)
def test_laws(declared: list[str], limit: int, name: str) -> None:
    request = {
        "model": "claude-x",
        "max_tokens": 9,
        "messages": used(name),
        "tools": [tool(each) for each in declared],
    }
    chat = message_request_to_chat(request, Profile(max_tools=limit), model="m", max_tokens=9)
    kept = sent_names(chat) if declared else []
    assert kept == [each for each in declared if each in kept], "in the client's order"
    assert len(kept) == min(limit, len(declared)), "as many as are accepted"
    assert name in kept or name not in declared, "the used one stays"
