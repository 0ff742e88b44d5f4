"""Refusals that state a limit, in their providers' words: docs/protocol.md 1.5."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.healing import Healing, heal, healing_for
from proxy.providers.profiles import Profile

QUESTION = {"role": "user", "content": "go"}


def refused(text: str, status: int = 400, param: str | None = None) -> UpstreamError:
    client_status = 400 if status == 422 else status
    return UpstreamError(text, status=client_status, upstream_status=status, param=param)


def tool(name: str = "Read", description: str = "Reads a file.") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description}}


@pytest.mark.parametrize(
    ("text", "sent", "least"),
    [
        ("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.", 1, 16),
        ("<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [10, 65536]", 1, 10),
        ("1 is less than the minimum of 16 - 'max_tokens'", 1, 16),
        ("max_tokens must be at least 16, got 1", 1, 16),
        ("maxOutputTokens must be greater than or equal to 32", 1, 32),
        ("max_tokens: Input should be greater than 15", 1, 16),
        ("`max_completion_tokens` must not be less than 16", 1, 16),
        ("The minimum value of max_tokens is 20", 1, 20),
        ("max_tokens must be between 16 and 8192", 1, 16),
        ("max_tokens 不能小于 16", 1, 16),
        ("Please request at least 16 output tokens", 1, 16),
    ],
)  # fmt: skip
def test_1_5_the_least_output_is_stated(text: str, sent: int, least: int) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        healing = healing_for(Profile(), {name: sent}, refused(text))
        assert healing == Healing("min_output", {"min_output": least}, True)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("max_tokens must be at least 1, got -160", 4096),
        ("max_tokens must be greater than `thinking.budget_tokens`", 1),
        ("Expected a value >= 16, but got 1 instead.", 1),
        ("max_tokens is invalid", 1),
        ("Range of max_tokens should be [1, 8192]", 1),
    ],
)
def test_1_5_no_output_is_raised(text: str, sent: int) -> None:
    assert heal(Profile(), {"max_tokens": sent}, refused(text)) == {}


OPENROUTER = (
    "This request requires more credits, or fewer max_tokens. You requested up to 32000 tokens, "
    "but can only afford {}. To increase, visit https://openrouter.ai/settings/credits"
)


@pytest.mark.parametrize(
    ("text", "status", "affordable"),
    [
        (OPENROUTER.format(27342), 402, 27342),
        (OPENROUTER.format("27,342"), 402, 27342),
        (OPENROUTER.format(222).replace("credits", "keys"), 402, 222),
        ("Insufficient balance: you can afford up to 5000 tokens", 402, 5000),
        ("Your remaining credits can cover 4000 tokens; lower max_tokens.", 402, 4000),
        ("Your balance is only enough for 3000 output tokens", 403, 0),
        ("You could afford 2500 tokens with this balance", 402, 2500),
    ],
)
def test_1_5_what_can_be_paid_for_is_asked_for_once(
    text: str, status: int, affordable: int
) -> None:
    healing = healing_for(Profile(), {"max_tokens": 32000}, refused(text, status))
    expected = Healing("affordable", {"max_output": affordable}, False) if affordable else None
    assert healing == expected


@pytest.mark.parametrize(
    "text",
    [
        OPENROUTER.format(0),
        OPENROUTER.format(99),
        OPENROUTER.format(32000),
        "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
        "Prompt tokens limit exceeded: 230799 > 91442. To increase, visit https://openrouter.ai",
        "You exceeded your current quota, please check your plan and billing details.",
    ],
)
def test_1_5_no_credit_is_not_healed(text: str) -> None:
    assert heal(Profile(), {"max_tokens": 32000}, refused(text, 402)) == {}


def test_1_5_credit_that_shrinks_is_not_followed() -> None:
    error = refused(OPENROUTER.format(9000), 402)
    body = {"max_tokens": 10_000}
    assert heal(Profile(max_output=10_000), body, error, healed={"max_output"}) == {}


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("Invalid 'tools[2].function.description': string too long. Expected a string with maximum length 1024, but got a string with length 4394 instead.", None),
        ("String too long. Expected a string with maximum length 1024.", "tools[2].function.description"),
        ("tools.0.function.description: String should have at most 1024 characters", None),
        ("tools.0.custom.description: ensure this value has at most 1024 characters", None),
        ("Value at 'toolConfig.tools.3.member.toolSpec.description' failed to satisfy constraint: Member must have length less than or equal to 1024", None),
        ("Description for tool `mcp` is too long (1155 > 1024 chars)", None),
        ("The function description exceeds the limit of 1024 characters", None),
        ("Tool description must be 1024 characters or less", None),
        ("工具描述不能超过1024个字符", None),
    ],
)  # fmt: skip
def test_1_5_the_longest_description_is_stated(text: str, param: str | None) -> None:
    body = {"messages": [QUESTION], "tools": [tool(), tool(description="x" * 1500)]}
    healing = healing_for(Profile(), body, refused(text, param=param))
    assert healing == Healing("tool_texts", {"description_chars": 1024}, True)


LONG_NAME = "mcp__documentation__look_a_page_up_by_its_number_in_the_book"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Invalid 'tools[12].function.name': string too long. Expected a string with maximum length 48, but got a string with length 60 instead.", 48),
        ("tools.43.custom.name: String should have at most 48 characters", 48),
        ("<400> InternalError.Algo.InvalidParameter: The length of the tool name cannot exceed 48.", 48),
        ("Value at 'toolConfig.tools.38.member.toolSpec.name' failed to satisfy constraint: Member must have length less than or equal to 48", 48),
        ("Function name is longer than 50 characters: mcp__documentation", 50),
        ("Tool name must be no longer than 40 characters", 40),
        ("The name of the function is limited to 32 characters", 32),
        ("工具名称长度不能超过48", 48),
    ],
)  # fmt: skip
def test_1_5_the_longest_name_is_stated(text: str, limit: int) -> None:
    body = {"messages": [QUESTION], "tools": [tool(), tool(LONG_NAME)]}
    healing = healing_for(Profile(), body, refused(text))
    assert healing == Healing("tool_texts", {"tool_name_chars": limit}, True)


@pytest.mark.parametrize(
    "text",
    [
        "tools.0.function.parameters.properties.q.description: at most 32 characters",
        "tools[0].function.name: string should match pattern '^[a-z]{1,48}$'",
        "The tool description is too long",
        "Invalid 'tools': array too long. Expected an array with maximum length 32.",
        "Tool name must be at most 64 characters",
        "Tool name must be at most 8 characters",
        "tools.0.function.description: String should have at most 10 characters",
    ],
)
def test_1_5_no_text_of_a_tool_is_cut(text: str) -> None:
    body = {"messages": [QUESTION], "tools": [tool(LONG_NAME, "x" * 50)]}
    assert heal(Profile(), body, refused(text)) == {}
