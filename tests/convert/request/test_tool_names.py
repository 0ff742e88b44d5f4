"""Aliases of tool names: docs/protocol.md 1.3, edge case 95."""

from __future__ import annotations

from hashlib import sha1

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.request.tool_names import FITTING, ToolNames
from tests.convert.request_builders import (
    assistant,
    call,
    chat_call,
    convert,
    result,
    says,
    tool,
    user,
)

LONG = "mcp__a-rather-long-server-name__and-a-tool-with-quite-a-long-name-of-its-own-too"


def alias(name: str, shown: str, salt: str = "") -> str:
    return f"{shown}_{sha1((name + salt).encode()).hexdigest()[:8]}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("Read", "Read", id="1.3 fitting name kept"),
        pytest.param("a" * 64, "a" * 64, id="1.3 64 characters kept"),
        pytest.param("a" * 65, alias("a" * 65, "a" * 55), id="1.3 65 characters"),
        pytest.param("get.it/now", alias("get.it/now", "get_it_now"), id="1.3 odd characters"),
        pytest.param(LONG, alias(LONG, LONG[:55]), id="1.3 long MCP name"),
        pytest.param("größe", alias("größe", "gr__e"), id="1.3 letters beyond ASCII"),
        pytest.param("", alias("", ""), id="1.3 empty name"),
        pytest.param("a\n", alias("a\n", "a_"), id="1.3 a line break at the end"),
    ],
)
def test_sent_name(name: str, expected: str) -> None:
    names = ToolNames([name])
    assert names.sent(name) == expected
    assert names.client_names() == ({} if name == expected else {expected: name})


def test_alias_is_the_same_in_the_history_alone() -> None:
    assert ToolNames().sent("get.it") == ToolNames(["other", "get.it"]).sent("get.it")


def test_an_alias_never_takes_a_declared_name() -> None:
    taken = alias("get.it", "get_it")
    names = ToolNames(["get.it", taken])
    assert names.sent(taken) == taken
    assert names.sent("get.it") == alias("get.it", "get_it", "\0" + "1"), "edge 95 no collision"


def test_a_name_of_the_history_never_takes_an_alias() -> None:
    names = ToolNames(["get.it"])
    taken = names.sent("get.it")
    assert names.sent(taken) != taken
    assert names.client_names()[names.sent(taken)] == taken


@given(st.lists(st.text(alphabet="ab._-é", max_size=70), max_size=30))
def test_names_map_one_to_one(names: list[str]) -> None:
    mapping = ToolNames(names[::2])
    sent = {name: mapping.sent(name) for name in names}
    assert all(FITTING.fullmatch(value) for value in sent.values())
    assert len(set(sent.values())) == len(sent)
    back = mapping.client_names()
    assert all(back.get(value, value) == name for name, value in sent.items())


def test_alias_everywhere() -> None:
    short = alias(LONG, LONG[:55])
    reference = {"type": "tool_reference", "tool_name": LONG}
    chat = convert(
        user("q"),
        assistant(call(name=LONG)),
        user(result([reference])),
        tools=[tool(LONG)],
        tool_choice={"type": "tool", "name": LONG},
    )
    assert chat.body["tools"][0]["function"]["name"] == short
    assert chat.body["tool_choice"] == {"type": "function", "function": {"name": short}}
    assert chat.body["messages"][1] == says("assistant", None, tool_calls=[chat_call(name=short)])
    assert chat.body["messages"][2]["content"] == f"[tool available: {short}]"
    assert chat.reply.tool_names == {short: LONG}, "edge 95 restored in the answer"
