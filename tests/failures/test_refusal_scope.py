"""What is remembered for the model, and what helps only the request that was refused."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.complaints import refusal_of
from proxy.failures.healing import healing_for
from proxy.failures.healing_steps import STEPS
from proxy.failures.refusal_scope import SCOPES, concerns_model
from proxy.failures.response_steps import RESPONSE_STEPS
from proxy.providers.profiles import Profile

PARAMETERS = {"type": "object", "properties": {"a": {"minItems": 2}}}
TOOL = {"type": "function", "function": {"name": "f", "strict": True, "parameters": PARAMETERS}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
BODY: dict[str, Any] = {
    "messages": [PICTURE],
    "max_tokens": 32000,
    "stream_options": {"include_usage": True},
    "parallel_tool_calls": False,
    "temperature": 1.0,
    "top_p": 1.0,
    "reasoning_effort": "high",
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": {}}},
}
PROFILE = Profile(strict_tools=True, thinking_style="effort", efforts=("minimal", "high"))


def scope(text: str, param: str | None = None) -> tuple[str, bool] | None:
    error = UpstreamError(text, status=400, upstream_status=400, param=param)
    healing = healing_for(PROFILE, BODY, error)
    return healing and (healing.step, healing.remembered)


@pytest.mark.parametrize(
    ("step", "param", "text"),
    [
        ("sampling", "temperature", "Unsupported parameter"),
        ("sampling", None, "temperature: Extra inputs are not permitted"),
        ("sampling", None, "Unrecognized request argument supplied: top_p"),
        ("sampling", None, "invalid temperature: only 0.6 is allowed for this model"),
        ("sampling", None, "`temperature` and `top_p` cannot both be specified for this model."),
        (
            "sampling",
            "temperature",
            "Unsupported value: 'temperature' does not support 1.0 with this model. Only the "
            "default (1) value is supported.",
        ),
        ("reasoning_effort", None, "Unknown parameter: 'reasoning_effort'."),
        (
            "reasoning_effort",
            None,
            "Invalid value for reasoning_effort. Must be one of: low, medium",
        ),
        ("output_limit", None, "max_tokens is too large: 32000. At most 8192 completion tokens."),
        ("output_limit", None, "Range of max_tokens should be [1, 8192]"),
        ("strict", "tools[0].function.strict", "Unknown parameter: 'tools[0].function.strict'."),
        ("tool_choice", None, "Invalid tool_choice type: 'object'. Supported string values: auto"),
        ("response_format", None, "This response_format type is unavailable now"),
        ("response_format", None, "'response_format.type' must be 'json_object' or 'text'"),
        ("images", None, "This model does not support images"),
        ("images", None, "At most 0 image(s) may be provided in one prompt."),
        ("token_field", None, "Unsupported parameter: 'max_tokens' is not supported"),
        # Rewrites of schemas take nothing from other clients.
        ("schema", None, "json_schema is invalid: schema is recursive"),
        ("schema", None, "response_format is not supported: cannot resolve $ref"),
        ("schema", None, "tools.0.function.parameters: keyword 'minItems' is not supported"),
        ("schema", None, "tools.0.function.parameters: minItems: Extra inputs are not permitted"),
    ],
)
def test_fields_limits_and_lists_are_remembered(step: str, param: str | None, text: str) -> None:
    assert scope(text, param) == (step, True)


@pytest.mark.parametrize(
    ("step", "param", "text"),
    [
        (
            "sampling",
            "temperature",
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 0.9.",
        ),
        ("sampling", None, "temperature is not valid: must be in the range (0, 1), not allowed"),
        ("sampling", None, "Invalid top_p: should be greater than 0 and less than 1"),
        ("sampling", None, "temperature 参数非法。取值范围 (0.0, 1.0)"),
        ("sampling", None, "top_p: invalid, input should be less than or equal to 0.99"),
        ("sampling", "temperature", "Unsupported value: 1.0"),
        ("sampling", None, "Invalid value for 'temperature'"),
        ("sampling", None, "temperature is not allowed to exceed 0.9"),
        ("reasoning_effort", "reasoning_effort", "Invalid value: 'high'"),
        (
            "strict",
            "tools[0].function.parameters",
            "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to "
            "be supplied and to be false.",
        ),
        ("strict", None, "tools.0: strict is not supported: the schema is too complex"),
        (
            "response_format",
            "response_format",
            "Invalid schema for response_format 'o': In context=('properties', 'a'), 'format' is "
            "not permitted.",
        ),
        ("response_format", None, "response_format: unsupported schema keyword 'oneOf'"),
        ("images", None, "This model does not support images larger than 5 MB"),
        ("images", None, "The model does not support images in WebP format"),
        ("images", None, "Image inputs are not supported above 8000 pixels"),
        ("images", None, "image inputs not supported: dimensions exceed the limit"),
        ("images", None, "This model does not support image inputs that are animated"),
        ("grammar", None, "Failed to initialize samplers: failed to parse grammar"),
        ("tool_choice", None, "Invalid value for 'tool_choice': function 'f' not found in tools"),
        ("schema", None, "tools.0.function.parameters: invalid value for 'minItems': -1"),
        ("schema", None, "tools.0.function.parameters: minItems is invalid, less than 0"),
        ("schema", None, "tools.0.function.parameters: unsupported: minItems must be an integer"),
        ("schema", None, "tools.0.function.parameters: minItems not allowed above 1000, got 9999"),
        ("schema", None, "tools.0.function.parameters: minItems unsupported, exceeds the limit"),
    ],
)
def test_values_help_this_request_only(step: str, param: str | None, text: str) -> None:
    assert scope(text, param) == (step, False)


def test_scopes_belong_to_steps() -> None:
    assert SCOPES.keys() <= {step.name for step in (*STEPS, *RESPONSE_STEPS)}


@pytest.mark.parametrize(
    ("flags", "text", "remembered"),
    [
        ({"max_stop": 4}, "stop: at most 4 strings", True),
        ({"max_output": 9, "max_stop": 4}, "too long", True),
        ({"vision": False}, "the images are too large", False),
        ({"structured": "none", "max_stop": 4}, "must be less than 4", False),
        ({"structured": "none"}, "json mode is not supported", True),
    ],
)
def test_a_step_without_a_row_remembers_numbers_and_fields(
    flags: dict[str, object], text: str, remembered: bool
) -> None:
    refusal = refusal_of(UpstreamError(text, status=400, upstream_status=400), {}, text)
    assert concerns_model("a new step", flags, refusal) is remembered
