"""Tools, their choice and the upstream's own web search (R 2.3, 2.7)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from tests.convert.request_builders import noted, tool, user
from tests.convert.responses_builders import body, convert, fields_beside_input

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
HOSTED = {"web_search": "tool"}


def function(name: str = "look", **extra: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": SCHEMA, "strict": False, **extra}


def test_function_is_flat_and_always_says_whether_it_is_strict() -> None:
    sent = body(tools=[tool(description="D"), tool("other", strict=True)])
    assert sent["tools"] == [function(description="D"), function("other")]


def test_strict_where_client_and_upstream_want_it() -> None:
    sent = body(tools=[tool(strict=True), tool("b")], flags={"strict_tools": True})
    assert sent["tools"] == [function(strict=True), function("b")]
    converted = convert(tools=[tool(strict=True)])
    assert converted.body["tools"] == [function()]
    assert noted(converted) == {"tools.strict": "noted"}


def test_strict_is_left_out_where_the_upstream_does_not_know_it() -> None:
    flags = {"strict_field": False, "strict_tools": True}
    sent = convert(tools=[tool(strict=True)], flags=flags, not_checked=["tools"]).body
    assert sent["tools"] == [{"type": "function", "name": "look", "parameters": SCHEMA}]


def test_tool_without_schema_has_parameters() -> None:
    sent = body(tools=[{"name": "a", "input_schema": {}}])
    assert sent["tools"][0]["parameters"] == {"type": "object", "properties": {}}


def test_schema_that_is_left_out_is_null() -> None:
    flags = {"schema_steps": ("no_empty_objects",)}
    sent = body(tools=[{"name": "a", "input_schema": {}}], flags=flags)
    assert sent["tools"] == [{"type": "function", "name": "a", "parameters": None, "strict": False}]


def test_built_in_client_tools_are_functions() -> None:
    sent = body(tools=[{"type": "bash_20250124", "name": "bash"}])
    assert sent["tools"][0]["type"] == "function"
    assert sent["tools"][0]["strict"] is False
    assert "command" in sent["tools"][0]["parameters"]["properties"]


def test_examples_and_long_descriptions_as_for_chat() -> None:
    declared = tool(description="D", input_examples=[{"q": "x"}])
    assert body(tools=[declared])["tools"][0]["description"] == 'D\n\nExamples:\n{"q":"x"}'
    cut = body(tools=[tool(description="D" * 50)], flags={"description_chars": 10})
    assert cut["tools"][0]["description"] == "D" * 9 + "…"


def test_schema_dialects_apply() -> None:
    converted = convert(tools=[tool()], flags={"schema_drop": ("properties",)})
    assert "properties" not in converted.body["tools"][0]["parameters"]


def test_too_many_tools_are_left_out() -> None:
    converted = convert(tools=[tool("a"), tool("b")], flags={"max_tools": 1})
    assert [each["name"] for each in converted.body["tools"]] == ["a"]
    assert converted.drops.header() == "tools.b"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "look"}, {"type": "function", "name": "look"}),
    ],
)
def test_choice(choice: dict[str, Any], expected: Any) -> None:
    assert body(tools=[tool()], tool_choice=choice)["tool_choice"] == expected


def test_choice_of_upstreams_with_less() -> None:
    named = {"type": "tool", "name": "look"}
    required = convert(tools=[tool()], tool_choice=named, flags={"tool_choice": "required"})
    assert required.body["tool_choice"] == "required"
    assert required.drops.header() == "tool_choice=required"
    auto = convert(tools=[tool()], tool_choice=named, flags={"tool_choice": "auto_only"})
    assert "tool_choice" not in auto.body
    assert auto.drops.header() == "tool_choice"


def test_choice_of_a_tool_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="Tool 'b' not found in provided tools"):
        convert(tools=[tool()], tool_choice={"type": "tool", "name": "b"})


def test_parallel_calls() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert body(tools=[tool()], tool_choice=choice)["parallel_tool_calls"] is False
    dropped = convert(tools=[tool()], tool_choice=choice, flags={"parallel_flag": False})
    assert "parallel_tool_calls" not in dropped.body
    assert dropped.drops.header() == "disable_parallel_tool_use"


def test_reply_has_the_functions_in_the_form_of_chat() -> None:
    reply = convert(tools=[tool()]).reply
    assert list(reply.functions) == [
        {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
    ]
    assert reply.text_tool_calls
    assert not convert(tools=[tool()], flags={"text_tool_calls": False}).reply.text_tool_calls


def test_hosted_search() -> None:
    converted = convert(tools=[tool(), SEARCH], flags=HOSTED)
    assert fields_beside_input(converted) == {
        "include": ["web_search_call.action.sources"],
        "tools": [function(), {"type": "web_search"}],
    }
    assert converted.drops.report() == []


def test_limits_of_hosted_search() -> None:
    search = {
        **SEARCH,
        "allowed_domains": ["a.test"],
        "blocked_domains": ["b.test"],
        "max_uses": 3,
        "user_location": {"type": "approximate", "city": "Kyiv", "country": "UA"},
    }
    converted = convert(tools=[search], flags=HOSTED)
    assert converted.body["tools"] == [
        {
            "type": "web_search",
            "filters": {"allowed_domains": ["a.test"]},
            "user_location": {"type": "approximate", "city": "Kyiv", "country": "UA"},
        }
    ]
    assert converted.body["max_tool_calls"] == 3
    assert converted.drops.header() == "tools.web_search_20250305.blocked_domains"
    assert converted.drops.logged() == "tools.web_search.blocked_domains"


@pytest.mark.parametrize(
    ("tools", "choice", "expected"),
    [
        ([SEARCH], {"type": "tool", "name": "web_search"}, "required"),
        ([SEARCH], {"type": "any"}, "required"),
        ([SEARCH], {"type": "auto"}, None),
        ([tool(), SEARCH], {"type": "any"}, "required"),
        ([tool(), SEARCH], {"type": "auto"}, "auto"),
        (
            [tool(), SEARCH],
            {"type": "tool", "name": "web_search"},
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]},
        ),
        (
            [tool(), SEARCH],
            {"type": "tool", "name": "look"},
            {"type": "function", "name": "look"},
        ),
    ],
)
def test_choice_with_hosted_search(tools: Any, choice: dict[str, Any], expected: Any) -> None:
    converted = convert(tools=tools, tool_choice=choice, flags=HOSTED)
    assert converted.body.get("tool_choice") == expected
    assert converted.drops.report() == []


def test_hosted_search_of_upstreams_with_fewer_choices() -> None:
    named = {"type": "tool", "name": "web_search"}
    both = [tool(), SEARCH]
    required = convert(tools=both, tool_choice=named, flags={**HOSTED, "tool_choice": "required"})
    assert required.body["tool_choice"] == "required"
    assert required.drops.header() == "tool_choice=required"
    auto = convert(tools=both, tool_choice=named, flags={**HOSTED, "tool_choice": "auto_only"})
    assert "tool_choice" not in auto.body
    assert auto.drops.header() == "tool_choice"


def test_no_search_is_declared_when_no_tool_may_be_called() -> None:
    assert (
        fields_beside_input(convert(tools=[SEARCH], tool_choice={"type": "none"}, flags=HOSTED))
        == {}
    )


def test_search_without_reasoning_is_not_possible_at_the_lowest_level() -> None:
    flags: dict[str, Any] = {
        **HOSTED,
        "thinking_style": "effort",
        "efforts": ("minimal", "low", "high"),
    }
    asked: dict[str, Any] = {"thinking": {"type": "disabled"}, "flags": flags}
    assert body(**asked)["reasoning"] == {"effort": "minimal"}
    converted = convert(tools=[SEARCH], **asked)
    assert converted.body["reasoning"] == {"effort": "low"}
    assert "output_config.effort=low" in noted(converted)


def test_other_forms_of_search() -> None:
    plugin = convert(tools=[SEARCH], flags={"web_search": "plugin"}, not_checked=["plugins"])
    assert fields_beside_input(plugin) == {"plugins": [{"id": "web"}]}
    options = convert(tools=[SEARCH], flags={"web_search": "options"})
    assert fields_beside_input(options) == {}
    assert options.drops.header() == "tools.web_search_20250305"


def test_other_server_tools_are_dropped_or_refused() -> None:
    fetch = {"type": "web_fetch_20250910", "name": "web_fetch"}
    converted = convert(tools=[fetch], flags=HOSTED)
    assert fields_beside_input(converted) == {}
    assert converted.drops.header() == "tools.web_fetch_20250910"
    with pytest.raises(InvalidRequest, match="not supported by this upstream"):
        convert(user("a"), tools=[fetch], flags={"server_tools": "error"})
