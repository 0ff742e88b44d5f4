"""``thinking`` and effort -> ``reasoning`` (R 2.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.convert.request_builders import assistant, noted, tool, user
from tests.convert.responses_builders import body, convert

ENABLED = {"type": "enabled", "budget_tokens": 5000}
ADAPTIVE = {"type": "adaptive"}
HIDDEN = {**ADAPTIVE, "display": "omitted"}
OFF = {"type": "disabled"}
BETWEEN = {"type": "between_tools"}
STYLES = ["effort", "toggle", "qwen"]
GPT = ("none", "low", "medium", "high")


def sent(thinking: Any = None, effort: str | None = None, **flags: Any) -> Any:
    fields: dict[str, Any] = {"thinking": thinking} if thinking else {}
    if effort:
        fields["output_config"] = {"effort": effort}
    return body(flags=flags, not_checked=["reasoning"], **fields).get("reasoning")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("thinking", "effort", "expected"),
    [
        (ENABLED, None, {"effort": "medium", "summary": "auto"}),
        ({**ENABLED, "budget_tokens": 2000}, None, {"effort": "low", "summary": "auto"}),
        ({**ENABLED, "budget_tokens": 16000}, None, {"effort": "high", "summary": "auto"}),
        (ENABLED, "low", {"effort": "low", "summary": "auto"}),
        (ADAPTIVE, "high", {"effort": "high", "summary": "auto"}),
        (ADAPTIVE, None, {"summary": "auto"}),
        (HIDDEN, "high", {"effort": "high"}),
        (HIDDEN, None, None),
        (None, "high", {"effort": "high"}),
        (OFF, "high", {"effort": "none"}),
        (BETWEEN, None, {"effort": "none"}),
        (None, None, None),
    ],
)
def test_effort_styles(style: str, thinking: Any, effort: str | None, expected: Any) -> None:
    assert sent(thinking, effort, thinking_style=style, efforts=GPT) == expected


def test_lowest_level_where_none_is_unknown() -> None:
    assert sent(OFF, thinking_style="effort") == {"effort": "low"}


def test_unknown_level_is_lowered_and_noted() -> None:
    converted = convert(output_config={"effort": "max"}, flags={"thinking_style": "effort"})
    assert converted.body["reasoning"] == {"effort": "high"}
    assert converted.drops.header() == "output_config.effort=high"


@pytest.mark.parametrize(
    ("thinking", "effort", "expected"),
    [
        (ENABLED, None, {"max_tokens": 5000, "summary": "auto"}),
        (ADAPTIVE, None, {"enabled": True, "summary": "auto"}),
        (ADAPTIVE, "low", {"effort": "low", "summary": "auto"}),
        (HIDDEN, None, {"enabled": True}),
        (OFF, None, {"enabled": False}),
        (None, "low", {"effort": "low"}),
        (None, None, None),
    ],
)
def test_openrouter(thinking: Any, effort: str | None, expected: Any) -> None:
    assert sent(thinking, effort, thinking_style="openrouter") == expected


def test_models_that_do_not_reason() -> None:
    converted = convert(thinking=ENABLED, output_config={"effort": "low"})
    assert "reasoning" not in converted.body
    assert noted(converted) == {"thinking": "noted", "output_config.effort": "noted"}


def test_summary_of_unverified_organisations() -> None:
    flags = {"thinking_style": "effort", "reasoning_summary": None}
    assert sent(ENABLED, **flags) == {"effort": "medium"}
    assert sent(ADAPTIVE, **flags) is None


def test_effort_is_sent_beside_tools() -> None:
    flags = {"thinking_style": "effort", "effort_with_tools": "none"}
    converted = convert(tools=[tool()], thinking=ENABLED, flags=flags)
    assert converted.body["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert converted.drops.report() == []


def test_forced_calls_of_models_that_cannot_think_before_them() -> None:
    flags = {"thinking_style": "effort", "forced_choice_stops_thinking": True, "efforts": GPT}
    forced = convert(tools=[tool()], tool_choice={"type": "any"}, thinking=ENABLED, flags=flags)
    assert forced.body["reasoning"] == {"effort": "none"}
    assert forced.drops.header() == "thinking"
    free = convert(tools=[tool()], thinking=ENABLED, flags=flags)
    assert free.body["reasoning"] == {"effort": "medium", "summary": "auto"}


def test_prefilled_answers_of_models_that_cannot_think_in_them() -> None:
    flags = {"thinking_style": "effort", "prefill_stops_thinking": True, "efforts": GPT}
    converted = convert(user("go"), assistant("The"), thinking=ENABLED, flags=flags)
    assert converted.body["reasoning"] == {"effort": "none"}
    assert converted.drops.header() == "thinking"
