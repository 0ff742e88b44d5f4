from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from proxy.schemas import wording
from proxy.schemas.tools import KNOWN_TYPES, Tool
from tests.schemas.body_builders import Json, tool

TOOL = Tool(required=True)


def refusal(definition: Any) -> str | None:
    """The worded refusal of a tool; the fast check must say the same."""
    message = None
    try:
        TOOL.deserialize(definition)
    except ValidationError as error:
        worded = error.messages
        message = wording.first_error(worded) if isinstance(worded, dict) else str(worded[0])
    assert TOOL.check()(definition) == (message is None)
    return message


@pytest.mark.parametrize(
    "definition",
    [
        pytest.param(tool(), id="1.3 custom tool without type"),
        pytest.param(tool(type="custom"), id="1.3 custom tool"),
        pytest.param(tool(type=None), id="1.3 custom tool with null type"),
        pytest.param(tool(input_schema={}), id="edge 95b a schema without type and properties"),
        pytest.param(
            tool(strict=True, input_examples=[{"a": 1}], description="x"), id="1.3 strict, examples"
        ),
        pytest.param(
            tool(
                defer_loading=True,
                eager_input_streaming=None,
                allowed_callers=["direct"],
                max_uses="x",
            ),
            id="edge 7 unknown keys of tools",
        ),
        pytest.param(tool("mcp__server__" + "x" * 115), id="9 a name of 128 characters"),
        pytest.param(tool("a b/ü"), id="1.3 a name that needs an alias"),
        pytest.param({"type": "bash_20250124", "name": "bash"}, id="1.3 bash"),
        pytest.param(
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            id="1.3 text editor",
        ),
        pytest.param({"type": "memory_20250818", "name": "memory"}, id="1.3 memory"),
        pytest.param(
            {"type": "computer_20251124", "name": "computer", "display_width_px": 1024},
            id="1.3 computer",
        ),
        pytest.param({"type": "computer_toolset_20260801"}, id="1.3 toolset"),
        pytest.param(
            {
                "type": "computer_toolset_20270101",
                "configs": {"zoom": {"enabled": False}, "wait": None, "key": {}},
            },
            id="1.3 toolset with configs, a date yet unknown",
        ),
        pytest.param({"type": "browser_toolset_20260801"}, id="1.3 browser toolset"),
        pytest.param(
            {
                "type": "web_search_20250305",
                "name": "web_search",
                "max_uses": 8,
                "user_location": {"type": "approximate", "city": "Berlin"},
            },
            id="1.3 web search",
        ),
        pytest.param({"type": "web_search_20991231", "name": "w"}, id="1.3 a date yet unknown"),
        pytest.param({"type": "mcp_toolset", "mcp_server_name": "x"}, id="1.3 MCP toolset"),
        pytest.param(
            {"type": "tool_search_tool_regex", "name": "tool_search_tool_regex"},
            id="1.3 tool search without a date",
        ),
    ],
)
def test_accepted_tools(definition: Json) -> None:
    assert refusal(definition) is None


@pytest.mark.parametrize("tag", [known for known in KNOWN_TYPES if known != "custom"])
def test_types_that_the_refusal_names_are_accepted(tag: str) -> None:
    assert refusal({"type": tag, "name": "x"}) is None


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        pytest.param("read", "Input should be a valid dictionary", id="9 wrong type: a tool"),
        pytest.param(None, "Input should be a valid dictionary", id="9 null: a tool"),
        pytest.param(
            {"name": 5},
            "custom.name: Input should be a valid string",
            id="9 the member is named, the first fault told",
        ),
        pytest.param({"input_schema": 5}, "name: Field required", id="9 missing name"),
        pytest.param(
            {"type": "computer_toolset_20260801", "configs": {"fly": {"enabled": True}}},
            "computer_toolset_20260801.configs.fly: Extra inputs are not permitted",
            id="1.3 a member that the toolset does not have",
        ),
        pytest.param(
            {"type": "computer_toolset_20260801", "configs": {"navigate": None}},
            "computer_toolset_20260801.configs.navigate: Extra inputs are not permitted",
            id="1.3 a member of the other toolset",
        ),
        pytest.param(
            {"type": "browser_toolset_20260801", "configs": {"find": {}, "x" * 900: {}}},
            f"browser_toolset_20260801.configs.{'x' * 300}...: Extra inputs are not permitted",
            id="1.3 a member with a long name",
        ),
        pytest.param(
            {"type": "browser_toolset_20260801", "configs": {"find": {"enabled": "no"}}},
            "browser_toolset_20260801.configs.find.enabled: Input should be a valid boolean",
            id="1.3 wrong type: enabled",
        ),
        pytest.param(
            {"type": "browser_toolset_20260801", "configs": {"find": {"defer_loading": 1}}},
            "browser_toolset_20260801.configs.find.defer_loading: Input should be a valid boolean",
            id="1.3 wrong type: defer_loading",
        ),
        pytest.param(
            {"type": "browser_toolset_20260801", "configs": {"find": False}},
            "browser_toolset_20260801.configs.find: Input should be a valid dictionary",
            id="1.3 wrong type: a member's config",
        ),
        pytest.param(
            {"type": "browser_toolset_20260801", "configs": ["find"]},
            "browser_toolset_20260801.configs: Input should be a valid dictionary",
            id="1.3 wrong type: configs",
        ),
        pytest.param(
            {"type": "browser_toolset_20260801", "name": []},
            "browser_toolset_20260801.name: Input should be a valid string",
            id="1.3 wrong type: name of a toolset",
        ),
        pytest.param(
            tool(input_schema="{}"),
            "custom.input_schema: Input should be a valid dictionary",
            id="9 wrong type: input_schema",
        ),
        pytest.param(
            tool(input_schema=None),
            "custom.input_schema: Input should be a valid dictionary",
            id="9 null: input_schema is required",
        ),
        pytest.param(
            tool(""),
            "custom.name: String should have at least 1 character",
            id="9 empty name",
        ),
        pytest.param(
            tool(description=["x"]),
            "custom.description: Input should be a valid string",
            id="9 wrong type: description",
        ),
        pytest.param(
            tool(strict="yes"),
            "custom.strict: Input should be a valid boolean",
            id="9 wrong type: strict",
        ),
        pytest.param(
            tool(input_examples=[{}, "x"]),
            "custom.input_examples.1: Input should be a valid dictionary",
            id="9 wrong type: an example",
        ),
        pytest.param(
            {"type": "bash_20250124"},
            "bash_20250124.name: Field required",
            id="9 missing name of a tool with a schema of its own",
        ),
        pytest.param(
            {"type": "computer_20250124", "name": "computer", "display_width_px": "1024"},
            "computer_20250124.display_width_px: Input should be a valid integer",
            id="9 wrong type: display_width_px",
        ),
        pytest.param(
            {"type": "web_search_20250305", "name": 5},
            "web_search_20250305.name: Input should be a valid string",
            id="9 wrong type: name of a server tool",
        ),
        pytest.param(
            tool(type="function"), wording.unknown_tag("function", KNOWN_TYPES), id="9 unknown type"
        ),
        pytest.param(tool(type=5), wording.unknown_tag(5, KNOWN_TYPES), id="9 type is a number"),
        pytest.param(tool(type={}), wording.unknown_tag({}, KNOWN_TYPES), id="9 type is an object"),
    ],
)
def test_refused_tools(definition: Any, message: str) -> None:
    assert refusal(definition) == message
