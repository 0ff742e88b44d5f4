"""Refusals in their providers' words (of our own making) and the flags that avoid the next one."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamError
from proxy.failures.healing import as_yaml, heal, healing_for
from proxy.failures.healing_steps import STEPS
from proxy.failures.history_steps import ROWS
from proxy.failures.schema_refusals import GRAMMAR_BREAKERS, GRAMMAR_UNKNOWN
from proxy.providers.profiles import Profile, overridden, profile_for
from proxy.providers.profiles.schema_dialects import GRAMMAR_STEPS

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
STRICT_TOOL = {"type": "function", "function": {**TOOL["function"], "strict": True}}  # type: ignore[dict-item]
NAMED = {"type": "function", "function": {"name": "f"}}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
REASONING = overridden(profile_for("api.openai.com", "o3"), {"api_switch": False})


def refused(text: str, *, param: str | None = None, status: int | None = 400) -> UpstreamError:
    return UpstreamError(text, status=400, upstream_status=status, param=param)


def schema(kind: str) -> dict[str, Any]:
    return {"response_format": {"type": kind}}


HEALED = [
    pytest.param(
        {"stream_options": {"include_usage": True}},
        refused("Unknown parameter: 'stream_options'.", param="stream_options"),
        {"no_stream_usage": True},
        id="1.5 stream_options",
    ),
    pytest.param(
        {"stream_options": {"include_usage": True}},
        refused("1 validation error for Request\nstream_options\n  Extra inputs are not permitted"),
        {"no_stream_usage": True},
        id="1.5 stream_options, a validator's text",
    ),
    pytest.param(
        {"stream_options": {}},
        refused("stream_options: Extra inputs are not permitted", status=422),
        {"no_stream_usage": True},
        id="1.5 a 422",
    ),
    pytest.param(
        {"stream_options": {}},
        refused("stream_options is not supported", status=None),
        {"no_stream_usage": True},
        id="1.5 a 400 in a body that came with 200",
    ),
    pytest.param(
        {"parallel_tool_calls": False},
        refused('Invalid JSON payload received. Unknown name "parallel_tool_calls": Cannot find'),
        {"parallel_flag": False},
        id="1.5 parallel_tool_calls",
    ),
    pytest.param(
        {"parallel_tool_calls": False},
        refused("Parallel tool calls are not supported."),
        {"parallel_flag": False},
        id="1.5 parallel_tool_calls in plain words",
    ),
    pytest.param(
        {"reasoning_effort": "high"},
        refused("Unrecognized request argument supplied: reasoning_effort"),
        {"thinking_style": "none"},
        id="1.5 reasoning_effort",
    ),
    pytest.param(
        {"reasoning_effort": "minimal"},
        refused(
            "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. "
            "Supported values are: 'low', 'medium', and 'high'.",
            param="reasoning_effort",
        ),
        {"efforts": ("low", "medium", "high")},
        id="1.5 reasoning_effort moves to the supported values",
    ),
    pytest.param(
        {"reasoning_effort": "high"},
        refused("`reasoning_effort` is invalid, must be one of `none` or `default`"),
        {"thinking_style": "none"},
        id="1.5 reasoning_effort without a level left",
    ),
    pytest.param(
        {"max_completion_tokens": 900},
        refused(
            '{"detail":[{"type":"extra_forbidden","loc":["body","max_completion_tokens"],'
            '"msg":"Extra inputs are not permitted","input":900}]}',
            status=422,
        ),
        {"token_field": "max_tokens"},
        id="1.5 max_completion_tokens to max_tokens",
    ),
    pytest.param(
        {"temperature": 0.5},
        refused(
            "Unsupported value: 'temperature' does not support 0.5 with this model. Only the "
            "default (1) value is supported.",
            param="temperature",
        ),
        {"unsupported": ("temperature",)},
        id="1.5 temperature",
    ),
    pytest.param(
        {"temperature": 0.5},
        refused("invalid temperature: only 1 is allowed for this model"),
        {"unsupported": ("temperature",)},
        id="1.5 temperature, without a param",
    ),
    pytest.param(
        {"temperature": 0.5},
        refused("`temperature` is deprecated for this model."),
        {"unsupported": ("temperature",)},
        id="1.5 temperature, deprecated",
    ),
    pytest.param(
        {"top_p": 0.5},
        refused("invalid top_p: only 0.95 is allowed for this model"),
        {"unsupported": ("top_p",)},
        id="1.5 top_p",
    ),
    pytest.param(
        {"temperature": 0.5, "top_p": 0.5},
        refused("`temperature` and `top_p` cannot both be specified for this model."),
        {"unsupported": ("top_p",)},
        id="1.5 top_p where the two exclude each other",
    ),
    pytest.param(
        {"stop": ["a"]},
        refused("Unsupported parameter: 'stop' is not supported with this model.", param="stop"),
        {"no_stop": True},
        id="1.5 stop",
    ),
    pytest.param(
        {"stop": ["a"]},
        refused("Argument not supported on this model: stop"),
        {"no_stop": True},
        id="1.5 stop, xAI's words",
    ),
    pytest.param(
        {"stop": ["a"]},
        refused("Model grok-4.6 does not support parameter stop."),
        {"no_stop": True},
        id="1.5 stop, xAI's other words",
    ),
    pytest.param(
        {"stop": ["a"]},
        refused("stop sequences are not supported by this model"),
        {"no_stop": True},
        id="1.5 stop in plain words",
    ),
    pytest.param(
        {"stop": ["a"]},
        refused("1 validation error for Request\nstop\n  Extra inputs are not permitted"),
        {"no_stop": True},
        id="1.5 stop, a validator's text",
    ),
    pytest.param(
        {"stop": ["a"]},
        refused("Invalid API parameter: stop 参数非法"),
        {"no_stop": True},
        id="1.5 stop, in Chinese",
    ),
    pytest.param(
        {"stop": list("abcd")},
        refused(
            "Invalid 'stop': array too long. Expected an array with maximum length 2, but got an "
            "array with length 4 instead.",
            param="stop",
        ),
        {"max_stop": 2},
        id="1.5 stop, OpenAI's words for too many",
    ),
    pytest.param(
        {"stop": list("abcd")},
        refused("stop: List should have at most 1 item after validation, not 4"),
        {"max_stop": 1},
        id="1.5 stop, a validator's words for too many",
    ),
    pytest.param(
        {"stop": list("abcd")},
        refused("'stop' : maximum number of items is 3"),
        {"max_stop": 3},
        id="1.5 stop, Groq's words for too many",
    ),
    pytest.param(
        {"stop": list("abcd")},
        refused("The number of stop sequences exceeds the maximum of 2."),
        {"max_stop": 2},
        id="1.5 stop, plain words for too many",
    ),
    pytest.param(
        {"stop": list("abcd")},
        refused("too many stop strings"),
        {"no_stop": True},
        id="1.5 stop, too many for a number that is not told",
    ),
    pytest.param(
        {"tools": [TOOL, STRICT_TOOL]},
        refused("'tools.0.function' : property 'strict' is unsupported"),
        {"strict_tools": False},
        id="1.5 strict",
    ),
    pytest.param(
        {"tools": [STRICT_TOOL]},
        refused("Unknown parameter", param="tools[0].function.strict"),
        {"strict_tools": False},
        id="1.5 strict, named by the param",
    ),
    pytest.param(
        {"tools": [STRICT_TOOL]},
        refused(
            "Invalid schema for function 'f': In context=(), 'additionalProperties' is required "
            "to be supplied and to be false.",
            param="tools[0].function.parameters",
        ),
        {"strict_tools": False},
        id="1.5 strict, its demands on a schema",
    ),
    pytest.param(
        {"tool_choice": NAMED},
        refused(
            "Invalid tool_choice type: 'object'. Supported string values: none, auto, required"
        ),
        {"tool_choice": "required"},
        id="1.5 tool_choice: a named tool becomes required",
    ),
    pytest.param(
        schema("json_schema"),
        refused("This response_format type is unavailable now"),
        {"structured": "json_object"},
        id="1.5 response_format: a schema becomes json_object",
    ),
    pytest.param(
        schema("json_schema"),
        refused("This model does not support response format `json_schema`."),
        {"structured": "json_object"},
        id="1.5 response_format in plain words",
    ),
    pytest.param(
        schema("json_object"),
        refused("'response_format.type' must be 'json_schema' or 'text'"),
        {"structured": "none"},
        id="1.5 response_format: json_object becomes the system line alone",
    ),
    pytest.param(
        {"max_tokens": 32000},
        refused("Range of max_tokens should be [1, 8192]"),
        {"max_output": 8192},
        id="1.5 the largest allowed output",
    ),
    pytest.param(
        {"messages": [PICTURE]},
        refused("messages[1].content[1]: unknown variant `image_url`, expected `text` at line 1"),
        {"vision": False},
        id="edge 125 images, learned from a 400 (DeepSeek)",
    ),
    pytest.param(
        {"messages": [PICTURE]},
        refused("Invalid content type. image_url is only supported by certain models."),
        {"vision": False},
        id="edge 125 images (OpenAI)",
    ),
    pytest.param(
        {"messages": [PICTURE]},
        refused("('messages.1.content' : value must be a string)"),
        {"vision": False},
        id="edge 125 images (Groq)",
    ),
    pytest.param(
        {"messages": [PICTURE]},
        refused("No endpoints found that support image input", status=404),
        {"vision": False},
        id="edge 125 images (OpenRouter)",
    ),
    pytest.param(
        {"messages": [PICTURE]},
        refused("image input is not supported - hint: you may need to provide it", status=500),
        {"vision": False},
        id="edge 125 images (llama.cpp)",
    ),
    pytest.param(
        {"messages": [PICTURE]},
        refused("At most 0 image(s) may be provided in one prompt."),
        {"vision": False},
        id="edge 125 images (vLLM)",
    ),
    pytest.param(
        {"tools": [TOOL]},
        refused("failed to parse grammar"),
        {
            "schema_steps": (*GRAMMAR_STEPS, "local_refs"),
            "schema_drop": (*GRAMMAR_BREAKERS, *GRAMMAR_UNKNOWN),
        },
        id="edge 155 a schema that is no grammar is simplified",
    ),
    pytest.param(
        {"tools": [TOOL]},
        refused(
            "Invalid schema for function 'f': schema must have type 'object' and not have"
            " 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.",
            param="tools[0].function.parameters",
        ),
        {"schema_steps": ("draft_2020", "merge_root")},
        id="1.8 a union at the root of a schema",
    ),
    pytest.param(
        {"tools": [TOOL], "reasoning_effort": "high"},
        refused(
            "Function tools with reasoning_effort are not supported for m in /v1/chat/completions."
            " Please use /v1/responses instead.",
            param="reasoning_effort",
        ),
        {"thinking_style": "effort", "effort_with_tools": "omit"},
        id="edge 149 tools exclude an effort",
    ),
    pytest.param(
        {"tools": [TOOL]},
        refused(
            "Function tools with reasoning_effort are not supported for m in /v1/chat/completions."
            " To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
            param="reasoning_effort",
        ),
        {"thinking_style": "effort", "effort_with_tools": "none"},
        id="edge 149 tools demand the effort none, even where none was sent",
    ),
    pytest.param(
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "x" * 46}]}]},
        refused("Invalid 'messages[0].tool_calls[0].id': string too long. Maximum length 40."),
        {"tool_id_chars": 40},
        id="10.11 a tool call's id, more in test_tool_id_steps.py",
    ),
]


def sent_with(body: dict[str, Any]) -> Profile:
    """A profile by which ``body`` may have been converted, of an operator who wants this protocol."""
    return Profile(
        api_switch=False,
        token_field="max_completion_tokens" if "max_completion_tokens" in body else "max_tokens",
        strict_tools=True,
        thinking_style="effort" if "reasoning_effort" in body else "none",
        efforts=("minimal", "high"),
    )


@pytest.mark.parametrize(("body", "error", "flags"), HEALED)
def test_healed(body: dict[str, Any], error: UpstreamError, flags: dict[str, object]) -> None:
    profile = sent_with(body)
    assert heal(profile, body, error) == flags
    overridden(profile, flags)


FROM_ANOTHER_PROFILE = [
    pytest.param(
        Profile(),
        {"max_tokens": 900},
        refused(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            param="max_tokens",
        ),
        {"token_field": "max_completion_tokens"},
        id="1.5 max_tokens to max_completion_tokens",
    ),
    pytest.param(
        REASONING,
        {"messages": [{"role": "developer", "content": "x"}]},
        refused("messages[0].role: unknown variant `developer`, expected one of `system`"),
        {"system_role": "system"},
        id="1.5 role developer",
    ),
    pytest.param(
        REASONING,
        {"messages": [{"role": "developer", "content": "x"}]},
        refused("'developer' is not one of ['system', 'user']", param="messages[0].role"),
        {"system_role": "system"},
        id="1.5 role developer, named by the param",
    ),
    pytest.param(
        profile_for("api.moonshot.ai", "kimi-k2.5"),
        {"tool_choice": NAMED, "thinking": {"type": "disabled"}},
        refused("tool_choice 'specified' is incompatible with thinking enabled"),
        {"tool_choice": "required"},
        id="10.4 a named tool is degraded where thinking is off for it already",
    ),
    pytest.param(
        profile_for("api.moonshot.ai", "kimi-k2.5"),
        {"tool_choice": "required", "thinking": {"type": "disabled"}},
        refused("tool_choice 'required' is incompatible with thinking enabled"),
        {"tool_choice": "auto_only"},
        id="10.4 a refused required is left to the model",
    ),
    pytest.param(
        profile_for("ark.cn-beijing.volces.com", "doubao-seed-1-6"),
        {"tool_choice": "required", "thinking": {"type": "enabled"}},
        refused("Thinking mode does not support this tool_choice"),
        {"forced_choice_stops_thinking": True},
        id="10.4 thinking goes before a forced tool does",
    ),
    pytest.param(
        Profile(),
        {"tool_choice": NAMED},
        refused("Thinking mode does not support this tool_choice"),
        {"tool_choice": "required"},
        id="10.4 thinking that nobody can switch off",
    ),
    pytest.param(
        Profile(thinking_style="effort", efforts=("low",)),
        {"reasoning_effort": "high"},
        refused("Invalid reasoning_effort. Supported values are: 'low'."),
        {"thinking_style": "none"},
        id="1.5 an effort from elsewhere than the profile",
    ),
    pytest.param(
        Profile(api_switch=False),
        {"tools": [TOOL]},
        refused("Function tools with reasoning_effort are not supported. Use /v1/responses."),
        {"thinking_style": "effort", "effort_with_tools": "none"},
        id="edge 149 refused without any effort: none is what is left",
    ),
    pytest.param(
        Profile(unsupported=("top_p",)),
        {"temperature": 0.1},
        refused("temperature is not supported"),
        {"unsupported": ("top_p", "temperature")},
        id="1.5 what was learned before stays",
    ),
    pytest.param(
        Profile(max_output=16384),
        {"max_tokens": 16384},
        refused("This model supports at most 4096 completion tokens"),
        {"max_output": 4096},
        id="1.5 a smaller limit replaces a larger one",
    ),
]


@pytest.mark.parametrize(("profile", "body", "error", "flags"), FROM_ANOTHER_PROFILE)
def test_healed_from_another_profile(
    profile: Profile, body: dict[str, Any], error: UpstreamError, flags: dict[str, object]
) -> None:
    assert heal(profile, body, error) == flags


TESTED_APART = {
    "stream", "no_stream", "prefill", "affordable", "min_output", "tool_stream", "thinking",
    "unreadable_images", "tool_texts", "api",
}  # fmt: skip
"""Steps with test modules of their own; ``tests/refusals`` has a refusal for each step."""


def test_every_step_of_the_table_takes_one_of_these_refusals() -> None:
    rows: list[Any] = [(sent_with(cast(Any, row.values[0])), *row.values) for row in HEALED]
    rows += [row.values for row in FROM_ANOTHER_PROFILE]
    taken = [healing_for(profile, body, error) for profile, body, error, _ in rows]
    steps = {step.name for step in STEPS} - TESTED_APART - {row.step for row in ROWS}
    assert {healing.step for healing in taken if healing} == steps


def test_a_prompt_about_developers_is_not_their_role() -> None:
    body = {"messages": [{"role": "developer", "content": "x"}]}
    error = refused("developer is not supported", param="messages[1].content")
    assert heal(REASONING, body, error) == {}


EVERYTHING: dict[str, Any] = {
    "model": "m",
    "messages": [PICTURE],
    "max_tokens": 32000,
    "stream": True,
    "stream_options": {"include_usage": True},
    "parallel_tool_calls": False,
    "temperature": 0.5,
    "top_p": 0.5,
    "reasoning_effort": "high",
    "tools": [STRICT_TOOL],
    "tool_choice": NAMED,
    "response_format": {"type": "json_schema"},
}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            refused("prompt is too long: 9000 tokens > 8192 maximum"),
            id="1.5 context overflow is recognised first",
        ),
        pytest.param(
            UpstreamError(
                "input length and `max_tokens` exceed context limit: 9 + 9 > 10",
                status=400,
                upstream_status=400,
                text="max_tokens must be less than or equal to 1",
            ),
            id="1.5 overflow by max_tokens too, whatever the upstream said",
        ),
        pytest.param(
            refused("temperature is not supported", status=500), id="1.5 another status: 500"
        ),
        pytest.param(refused("temperature is not supported", status=401), id="1.5 401"),
        pytest.param(refused("temperature is not supported", status=404), id="1.5 404"),
        pytest.param(refused("temperature is not supported", status=429), id="1.5 429"),
        pytest.param(
            UpstreamError("stream_options is not supported", status=502), id="1.5 no answer at all"
        ),
        pytest.param(refused("Bad request"), id="1.5 nothing is named"),
        pytest.param(refused("I set temperature and top_p"), id="1.5 named without a complaint"),
        pytest.param(refused("top_k is not supported"), id="1.5 an item that was not sent"),
        pytest.param(
            refused("Unknown parameter: 'seed'.", param="seed"), id="1.5 the param was not sent"
        ),
        pytest.param(
            refused("temperature is not supported, said the user", param="messages[3].content"),
            id="1.5 the param names the prompt",
        ),
        pytest.param(
            refused("Failed to parse; messages = [{'content': 'temperature is not supported'}]"),
            id="1.5 a quoted prompt",
        ),
        pytest.param(
            refused("Invalid schema for function 'weather': properties.temperature is unknown"),
            id="1.5 a tool with a property of that name",
        ),
        pytest.param(refused("max_tokens must be at least 16"), id="1.5 a lower bound"),
        pytest.param(
            refused("Invalid 'max_tokens': integer below minimum value.", param="max_tokens"),
            id="1.5 a wrong value is no reason to swap the field",
        ),
        pytest.param(refused("max_tokens must be <= 64000"), id="1.5 a limit that was kept"),
        pytest.param(
            refused("You uploaded an image that is too large."),
            id="edge 125 a bad image is not a blind model",
        ),
        pytest.param(
            refused("This model does not support image URLs"), id="edge 125 nor is a bad source"
        ),
        pytest.param(
            refused("An assistant message with 'tool_calls' must be followed by tool messages"),
            id="1.5 pairing",
        ),
    ],
)
def test_not_healed(error: UpstreamError) -> None:
    assert heal(Profile(strict_tools=True), EVERYTHING, error) == {}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(
            {"tool_choice": "auto"},
            '"auto" tool choice requires --enable-auto-tool-choice; not supported',
            id="edge 151 a server without a tool parser",
        ),
        pytest.param({"tools": [TOOL]}, "property 'strict' is unsupported", id="1.5 no strict"),
        pytest.param(
            {"messages": [{"role": "user", "content": "developer is not supported"}]},
            "developer is not supported",
            id="1.5 no developer",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "hi"}]},
            "This model does not support images",
            id="edge 125 no image",
        ),
        pytest.param(
            schema("json_object"),
            "'messages' must contain the word 'json' to use 'response_format' of this type",
            id="1.5 JSON mode's demand on the prompt",
        ),
        pytest.param({"messages": []}, "failed to parse grammar", id="edge 155 no tools"),
        pytest.param(
            {"messages": []},
            "Function tools with reasoning_effort are not supported",
            id="edge 149 no tools",
        ),
        pytest.param({"max_tokens": None}, "max_tokens must be <= 64", id="1.5 no number sent"),
        pytest.param({"messages": []}, "stop is not supported", id="1.5 no stop"),
        pytest.param({"stop": ["a"]}, "The model had to stop here.", id="1.5 stop, no complaint"),
        pytest.param({"tools": []}, "reasoning_effort is not supported", id="1.5 no effort"),
    ],
)
def test_what_was_not_sent_is_not_healed(body: dict[str, Any], text: str) -> None:
    assert heal(REASONING, body, refused(text)) == {}


def sent_by(profile: Profile) -> dict[str, Any]:
    """A request that holds everything its profile lets through."""
    body: dict[str, Any] = {
        "messages": [{"role": profile.system_role, "content": "x"}],
        profile.token_field: min(32000, profile.max_output or 32000),
        "tools": [STRICT_TOOL if profile.strict_tools else TOOL],
        "tool_choice": NAMED if profile.tool_choice == "any" else "required",
        "temperature": 0.5,
        "top_p": 0.5,
    }
    if profile.vision:
        body["messages"].append(PICTURE)
    if not profile.no_stream_usage:
        body["stream_options"] = {"include_usage": True}
    if profile.parallel_flag:
        body["parallel_tool_calls"] = False
    if profile.structured != "none":
        body |= schema(profile.structured)
    if profile.thinking_style == "effort" and profile.effort_with_tools != "omit":
        body["reasoning_effort"] = (
            "none" if profile.effort_with_tools == "none" else profile.efforts[-1]
        )
    return {name: value for name, value in body.items() if name not in profile.unsupported}


TEXTS: list[UpstreamError] = [
    *(cast(UpstreamError, row.values[1]) for row in HEALED),
    refused("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
]


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3), st.sampled_from(["o3", "m"]))
def test_healing_ends_whatever_the_upstream_repeats(
    errors: list[UpstreamError], model: str
) -> None:
    profile = profile_for("api.openai.com", model)
    healed: dict[str, object] = {}
    for step in range(40):
        error = errors[step % len(errors)]
        flags = heal(profile, sent_by(profile), error, healed=healed)
        changed = overridden(profile, flags)
        assert bool(flags) == (changed != profile)
        profile, healed = changed, healed | flags
    assert all(heal(profile, sent_by(profile), error, healed=healed) == {} for error in errors)


@pytest.mark.parametrize("error", TEXTS)
def test_one_complaint_alone_takes_three_steps_at_most(error: UpstreamError) -> None:
    profile, healed = REASONING, dict[str, object]()
    for _ in range(3):
        flags = heal(profile, sent_by(profile), error, healed=healed)
        profile, healed = overridden(profile, flags), healed | flags
    assert heal(profile, sent_by(profile), error, healed=healed) == {}


@given(st.text(max_size=300), st.one_of(st.none(), st.text(max_size=20)))
def test_no_text_makes_healing_fail(text: str, param: str | None) -> None:
    flags = heal(Profile(), EVERYTHING, refused(text, param=param))
    overridden(Profile(), flags)


def test_a_swapped_token_field_is_not_swapped_back() -> None:
    """1.5"""
    error = refused("Unsupported parameter: 'max_tokens'")
    assert heal(Profile(), {"max_tokens": 9}, error) == {"token_field": "max_completion_tokens"}
    assert heal(Profile(), {"max_tokens": 9}, error, healed={"token_field"}) == {}


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        pytest.param({}, "profile: {}", id="nothing"),
        pytest.param(
            {"no_stream_usage": True, "max_output": 8192},
            "profile: {max_output: 8192, no_stream_usage: true}",
            id="sorted by name",
        ),
        pytest.param(
            {"unsupported": ("temperature", "top_p"), "structured": "none"},
            "profile: {structured: none, unsupported: [temperature, top_p]}",
            id="lists and words",
        ),
        pytest.param(
            {"schema_drop": ("$schema", "true"), "max_output": None},
            'profile: {max_output: null, schema_drop: ["$schema", "true"]}',
            id="what YAML would misread is quoted",
        ),
    ],
)
def test_learned_flags_as_an_override_to_paste(flags: dict[str, object], line: str) -> None:
    assert as_yaml(flags) == line
    yaml = pytest.importorskip("yaml")
    read = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in yaml.safe_load(line)["profile"].items()
    }
    assert read == flags
