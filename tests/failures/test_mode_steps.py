"""Refusals of a way to ask, in their providers' words: docs/protocol.md 1.5."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.healing import Healing, heal, healing_for
from proxy.providers.profiles import Profile

QUESTION = {"role": "user", "content": "go"}
PREFILL = {"role": "assistant", "content": "The answer is"}
TOOL = {"type": "function", "function": {"name": "f"}}
NAMED = {"type": "function", "function": {"name": "f"}}


def refused(text: str, status: int = 400, param: str | None = None) -> UpstreamError:
    client_status = 400 if status == 422 else status
    return UpstreamError(text, status=client_status, upstream_status=status, param=param)


@pytest.mark.parametrize(
    ("text", "status", "param"),
    [
        ("Requests with max_tokens > 4096 must have stream=true", 400, "max_tokens"),
        ("max_tokens greater than 4096 requires streaming", 400, None),
        ("This model only support stream mode, please enable the stream parameter to access the model. ", 400, None),
        ("parameter.enable_thinking must be set to false for non-streaming calls", 400, None),
        ("enable thinking can not be support when `stream=False`.", 400, None),
        ("Stream must be set to true", 400, None),
        ("Non-streaming requests are not supported for this model", 422, None),
        ("Streaming is required for operations that may take longer than 10 minutes", 400, None),
        ("The model qwq-32b is only available in streaming mode", 404, None),
        ("This endpoint supports only streaming responses", 405, None),
        ("该模型仅支持流式输出", 400, None),
    ],
)  # fmt: skip
def test_1_5_a_whole_answer_is_refused(text: str, status: int, param: str | None) -> None:
    body = {"messages": [QUESTION], "max_tokens": 32000}
    healing = healing_for(Profile(), body, refused(text, status, param))
    assert healing == Healing("stream", {"stream_only": True}, True)


@pytest.mark.parametrize(
    ("text", "remembered"),
    [
        ("Unsupported value: 'stream' does not support true with this model. Only the default (false) value is supported.", True),
        ("Unsupported value: 'stream' does not support true with this model. Supported values are: false.", True),
        ("Streaming is not supported for this model", True),
        ("This model does not support streaming", True),
        ("streaming unsupported", False),
        ("Streaming mode is not available together with n > 1", False),
    ],
)  # fmt: skip
def test_1_5_a_stream_is_refused(text: str, remembered: bool) -> None:
    body = {"messages": [QUESTION], "stream": True}
    healing = healing_for(Profile(), body, refused(text))
    assert healing == Healing("no_stream", {"unsupported": ("stream",)}, remembered)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("This model only supports stream mode", {"stream": True}),
        ("Streaming is not supported for this model", {}),
        ("stream_options is only allowed when stream is set", {}),
        ("Upstream request failed", {}),
    ],
)
def test_1_5_the_mode_stays(text: str, body: dict[str, Any]) -> None:
    assert heal(Profile(), {"messages": [QUESTION], **body}, refused(text)) == {}


FOUND_NONE = "No endpoints found that support the provided 'tool_choice' value. To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing"
FORCED_REFUSED = [
    (FOUND_NONE, 404, None),
    ("Only a tool_choice of 'auto' is supported for this model.", 400, "tool_choice"),
    ("Tool choices other than 'auto' are not supported with model 'gpt-5-mini-2025-08-07'", 400, "tool_choice"),
    ('tool_choice is one of the strings that should be ["none", "auto"]', 400, "tool_choice"),
    ("No providers available that support toolChoice", 500, None),
]  # fmt: skip


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
@pytest.mark.parametrize(("text", "status", "param"), FORCED_REFUSED)
def test_1_5_a_forced_tool_is_left_to_the_model(
    text: str, status: int, param: str | None, choice: object
) -> None:
    body = {"messages": [QUESTION], "tools": [TOOL], "tool_choice": choice}
    healing = healing_for(Profile(), body, refused(text, status, param))
    assert healing == Healing("tool_choice", {"tool_choice": "auto_only"}, True)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("tool_choice 'required' is not supported", 400),
        ("This model doesn't support the toolConfig.toolChoice.any field. Remove toolConfig.toolChoice.any and try again.", 400),
        ("`tool_choice` is unsupported by this backend", 501),
        ("tool choice is not supported by the provider", 405),
        ("tool_choice: unknown variant `required`", 422),
        ("ToolChoice is not supported for model m", 500),
    ],
)  # fmt: skip
def test_1_5_a_forced_tool_is_weakened_step_by_step(text: str, status: int) -> None:
    body = {"messages": [QUESTION], "tools": [TOOL], "tool_choice": NAMED}
    error = refused(text, status)
    assert heal(Profile(), body, error) == {"tool_choice": "required"}
    body["tool_choice"] = "required"
    assert heal(Profile(tool_choice="required"), body, error) == {"tool_choice": "auto_only"}


@pytest.mark.parametrize(
    ("text", "status", "choice"),
    [
        ('"auto" tool choice requires --enable-auto-tool-choice; not supported', 400, "auto"),
        ("invalid tool_choice: must be a string", 400, "auto"),
        ("tool_choice is not supported", 400, None),
        ("tool_choice is not supported", 429, "required"),
        ("No endpoints found that support tool use.", 404, "required"),
    ],
)
def test_1_5_the_choice_stays(text: str, status: int, choice: str | None) -> None:
    body = {"messages": [QUESTION], "tools": [TOOL], "tool_choice": choice}
    assert heal(Profile(), body, refused(text, status)) == {}


@pytest.mark.parametrize(
    "text",
    [
        "Validation: Unsupported parameter(s): `tool_stream`",
        "tool_stream: Extra inputs are not permitted",
        'json: unknown field "tool_stream"',
        "Unrecognized request argument supplied: tool_stream",
        "Unknown parameter: 'toolStream'.",
    ],
)
def test_1_5_tool_stream_is_refused(text: str) -> None:
    body = {"messages": [QUESTION], "tools": [TOOL], "stream": True, "tool_stream": True}
    healing = healing_for(Profile(tool_stream=True), body, refused(text))
    assert healing == Healing("tool_stream", {"tool_stream": False}, True)


@pytest.mark.parametrize(
    ("text", "sent", "flags"),
    [
        ('json: unknown field "thinking"', "thinking", {"thinking_style": "none"}),
        ("Validation: Unsupported parameter(s): thinking", "thinking", {"thinking_style": "none"}),
        ("Value error, current model does not support parameter `enable_thinking`.", "enable_thinking", {"thinking_style": "none"}),
        ("Unknown parameter: 'enableThinking'", "enable_thinking", {"thinking_style": "none"}),
        ("reasoning: Extra inputs are not permitted", "reasoning", {"thinking_style": "none"}),
        ('"llama3.1:8b" does not support thinking', "reasoning_effort", {"thinking_style": "none"}),
        ("Unrecognized request argument supplied: thinking_budget", "thinking_budget", {"unsupported": ("thinking_budget",)}),
    ],
)  # fmt: skip
def test_1_5_thinking_is_refused(text: str, sent: str, flags: dict[str, object]) -> None:
    body = {"messages": [QUESTION], sent: True}
    healing = healing_for(Profile(thinking_style="toggle"), body, refused(text))
    assert healing == Healing("thinking", flags, True)


@pytest.mark.parametrize(
    "text",
    [
        "Assistant response prefill is incompatible with enable_thinking.",
        "Prefilling assistant responses is not supported when thinking is enabled",
        "You can't pre-fill the assistant response while thinking is on",
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. "
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block",
        "The last assistant message cannot be continued in reasoning mode",
        "prefix completion is not supported in thinking mode",
    ],
)
def test_1_5_a_prefill_goes_before_thinking(text: str) -> None:
    body = {"messages": [QUESTION, PREFILL]}
    healing = healing_for(Profile(), body, refused(text))
    assert healing == Healing("prefill", {"prefill_stops_thinking": True}, True)
    assert heal(Profile(), {"messages": [QUESTION]}, refused(text)) == {}


@pytest.mark.parametrize(
    ("name", "body", "flags"),
    [
        ("reasoningEffort", {"reasoning_effort": "high"}, {"thinking_style": "none"}),
        ("reasoning effort", {"reasoning_effort": "high"}, {"thinking_style": "none"}),
        ("parallelToolCalls", {"parallel_tool_calls": False}, {"parallel_flag": False}),
        ("streamOptions", {"stream_options": {}}, {"no_stream_usage": True}),
        ("maxTokens", {"max_tokens": 9}, {"token_field": "max_completion_tokens"}),
        ("topP", {"top_p": 1}, {"unsupported": ("top_p",)}),
        ("top-p", {"top_p": 1}, {"unsupported": ("top_p",)}),
        ("stopSequences", {"stop": ["a"]}, {"no_stop": True}),
        ("responseFormat", {"response_format": {"type": "json_schema"}}, {"structured": "json_object"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "words", ["Model grok-4 does not support parameter {}.", "Unknown parameter: '{}'", "{} is not supported"]
)  # fmt: skip
def test_1_5_a_field_in_another_spelling(
    words: str, name: str, body: dict[str, Any], flags: dict[str, object]
) -> None:
    profile = Profile(thinking_style="effort")
    error = refused(words.format(name))
    assert heal(profile, {"messages": [QUESTION], **body}, error) == flags
    named = refused("Not supported by this model", param=name)
    if " " not in name and name != "stopSequences":
        assert heal(profile, {"messages": [QUESTION], **body}, named) == flags


def test_1_5_a_suggested_field_is_not_the_refused_one() -> None:
    error = refused("property 'store' is unsupported, did you mean 'stop'?")
    assert heal(Profile(), {"messages": [QUESTION], "stop": ["a"]}, error) == {}
