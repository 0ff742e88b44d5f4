"""Tool definitions: docs/protocol.md 1.3, edge cases 95a, 95b, 95e."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from proxy.errors import InvalidRequest
from tests.convert.request_builders import CACHE, convert, fields_beside_messages, noted, tool

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"q": {"type": "string"}}}
OPEN = {"type": "object", "additionalProperties": True}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def function(name: str = "look", parameters: Any = SCHEMA, **extra: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **extra, "parameters": parameters}}


@pytest.mark.parametrize(
    ("given", "flags", "expected", "drops"),
    [
        pytest.param(
            {"name": "look", "description": "D", "input_schema": SCHEMA},
            {},
            function(description="D"),
            {},
            id="1.3 custom tool",
        ),
        pytest.param(
            {"type": "custom", **tool()}, {}, function(), {}, id="1.3 custom by name of its type"
        ),
        pytest.param({"type": None, **tool()}, {}, function(), {}, id="1.3 custom by a null type"),
        pytest.param(tool(), {}, function(), {}, id="1.3 missing description omitted"),
        pytest.param(
            tool(description=""), {}, function(), {}, id="edge 95a empty description omitted"
        ),
        pytest.param(
            {"name": "look", "input_schema": OPEN},
            {},
            function(parameters={**OPEN, "properties": {}}),
            {},
            id="1.3 object schema without properties",
        ),
        pytest.param(
            {"name": "look", "input_schema": {"type": "object", "properties": None}},
            {},
            function(parameters={"type": "object", "properties": {}}),
            {},
            id="1.3 object schema with null properties",
        ),
        pytest.param(
            {"name": "look", "input_schema": {}},
            {},
            function(parameters={"type": "object", "properties": {}}),
            {},
            id="edge 95b typeless schema",
        ),
        pytest.param(
            {"name": "look", "input_schema": {"$schema": "x", "type": "array"}},
            {},
            function(parameters={"$schema": "x", "type": "array"}),
            {},
            id="1.3 any other schema verbatim",
        ),
        pytest.param(
            tool(strict=True), {}, function(), {"tools.strict": "noted"}, id="1.3 strict dropped"
        ),
        pytest.param(
            tool(strict=True),
            {"strict_tools": True},
            function() | {"function": {"name": "look", "parameters": SCHEMA, "strict": True}},
            {},
            id="1.3 P.strict_tools",
        ),
        pytest.param(
            tool(strict=False), {"strict_tools": True}, function(), {}, id="1.3 strict false"
        ),
        pytest.param(
            tool(description="D", input_examples=[{"q": "é"}, {"n": [1, 2]}]),
            {},
            function(description='D\n\nExamples:\n{"q":"é"}\n{"n":[1,2]}'),
            {},
            id="1.3 input_examples go into the description",
        ),
        pytest.param(
            tool(input_examples=[{"q": 1}]),
            {},
            function(description='Examples:\n{"q":1}'),
            {},
            id="1.3 input_examples without a description",
        ),
        pytest.param(tool(input_examples=[]), {}, function(), {}, id="1.3 no input_examples"),
        pytest.param(
            tool(defer_loading=True, eager_input_streaming=True, max_uses=3, **CACHE),
            {},
            function(),
            {
                "tools.defer_loading": "routine",
                "tools.eager_input_streaming": "routine",
                "cache_control": "routine",
            },
            id="1.3 options dropped, deferred tools sent",
        ),
        pytest.param(
            tool(allowed_callers=["code_execution_20250825"]),
            {},
            function(),
            {"tools.allowed_callers": "noted"},
            id="1.3 allowed_callers dropped",
        ),
        pytest.param(
            tool(allowed_callers=["direct"]),
            {},
            function(),
            {},
            id="1.3 direct callers are no loss",
        ),
        pytest.param(
            tool(allowed_callers=5), {}, function(), {}, id="1.3 unchecked allowed_callers"
        ),
        pytest.param(
            {
                "name": "look",
                "input_schema": {
                    "$schema": "x",
                    "type": "object",
                    "properties": {"format": {"type": "string", "format": "uri"}},
                },
            },
            {"schema_drop": ("$schema", "format")},
            function(parameters={"type": "object", "properties": {"format": {"type": "string"}}}),
            {"tools.input_schema.$schema": "routine", "tools.input_schema.format": "noted"},
            id="10.11 P.schema_drop at any depth, names of properties stay",
        ),
    ],
)
def test_tool(
    given: dict[str, Any], flags: dict[str, Any], expected: dict[str, Any], drops: dict[str, str]
) -> None:
    before = deepcopy(given)
    chat = convert(flags=flags, tools=[given])
    assert fields_beside_messages(chat) == {"tools": [expected]}
    assert noted(chat) == drops
    assert given == before


def test_schemas_are_not_copied() -> None:
    chat = convert(tools=[tool()], flags={"schema_drop": ("format",)})
    other = tool()
    chat = convert(tools=[other], flags={"schema_drop": ("format",)})
    assert chat.body["tools"][0]["function"]["parameters"] is other["input_schema"]


@pytest.mark.parametrize(
    "tools",
    [
        pytest.param([], id="edge 95e empty tools"),
        pytest.param(None, id="1.3 null tools"),
        pytest.param([SEARCH], id="1.3 nothing left"),
    ],
)
def test_no_tools_left(tools: list[dict[str, Any]] | None) -> None:
    chat = convert(tools=tools, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert fields_beside_messages(chat) == {}


SERVER_TYPES = [
    "web_search_20250305",
    "web_search_20260318",
    "web_fetch_20250910",
    "code_execution_20250825",
    "tool_search_tool_regex_20251119",
    "advisor_20260301",
    "mcp_toolset",
]


@pytest.mark.parametrize(
    "tool_type", [pytest.param(name, id=f"1.3 {name} dropped") for name in SERVER_TYPES]
)
def test_server_tool_dropped(tool_type: str) -> None:
    chat = convert(tools=[tool(), {"type": tool_type, "name": "x"}])
    assert [entry["function"]["name"] for entry in chat.body["tools"]] == ["look"]
    assert chat.drops.header() == f"tools.{tool_type}"


@pytest.mark.parametrize(
    ("tool_type", "flags"),
    [
        *(
            pytest.param(name, {"server_tools": "error"}, id=f"1.3 P.server_tools error: {name}")
            for name in SERVER_TYPES
        ),
        pytest.param("phone_toolset_20300101", {}, id="1.3 unknown toolset refused"),
        pytest.param("hologram_20300101", {}, id="1.3 unknown tool type refused"),
    ],
)
def test_refused_tool(tool_type: str, flags: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(tools=[tool(), {"type": tool_type}], flags=flags)
    assert refused.value.message == f"tools.1: '{tool_type}' is not supported by this upstream"


@pytest.mark.parametrize(
    ("given", "flags", "expected", "drops"),
    [
        pytest.param(
            SEARCH,
            {"web_search": "options"},
            {"web_search_options": {}},
            {},
            id="10.10 web_search as options",
        ),
        pytest.param(
            {
                **SEARCH,
                "max_uses": 3,
                "allowed_domains": ["a.test"],
                "user_location": {"type": "approximate", "city": "Ulm", "region": None},
            },
            {"web_search": "options"},
            {
                "web_search_options": {
                    "user_location": {"type": "approximate", "approximate": {"city": "Ulm"}}
                }
            },
            {
                "tools.web_search_20250305.max_uses": "noted",
                "tools.web_search_20250305.allowed_domains": "noted",
            },
            id="1.3 user_location.approximate; what options cannot say is noted",
        ),
        pytest.param(
            SEARCH,
            {"web_search": "plugin"},
            {"plugins": [{"id": "web"}]},
            {},
            id="10.10 web_search as a plugin",
        ),
        pytest.param(
            {
                **SEARCH,
                "max_uses": 3,
                "blocked_domains": ["a.test"],
                "user_location": {"type": "approximate", "country": "DE"},
            },
            {"web_search": "plugin", "server_tools": "error"},
            {
                "plugins": [
                    {
                        "id": "web",
                        "exclude_domains": ["a.test"],
                        "max_uses": 3,
                        "user_location": {"type": "approximate", "country": "DE"},
                    }
                ]
            },
            {},
            id="10.10 a plugin with limits",
        ),
        pytest.param(
            {"type": "web_search_20250305"},
            {"web_search": "plugin"},
            {"plugins": [{"id": "web"}]},
            {},
            id="10.10 a search tool without a name",
        ),
    ],
)
def test_web_search(
    given: dict[str, Any], flags: dict[str, Any], expected: dict[str, Any], drops: dict[str, str]
) -> None:
    chat = convert(tools=[given], flags=flags)
    assert fields_beside_messages(chat) == expected
    assert noted(chat) == drops
