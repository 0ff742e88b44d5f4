"""tool_choice and parallel calls: docs/protocol.md 1.3, edge case 95c."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from tests.convert.request_builders import convert, fields_beside_messages, noted, tool

LOOK = {"type": "tool", "name": "look"}
LOOK_CHAT = {"type": "function", "function": {"name": "look"}}
ONE = {"disable_parallel_tool_use": True}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
SEARCH_CHOICE = {"type": "tool", "name": "web_search"}
AUTO_ONLY = {"tool_choice": "auto_only"}


@pytest.mark.parametrize(
    ("choice", "flags", "expected", "drops"),
    [
        pytest.param(None, {}, {}, {}, id="1.3 absent tool_choice omitted"),
        pytest.param({"type": "auto"}, {}, {"tool_choice": "auto"}, {}, id="1.3 auto"),
        pytest.param({"type": "any"}, {}, {"tool_choice": "required"}, {}, id="1.3 any"),
        pytest.param(LOOK, {}, {"tool_choice": LOOK_CHAT}, {}, id="1.3 tool"),
        pytest.param({"type": "none"}, {}, {"tool_choice": "none"}, {}, id="1.3 none"),
        pytest.param(
            LOOK,
            {"tool_choice": "required"},
            {"tool_choice": "required"},
            {"tool_choice=required": "noted"},
            id="1.3 P.tool_choice required: named",
        ),
        pytest.param(
            {"type": "auto"},
            {"tool_choice": "required"},
            {"tool_choice": "auto"},
            {},
            id="1.3 P.tool_choice required: auto stays",
        ),
        pytest.param({"type": "auto"}, AUTO_ONLY, {}, {}, id="1.3 P.tool_choice auto_only: auto"),
        pytest.param(
            {"type": "any"}, AUTO_ONLY, {}, {"tool_choice": "noted"}, id="1.3 auto_only: any"
        ),
        pytest.param(LOOK, AUTO_ONLY, {}, {"tool_choice": "noted"}, id="1.3 auto_only: tool"),
        pytest.param(
            {"type": "auto", **ONE},
            {},
            {"tool_choice": "auto", "parallel_tool_calls": False},
            {},
            id="1.3 disable_parallel_tool_use",
        ),
        pytest.param(
            {"type": "any", "disable_parallel_tool_use": False},
            {},
            {"tool_choice": "required"},
            {},
            id="1.3 parallel calls allowed: omitted",
        ),
        pytest.param(
            {"type": "auto", **ONE},
            {"parallel_flag": False},
            {"tool_choice": "auto"},
            {"disable_parallel_tool_use": "noted"},
            id="1.3 P.parallel_flag",
        ),
        pytest.param(
            {"type": "auto", **ONE},
            AUTO_ONLY,
            {"parallel_tool_calls": False},
            {},
            id="1.3 auto_only keeps the parallel flag",
        ),
    ],
)
def test_choice(
    choice: dict[str, Any] | None,
    flags: dict[str, Any],
    expected: dict[str, Any],
    drops: dict[str, str],
) -> None:
    chat = convert(tools=[tool()], tool_choice=choice, flags=flags)
    fields = fields_beside_messages(chat)
    assert len(fields.pop("tools")) == 1
    assert fields == expected
    assert noted(chat) == drops


@pytest.mark.parametrize(
    ("tools", "choice", "flags", "expected", "drops"),
    [
        pytest.param(
            [tool()], {"type": "none"}, AUTO_ONLY, {}, {}, id="1.3 auto_only: none drops the tools"
        ),
        pytest.param(
            [SEARCH],
            {"type": "any"},
            {},
            {},
            {"tools.web_search_20250305": "noted", "tool_choice": "noted"},
            id="1.3 nothing left to choose from",
        ),
        pytest.param(
            [SEARCH],
            SEARCH_CHOICE,
            {"web_search": "options"},
            {"web_search_options": {}},
            {},
            id="10.10 a named web search is on without being asked for",
        ),
        pytest.param(
            [SEARCH],
            {"type": "none"},
            {"web_search": "plugin"},
            {},
            {},
            id="1.3 none switches a mapped web search off",
        ),
        pytest.param(
            [], {"type": "auto"}, {}, {}, {}, id="edge 95c tool_choice without tools dropped"
        ),
    ],
)
def test_choice_without_functions(
    tools: list[dict[str, Any]],
    choice: dict[str, Any],
    flags: dict[str, Any],
    expected: dict[str, Any],
    drops: dict[str, str],
) -> None:
    chat = convert(tools=tools, tool_choice=choice, flags=flags)
    assert fields_beside_messages(chat) == expected
    assert noted(chat) == drops


def test_a_named_web_search_beside_functions() -> None:
    chat = convert(
        tools=[tool(), SEARCH], tool_choice=SEARCH_CHOICE, flags={"web_search": "options"}
    )
    assert list(fields_beside_messages(chat)) == ["web_search_options", "tools"]


@pytest.mark.parametrize(
    ("tools", "name"),
    [
        pytest.param([tool()], "see", id="1.3 tool_choice names an undeclared tool"),
        pytest.param([tool(), SEARCH], "see", id="1.3 tool_choice names neither"),
    ],
)
def test_choice_of_no_tool(tools: list[dict[str, Any]], name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(tools=tools, tool_choice={"type": "tool", "name": name})
    assert refused.value.message == f"Tool '{name}' not found in provided tools"


def hosted(tag: str, name: str) -> dict[str, Any]:
    return {"type": tag, "name": name}


@pytest.mark.parametrize(
    ("tools", "name", "searches"),
    [
        pytest.param([SEARCH], "web_search", True, id="1.3 the only tool"),
        pytest.param([tool(), SEARCH], "web_search", True, id="1.3 beside a function"),
        pytest.param([SEARCH, tool()], "web_search", True, id="1.3 before a function"),
        pytest.param(
            [hosted("web_search_20260318", "web_search")], "web_search", True, id="1.3 new"
        ),
        pytest.param([hosted("web_search_20991231", "find")], "find", True, id="1.3 another name"),
        pytest.param(
            [hosted("web_fetch_20250910", "web_fetch")], "web_fetch", False, id="1.3 fetch"
        ),
        pytest.param(
            [SEARCH, hosted("code_execution_20250825", "code_execution")],
            "code_execution",
            False,
            id="1.3 code",
        ),
        pytest.param(
            [hosted("tool_search_tool_bm25_20251119", "find_tool")],
            "find_tool",
            False,
            id="1.3 tool search",
        ),
        pytest.param([hosted("advisor_20260301", "advisor")], "advisor", False, id="1.3 advisor"),
    ],
)
def test_choice_of_a_tool_that_the_upstream_cannot_run(
    tools: list[dict[str, Any]], name: str, searches: bool
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(tools=tools, tool_choice={"type": "tool", "name": name})
    words = refused.value.message
    assert refused.value.status == 400
    assert words.startswith(f"{name} is not supported here: ")
    assert words.endswith("remove the tool")
    assert ("choose a model with one (profile flag web_search)" in words) is searches
