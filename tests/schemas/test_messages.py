from __future__ import annotations

import pytest

from tests.schemas.body_builders import (
    Json,
    assistant,
    refusal,
    request,
    text,
    tool,
    tool_use,
    user,
    without,
)

M0C0 = "messages.0.content.0"

MISSING_AND_MISTYPED = [
    # missing
    pytest.param(without(request(), "model"), "model: Field required", id="9 missing model"),
    pytest.param(
        without(request(), "messages"), "messages: Field required", id="9 missing messages"
    ),
    pytest.param(
        without(request(), "max_tokens"), "max_tokens: Field required", id="9 missing max_tokens"
    ),
    pytest.param({}, "model: Field required", id="9 order: model is told first"),
    pytest.param(
        {"model": "m", "messages": [{}], "max_tokens": "x"},
        "messages.0.role: Field required",
        id="9 order: messages before max_tokens",
    ),
    pytest.param(
        {"stream": 1, "model": "m", "messages": [user("hi")], "temperature": "x"},
        "max_tokens: Field required",
        id="9 order: max_tokens before the rest, whatever the client's order",
    ),
    pytest.param(
        request(user("hi"), {"role": "x"}, {"content": 5}),
        "messages.1.role: Input should be 'user', 'assistant' or 'system'",
        id="9 order: the first bad turn",
    ),
    pytest.param(
        request(user(text(), {"type": "text"}, {"type": "hologram"})),
        "messages.0.content.1.text.text: Field required",
        id="9 order: the first bad block",
    ),
    pytest.param(
        request({"role": "user"}), "messages.0.content: Field required", id="9 missing content"
    ),
    pytest.param(
        request({"content": "hi"}), "messages.0.role: Field required", id="9 missing role"
    ),
    pytest.param(
        request(tools=[without(tool(), "name")]),
        "tools.0.name: Field required",
        id="9 missing tool name",
    ),
    pytest.param(
        request(tools=[tool(), {"type": "custom", "name": "b"}]),
        "tools.1.input_schema: Field required",
        id="9 missing input_schema",
    ),
    pytest.param(
        request(user({"type": "text"})), f"{M0C0}.text.text: Field required", id="9 missing text"
    ),
    pytest.param(
        request(user("hi"), assistant(tool_use()), user({"type": "tool_result"})),
        "messages.2.content.0.tool_result.tool_use_id: Field required",
        id="9 missing tool_use_id",
    ),
    pytest.param(
        request(tools=[tool()], tool_choice={"type": "tool"}),
        "tool_choice.tool.name: Field required",
        id="9 missing name of the chosen tool",
    ),
    pytest.param(
        request(thinking={"type": "enabled"}),
        "thinking.enabled.budget_tokens: Field required",
        id="9 missing budget_tokens",
    ),
    # wrong type
    pytest.param(
        request(model=5), "model: Input should be a valid string", id="9 wrong type: model"
    ),
    pytest.param(
        request(model=None), "model: Input should be a valid string", id="9 null: a required field"
    ),
    pytest.param(
        request(model=""), "model: String should have at least 1 character", id="9 model is empty"
    ),
    pytest.param(
        request(model="m" * 257),
        "model: String should have at most 256 characters",
        id="9 model is too long",
    ),
    pytest.param(
        request(messages="hi"),
        "messages: Input should be a valid list",
        id="9 wrong type: messages a string",
    ),
    pytest.param(
        request(messages=None), "messages: Input should be a valid list", id="9 null: messages"
    ),
    pytest.param(
        request(messages={}), "messages: Input should be a valid list", id="9 wrong type: an object"
    ),
    pytest.param(
        request("hi"),
        "messages.0: Input should be a valid dictionary",
        id="9 wrong type: a turn",
    ),
    pytest.param(
        request(None), "messages.0: Input should be a valid dictionary", id="9 null: a turn"
    ),
    pytest.param(
        request(max_tokens="5"),
        "max_tokens: Input should be a valid integer",
        id="9 '5' is no integer",
    ),
    pytest.param(
        request(max_tokens=True),
        "max_tokens: Input should be a valid integer",
        id="9 true is no integer",
    ),
    pytest.param(
        request(max_tokens=5.5),
        "max_tokens: Input should be a valid integer",
        id="9 5.5 is no integer",
    ),
    pytest.param(
        request(max_tokens=1e30),
        "max_tokens: Input should be a valid integer",
        id="9 1e30 is no integer that could be sent on",
    ),
    pytest.param(
        request(max_tokens=None),
        "max_tokens: Input should be a valid integer",
        id="9 null: max_tokens is required",
    ),
    pytest.param(
        request(stream="true"), "stream: Input should be a valid boolean", id="9 'true' no boolean"
    ),
    pytest.param(request(stream=1), "stream: Input should be a valid boolean", id="9 1 no boolean"),
    pytest.param(
        request(temperature="hot"),
        "temperature: Input should be a valid number",
        id="9 wrong type: temperature",
    ),
    pytest.param(
        request(top_p=True), "top_p: Input should be a valid number", id="9 true is no number"
    ),
    pytest.param(
        request(top_k=1.5), "top_k: Input should be a valid integer", id="9 wrong type: top_k"
    ),
    pytest.param(
        request(system=5),
        "system: Input should be a valid string or list",
        id="9 wrong type: system",
    ),
    pytest.param(
        request(system=[text(), {"type": "text", "text": 5}]),
        "system.1.text.text: Input should be a valid string",
        id="9 wrong type: text of a system block",
    ),
    pytest.param(
        request(system=["hi"]),
        "system.0: Input should be a valid dictionary",
        id="9 wrong type: a system block",
    ),
    pytest.param(
        request(stop_sequences="a"),
        "stop_sequences: Input should be a valid list",
        id="9 wrong type: stop_sequences",
    ),
    pytest.param(
        request(stop_sequences=["a", 5]),
        "stop_sequences.1: Input should be a valid string",
        id="9 wrong type: a stop sequence",
    ),
    pytest.param(
        request(stop_sequences=[None]),
        "stop_sequences.0: Input should be a valid string",
        id="9 null: a stop sequence",
    ),
    pytest.param(
        request(tools={}), "tools: Input should be a valid list", id="9 wrong type: tools"
    ),
    pytest.param(
        request(tool_choice=5),
        "tool_choice: Input should be a valid dictionary",
        id="9 wrong type: tool_choice",
    ),
    pytest.param(
        request(tool_choice="required"),
        "tool_choice: Input should be a valid dictionary",
        id="9 wrong type: tool_choice as a word of another API",
    ),
    pytest.param(
        request(tool_choice={"type": "auto", "disable_parallel_tool_use": "yes"}),
        "tool_choice.auto.disable_parallel_tool_use: Input should be a valid boolean",
        id="9 wrong type: disable_parallel_tool_use",
    ),
    pytest.param(
        request(thinking="on"),
        "thinking: Input should be a valid dictionary",
        id="9 wrong type: thinking",
    ),
    pytest.param(
        request(thinking={"type": "enabled", "budget_tokens": "many"}),
        "thinking.enabled.budget_tokens: Input should be a valid integer",
        id="9 wrong type: budget_tokens",
    ),
    pytest.param(
        request(metadata=[]),
        "metadata: Input should be a valid dictionary",
        id="9 wrong type: metadata",
    ),
    pytest.param(
        request(metadata={"user_id": 5}),
        "metadata.user_id: Input should be a valid string",
        id="9 wrong type: user_id",
    ),
    pytest.param(
        request(output_config=5),
        "output_config: Input should be a valid dictionary",
        id="9 wrong type: output_config",
    ),
    pytest.param(
        request(output_config={"format": {"type": "json_schema", "schema": "x"}}),
        "output_config.format.schema: Input should be a valid dictionary",
        id="9 wrong type: the schema of an answer",
    ),
    pytest.param(
        request(output_format={"type": "json_schema"}),
        "output_format.schema: Field required",
        id="9 missing schema in the legacy output_format",
    ),
    pytest.param(
        request(service_tier=["auto"]),
        "service_tier: Input should be a valid string",
        id="9 wrong type: service_tier",
    ),
    pytest.param(
        request(user({"type": "text", "text": None})),
        f"{M0C0}.text.text: Input should be a valid string",
        id="9 null: text is required",
    ),
]


@pytest.mark.parametrize(("body", "message"), MISSING_AND_MISTYPED)
def test_refusals(body: Json, message: str) -> None:
    assert refusal(body) == message
