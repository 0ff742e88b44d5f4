"""Refusals of tool call ids in their providers' words: docs/protocol.md 1.5, 10.11."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.healing import heal
from proxy.providers.profiles import Profile, profile_for

CALL = {"id": "x" * 281, "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": CALL["id"], "content": "r"},
    ]
}
OPENAI = (
    "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum "
    "length 40, but got a string with length 281 instead."
)
PATTERN = "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"


def refused(text: str, param: str | None = None, status: int = 400) -> UpstreamError:
    return UpstreamError(text, status=400, upstream_status=status, param=param)


@pytest.mark.parametrize(
    ("error", "flags"),
    [
        pytest.param(refused(OPENAI), {"tool_id_chars": 40}, id="OpenAI's, Azure's"),
        pytest.param(
            refused(OPENAI, "messages[1].tool_calls[0].id"), {"tool_id_chars": 40}, id="with param"
        ),
        pytest.param(
            refused(OPENAI.replace("tool_calls[0].id", "tool_call_id")),
            {"tool_id_chars": 40},
            id="of the result",
        ),
        pytest.param(
            refused(
                "String too long. Expected a string with maximum length 40.",
                "messages[1].tool_calls[0].id",
            ),
            {"tool_id_chars": 40},
            id="only param names it",
        ),
        pytest.param(
            refused("messages.1.tool_calls.0.id: String should have at most 64 characters", None, 422),
            {"tool_id_chars": 64},
            id="a validator's",
        ),
        pytest.param(
            refused(
                "1 validation error detected: Value at 'messages.2.member.content.1.member.toolUse."
                "toolUseId' failed to satisfy constraint: Member must have length less than or "
                "equal to 64"
            ),
            {"tool_id_chars": 64},
            id="Bedrock's length",
        ),
        pytest.param(
            refused(
                "1 validation error detected: Value at 'messages.2.member.content.1.member.toolUse."
                "toolUseId' failed to satisfy constraint: Member must satisfy regular expression "
                "pattern: [a-zA-Z0-9_-]+"
            ),
            {"tool_id": "safe"},
            id="Bedrock's pattern",
        ),
        pytest.param(refused(PATTERN), {"tool_id": "safe"}, id="Anthropic's"),
        pytest.param(
            refused("tool_call_id contains invalid characters"), {"tool_id": "safe"}, id="a gateway's"
        ),
        pytest.param(
            refused(
                "Tool call id was functions.Read:0 but must be a-z, A-Z, 0-9, with a length of 9."
            ),
            {"tool_id": "nine"},
            id="Mistral's",
        ),
        pytest.param(
            refused("messages.1.tool_calls.0.id: String should match pattern '^[a-zA-Z0-9]{9}$'"),
            {"tool_id": "nine"},
            id="Mistral's form as a pattern",
        ),
    ],
)  # fmt: skip
def test_healed(error: UpstreamError, flags: dict[str, object]) -> None:
    assert heal(Profile(), CALLED, error) == flags


@pytest.mark.parametrize(
    ("profile", "body", "error"),
    [
        pytest.param(Profile(), {"messages": CALLED["messages"][:1]}, refused(OPENAI), id="no calls"),
        pytest.param(
            profile_for("api.openai.com", "gpt-4o"), CALLED, refused(OPENAI), id="short by now"
        ),
        pytest.param(
            profile_for("api.mistral.ai", "x"), CALLED, refused(PATTERN), id="of nine characters by now"
        ),
        pytest.param(
            Profile(),
            CALLED,
            refused(OPENAI.replace("tool_calls[0].id", "tool_calls[0].function.name")),
            id="a name too long",
        ),
        pytest.param(
            Profile(), CALLED, refused(OPENAI.replace("length 40", "length 4")), id="no limit of ids"
        ),
        pytest.param(
            Profile(), CALLED, refused("tool_call_id of message 2 not found"), id="not paired"
        ),
        pytest.param(
            Profile(), CALLED, refused("tools.0.name: string should match pattern '^[a-z]+$'"),
            id="a tool's name",
        ),
    ],
)  # fmt: skip
def test_not_healed(profile: Profile, body: dict[str, Any], error: UpstreamError) -> None:
    assert heal(profile, body, error) == {}
