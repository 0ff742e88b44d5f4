"""Thinking and effort: docs/protocol.md 1.4, 10.4, section 11, edge cases 118 to 121."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.request.thinking import supported_effort
from tests.convert.request_builders import convert, fields_beside_messages, noted, tool

ENABLED = {"thinking": {"type": "enabled", "budget_tokens": 5000}}
ADAPTIVE = {"thinking": {"type": "adaptive"}}
DISABLED = {"thinking": {"type": "disabled"}}
BETWEEN = {"thinking": {"type": "between_tools"}}
HIGH = {"output_config": {"effort": "high"}}
ABSENT: dict[str, Any] = {}
NOTHING: dict[str, Any] = {}

STYLES: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "none": [
        (ENABLED, NOTHING),
        (ADAPTIVE, NOTHING),
        (DISABLED, NOTHING),
        (BETWEEN, NOTHING),
        (ABSENT, NOTHING),
        (HIGH, NOTHING),
    ],
    "effort": [
        (ENABLED, {"reasoning_effort": "medium"}),
        (ENABLED | HIGH, {"reasoning_effort": "high"}),
        (ADAPTIVE, NOTHING),
        (ADAPTIVE | HIGH, {"reasoning_effort": "high"}),
        (DISABLED, {"reasoning_effort": "low"}),
        (DISABLED | HIGH, {"reasoning_effort": "low"}),
        (BETWEEN, {"reasoning_effort": "low"}),
        (ABSENT, NOTHING),
        (HIGH, {"reasoning_effort": "high"}),
    ],
    "openrouter": [
        (ENABLED, {"reasoning": {"max_tokens": 5000}}),
        (ENABLED | HIGH, {"reasoning": {"effort": "high"}}),
        (ADAPTIVE, {"reasoning": {"enabled": True}}),
        (ADAPTIVE | HIGH, {"reasoning": {"effort": "high"}}),
        (DISABLED | HIGH, {"reasoning": {"enabled": False}}),
        (BETWEEN, {"reasoning": {"enabled": False}}),
        (ABSENT, NOTHING),
        (HIGH, {"reasoning": {"effort": "high"}}),
    ],
    "qwen": [
        (ENABLED, {"enable_thinking": True, "thinking_budget": 5000}),
        (ADAPTIVE | HIGH, {"enable_thinking": True}),
        (DISABLED | HIGH, {"enable_thinking": False}),
        (BETWEEN, {"enable_thinking": False}),
        (ABSENT, NOTHING),
        (HIGH, NOTHING),
    ],
    "toggle": [
        (ENABLED, {"thinking": {"type": "enabled"}}),
        (ADAPTIVE | HIGH, {"thinking": {"type": "enabled"}}),
        (DISABLED | HIGH, {"thinking": {"type": "disabled"}}),
        (BETWEEN, {"thinking": {"type": "disabled"}}),
        (ABSENT, NOTHING),
        (HIGH, NOTHING),
    ],
}


def asked(fields: dict[str, Any]) -> str:
    kind = fields.get("thinking", {}).get("type", "absent")
    return f"{kind} with effort" if "output_config" in fields else str(kind)


@pytest.mark.parametrize(
    ("style", "fields", "expected"),
    [
        pytest.param(style, fields, expected, id=f"1.4 {style}: {asked(fields)}")
        for style, rows in STYLES.items()
        for fields, expected in rows
    ],
)
def test_style(style: str, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    chat = convert(flags={"thinking_style": style}, **fields)
    assert fields_beside_messages(chat) == expected


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        pytest.param(1, "low", id="edge 121 a budget below 1024 is accepted"),
        pytest.param(3999, "low", id="1.4 budget 3999"),
        pytest.param(4000, "medium", id="1.4 budget 4000"),
        pytest.param(15999, "medium", id="1.4 budget 15999"),
        pytest.param(16000, "high", id="1.4 budget 16000"),
        pytest.param(999999, "high", id="edge 121 a budget above max_tokens is accepted"),
    ],
)
def test_budget(budget: int, expected: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}
    chat = convert(flags={"thinking_style": "effort"}, thinking=thinking)
    assert chat.body["reasoning_effort"] == expected
    assert noted(chat) == {}


@pytest.mark.parametrize(
    ("level", "efforts", "expected"),
    [
        pytest.param("high", ("low", "medium", "high"), "high", id="1.4 a supported level"),
        pytest.param("max", ("low", "medium", "high"), "high", id="1.4 the nearest lower level"),
        pytest.param("xhigh", ("high", "max"), "high", id="1.4 lower, not higher"),
        pytest.param("medium", ("low", "high", "max"), "low", id="1.4 lower across a gap"),
        pytest.param("low", ("medium", "high"), "medium", id="1.4 else the lowest"),
        pytest.param("low", ("none", "high"), "high", id="1.4 none is no lower level"),
        pytest.param("none", ("none", "low"), "none", id="1.4 disabled is none"),
        pytest.param("none", ("low", "minimal"), "minimal", id="1.4 disabled is the lowest else"),
        pytest.param("low", ("none",), "low", id="1.4 a table that knows no level"),
        pytest.param("none", (), "none", id="1.4 an empty table"),
    ],
)
def test_supported_effort(level: str, efforts: tuple[str, ...], expected: str) -> None:
    assert supported_effort(level, efforts) == expected


@pytest.mark.parametrize(
    ("style", "fields", "flags", "drops"),
    [
        pytest.param("none", ENABLED, {}, {"thinking": "noted"}, id="edge 120 thinking noted"),
        pytest.param("none", ADAPTIVE, {}, {"thinking": "noted"}, id="edge 120 adaptive noted"),
        pytest.param("none", DISABLED, {}, {}, id="1.4 disabled is no loss"),
        pytest.param(
            "none", HIGH, {}, {"output_config.effort": "noted"}, id="edge 120 effort noted"
        ),
        pytest.param("qwen", HIGH, {}, {"output_config.effort": "noted"}, id="1.4 qwen: no effort"),
        pytest.param(
            "toggle", HIGH, {}, {"output_config.effort": "noted"}, id="1.4 toggle: no effort"
        ),
        pytest.param(
            "effort",
            {"output_config": {"effort": "max"}},
            {},
            {"output_config.effort=high": "noted"},
            id="1.4 a lower effort is noted",
        ),
        pytest.param("effort", DISABLED | HIGH, {}, {}, id="edge 119 disabled beats effort"),
    ],
)
def test_lost(
    style: str, fields: dict[str, Any], flags: dict[str, Any], drops: dict[str, str]
) -> None:
    assert noted(convert(flags={"thinking_style": style, **flags}, **fields)) == drops


FORCED = {"tools": [tool()], "tool_choice": {"type": "any"}}
FREE = {"tools": [tool()], "tool_choice": {"type": "auto"}}
STOPS = {"thinking_style": "toggle", "forced_choice_stops_thinking": True}


@pytest.mark.parametrize(
    ("fields", "flags", "expected", "drops"),
    [
        pytest.param(
            FORCED | ENABLED,
            STOPS,
            {"type": "disabled"},
            {"thinking": "noted"},
            id="10.4 a forced choice switches thinking off",
        ),
        pytest.param(
            FORCED | {"tool_choice": {"type": "tool", "name": "look"}} | ADAPTIVE,
            STOPS,
            {"type": "disabled"},
            {"thinking": "noted"},
            id="edge 95d a named choice too",
        ),
        pytest.param(
            FORCED, STOPS, {"type": "disabled"}, {}, id="10.4 also where it is on by default"
        ),
        pytest.param(FORCED | DISABLED, STOPS, {"type": "disabled"}, {}, id="10.4 it was off"),
        pytest.param(
            FREE | ENABLED,
            STOPS,
            {"type": "enabled"},
            {"thinking.budget_tokens": "noted"},
            id="10.4 a free choice",
        ),
        pytest.param(
            FORCED | ENABLED,
            {"thinking_style": "toggle"},
            {"type": "enabled"},
            {"thinking.budget_tokens": "noted"},
            id="10.4 only where the upstream refuses both",
        ),
        pytest.param(
            FORCED | ENABLED,
            STOPS | {"tool_choice": "auto_only"},
            {"type": "enabled"},
            {"tool_choice": "noted", "thinking.budget_tokens": "noted"},
            id="10.4 a choice that is not sent forces nothing",
        ),
    ],
)
def test_forced_choice(
    fields: dict[str, Any], flags: dict[str, Any], expected: dict[str, str], drops: dict[str, str]
) -> None:
    chat = convert(flags=flags, **fields)
    assert chat.body["thinking"] == expected
    assert noted(chat) == drops


@pytest.mark.parametrize(
    ("fields", "flag", "expected", "drops"),
    [
        pytest.param(
            FREE | HIGH,
            "none",
            {"reasoning_effort": "none"},
            {"thinking": "noted"},
            id="10.11 none",
        ),
        pytest.param(FREE | HIGH, "omit", {}, {"thinking": "noted"}, id="10.11 omit"),
        pytest.param(
            FREE, "none", {"reasoning_effort": "none"}, {}, id="10.11 none, nothing asked"
        ),
        pytest.param(
            HIGH, "none", {"reasoning_effort": "high"}, {}, id="10.11 none, without tools"
        ),
        pytest.param(FREE | DISABLED, "omit", {}, {}, id="10.11 omit, thinking was off"),
    ],
)
def test_effort_with_tools(
    fields: dict[str, Any], flag: str, expected: dict[str, str], drops: dict[str, str]
) -> None:
    chat = convert(flags={"thinking_style": "effort", "effort_with_tools": flag}, **fields)
    assert {k: v for k, v in chat.body.items() if k == "reasoning_effort"} == expected
    assert noted(chat) == drops


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        pytest.param(None, "show", id="1.4 reasoning shown without thinking"),
        pytest.param({"type": "adaptive"}, "show", id="1.4 adaptive shown"),
        pytest.param({"type": "adaptive", "display": "summarized"}, "show", id="1.4 summarized"),
        pytest.param(
            {"type": "enabled", "budget_tokens": 9, "display": "omitted"},
            "omit",
            id="1.4 display omitted",
        ),
        pytest.param({"type": "disabled"}, "discard", id="1.4 disabled discards"),
        pytest.param(
            {"type": "between_tools", "display": "omitted"},
            "discard",
            id="1.4 between_tools discards",
        ),
    ],
)
def test_delivery(thinking: dict[str, Any] | None, expected: str) -> None:
    assert convert(thinking=thinking).reply.thinking == expected
