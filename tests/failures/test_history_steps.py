"""Refusals of histories, of too many tools and of an unknown agent, and the flags that avoid them.

The texts are in the words of the named servers, gateways and templates.
"""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.classify import failure_from_answer, failure_from_chunk
from proxy.failures.healing import heal, healing_for
from proxy.failures.history_steps import ROWS
from proxy.providers.profiles import Profile, overridden

SYSTEM = {"role": "system", "content": "s"}
USER = {"role": "user", "content": "u"}
ANSWER = {"role": "assistant", "content": "a"}
REASONED = {**ANSWER, "reasoning_content": "r"}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "x"}


def calls(*ids: str, content: str | None = None, **more: Any) -> dict[str, Any]:
    made = [
        {"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for each in ids
    ]
    return {"role": "assistant", "content": content, "tool_calls": made, **more}


def tools(count: int) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": f"f{n}"}} for n in range(count)]


def body(*messages: dict[str, Any], tools: list[Any] | None = None) -> dict[str, Any]:
    more = {"tools": tools} if tools else {}
    return {"model": "m", "messages": list(messages), **more}


LOOP = body(SYSTEM, USER, calls("1"), RESULT, tools=tools(1))
LOOP_WITHOUT_TOOLS = body(SYSTEM, USER, calls("1"), RESULT, USER)
PARALLEL = body(USER, calls("1", "2"), RESULT, {**RESULT, "tool_call_id": "2"}, tools=tools(1))
PREAMBLE = body(USER, calls("1", content="I look."), RESULT, tools=tools(1))
REMINDED = body(USER, calls("1"), RESULT, USER, tools=tools(1))
LATE = body(SYSTEM, USER, ANSWER, {"role": "system", "content": "late"}, USER)
PREFILLED = body(USER, ANSWER)
SIGNED: dict[str, Any] = {"extra_content": {"google": {"thought_signature": "x"}}}
HELD = body(USER, calls("1", **SIGNED), RESULT, tools=tools(1))


def shape(*names: str) -> dict[str, object]:
    return {"history_shapes": names}


REFUSALS: list[tuple[str, dict[str, Any], dict[str, object], list[str]]] = [
    (
        "content_or_calls",
        PREAMBLE,
        shape("content_or_calls"),
        [
            "Assistant message must have either content or tool_calls, but not both.",
            "Assistant message must have either content or tool_calls.",
            "messages.1: content and tool_calls cannot both be set",
            "An assistant message may not have both content and tool_calls",
            "`content` must be empty when `tool_calls` are present",
            "content and tool_calls are mutually exclusive",
        ],
    ),
    (
        "one_call",
        PARALLEL,
        shape("one_call"),
        [
            "This model only supports single tool-calls at once!",
            "multiple tool calls are not supported",
            "Multiple tool calls in one assistant message are not supported.",
            "Parallel tool calls are not allowed for this model",
            "The model does not support multiple tool calls",
            "Only one tool call is permitted per message",
            "This template only supports one tool call at a time",
        ],
    ),
    (
        "late_system",
        LATE,
        {"mid_system": "wrap"},
        [
            "System message must be at the beginning.",
            "System messages should only appear at the start of the conversation",
            "Unexpected role 'system' after role 'assistant'",
            "system role is only allowed as the first message",
            "system prompts can only be at the beginning of the conversation",
            "multiple system messages are not supported",
        ],
    ),
    (
        "no_system",
        body(SYSTEM, USER),
        shape("no_system"),
        [
            "System role not supported",
            "Developer instruction is not enabled for models/gemma-3-27b-it",
            "system messages are not supported by this model",
            "This model does not support the system role",
            "This model doesn't support system prompts",
            "role 'system' is not supported",
            "Unknown role: system",
            "System prompt isn't supported",
            "The 'system' role is unsupported",
        ],
    ),
    (
        "no_user_after_tool",
        REMINDED,
        shape("no_user_after_tool"),
        [
            "Unexpected role 'user' after role 'tool'",
            '{"object":"error","message":"Unexpected role \'user\' after role \'tool\'","code":"3230"}',
            "A user message cannot follow a tool message",
            "user messages must not come directly after a tool message",
            "tool messages must be followed by an assistant message",
            "role 'user' can not follow role 'tool'",
        ],
    ),
    (
        "alternate",
        body(SYSTEM, USER, ANSWER, USER),
        shape("alternate"),
        [
            "Conversation roles must alternate user/assistant/user/assistant/...",
            "After the optional system message, conversation roles must alternate user and assistant"
            " roles except for tool calls and results.",
            "After the (optional) system message(s), user or tool message(s) should alternate with"
            " assistant message(s).",
            'messages: roles must alternate between "user" and "assistant", but found multiple '
            '"assistant" roles in a row',
            "A conversation must alternate between user and assistant roles.",
            "First message must use the user role",
            "A conversation must start with a user message.",
            "Template error: syntax error: Conversation roles must alternate user/assistant/user",
        ],
    ),
    (
        "user_last",
        PREFILLED,
        shape("user_last"),
        [
            "The last message must be a user message",
            "Last message must have role `user`.",
            "This model does not support assistant message prefill. The conversation must end with a"
            " user message.",
            "messages must end with a user message",
            "Expected last role to be one of: [user, tool] but got assistant",
            "Prefilling assistant messages is not supported",
        ],
    ),
    (
        "user_last",
        PREFILLED,
        {"prefill": "prefix"},
        [
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            "assistant"
        ],
    ),
    (
        "user_last",
        body(USER, calls("1"), RESULT, tools=tools(1)),
        shape("calls_as_text"),
        ["The last message must be a user message"],
    ),
    (
        "calls_need_tools",
        LOOP_WITHOUT_TOOLS,
        shape("calls_need_tools"),
        [
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
            "litellm.UnsupportedParamsError: Bedrock doesn't support tool calling without `tools=` "
            "param specified. Pass `tools=` param OR set `litellm.modify_params = True`",
            "Requests which include `tool_use` or `tool_result` blocks must define tools",
            "tools must be provided when messages have tool_calls",
            "tools is required when the conversation holds tool results",
            "Found tool_calls in messages but no tools were provided",
        ],
    ),
    (
        "calls_as_text",
        LOOP,
        shape("calls_as_text"),
        [
            "role 'tool' is not supported",
            "Tool messages are not supported by this model",
            "Unknown role: tool",
            "Only user and assistant roles are supported!",
            "'tool' is not one of ['system', 'assistant', 'user'] - 'messages.3.role'",
            "messages[3].role: unknown variant `tool`, expected one of `system`, `user`, `assistant`",
            "This model does not support tool messages",
        ],
    ),
    (
        "reasoning_wanted",
        LOOP,
        {"reasoning_history": "reasoning_content"},
        [
            "The `reasoning_content` in the thinking mode must be passed back to the API.",
            "thinking is enabled but reasoning_content is missing in assistant tool call message at "
            "index 1",
            "Missing `reasoning_content` field in the assistant message at message index 1.",
            "Error from provider: The reasoning content in the thinking mode must be passed back",
            "messages[2].reasoning_content is required",
            "This model requires reasoning_content of earlier tool calls",
        ],
    ),
    (
        "reasoning_refused",
        body(USER, REASONED, USER),
        {"reasoning_history": "drop"},
        [
            "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : "
            "property 'reasoning_content' is unsupported)]",
            "messages.1.assistant.reasoning_content: Extra inputs are not permitted",
            "Unknown field: reasoning_content",
            "Unrecognized request argument supplied: reasoning_content",
            "Please remove reasoning_content from the input messages",
            "input messages must not hold reasoning_content",
        ],
    ),
    (
        "signed_calls",
        LOOP,
        {"extra_content": True, **shape("signed_calls")},
        [
            "Function call is missing a thought_signature in functionCall parts. This is required for "
            "tools to work correctly, and missing thought_signature may lead to degraded model "
            "performance. Additional data, function call `default_api:Read` , position 2.",
            "Unable to submit request because function call `Read` in the 2. content block is missing"
            " a `thought_signature`.",
            "thought_signature is required for function calls",
            "The thoughtSignature of the functionCall is missing",
            "This model requires a thought_signature in each step",
        ],
    ),
    (
        "extra_content",
        HELD,
        {"extra_content": False},
        [
            "messages.1.tool_calls.0.extra_content: Extra inputs are not permitted",
            "Unknown field: extra_content",
            "property 'extra_content' is unsupported",
            "Unrecognized key: extra_content",
            "extra_content is not allowed",
        ],
    ),
    (
        "named_results",
        LOOP,
        shape("named_results"),
        [
            "GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty.",
            "functionResponse.name is required",
            "Tool message must have a name",
            "tool results need the member name",
            "Missing required 'name' in tool message",
        ],
    ),
    (
        "null_content",
        LOOP,
        {"null_content": False},
        [
            "Invalid value for 'content': expected a string, got null.",
            "messages[2].content must not be null",
            "'content' is a required property - 'messages.2'",
            "content: field is required",
            "Expected string, received null at messages[2].content",
            "content cannot be None",
        ],
    ),
    (
        "max_tools",
        body(USER, tools=tools(153)),
        {"max_tools": 128},
        [
            "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an "
            "array with length 153 instead.",
            "You may not include more than 128 tools in your request.",
            "tools: List should have at most 128 items after validation, not 153",
            "Too many tools: 153 (max 128)",
            "The number of tools exceeds the limit of 128",
            "number of function declarations must be at most 128",
            "Too many tools",
            "Too many tools. The maximum number of tools is 128.",
        ],
    ),
    (
        "max_tools",
        body(USER, tools=tools(30)),
        {"max_tools": 20},
        ["At most 20 tools are supported", "Tool count exceeds the maximum of 20"],
    ),
    (
        "client_agent",
        body(USER),
        {"user_agent": "client"},
        [
            "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude "
            "Code, Roo Code, Kilo Code, etc.",
            "This plan is only available for coding agents",
            "This client is not allowed",
            "User-Agent not allowed",
            "Your agent is not supported on this plan",
        ],
    ),
]
CASES = [
    pytest.param(step, sent, flags, text, id=f"{row}.{number} {step}: {text[:50]}")
    for row, (step, sent, flags, texts) in enumerate(REFUSALS)
    for number, text in enumerate(texts)
]

SENT_BY = {
    "late_system": Profile(mid_system="inline"),
    "reasoning_refused": Profile(reasoning_history="reasoning_content"),
    "extra_content": Profile(extra_content=True),
}
"""The profiles by which the requests of some steps were converted; the others' is the default."""


@pytest.mark.parametrize(("step", "sent", "flags", "text"), CASES)
def test_healed(step: str, sent: dict[str, Any], flags: dict[str, object], text: str) -> None:
    error = failure_from_answer(400, {"error": {"message": text}})
    profile = SENT_BY.get(step, Profile())
    assert healing_for(profile, sent, error) == (step, flags, True)
    overridden(profile, flags)


@pytest.mark.parametrize(("step", "sent", "flags", "text"), CASES)
def test_nothing_is_healed_where_the_request_gives_no_cause(
    step: str, sent: dict[str, Any], flags: dict[str, object], text: str
) -> None:
    if step in ("alternate", "client_agent"):
        # Their cause is not in the body.
        return
    assert heal(Profile(), body(USER), failure_from_answer(400, {"error": {"message": text}})) == {}


def test_every_row_has_five_texts() -> None:
    counts = {row.step: 0 for row in ROWS}
    for step, _, _, texts in REFUSALS:
        counts[step] += len(texts)
    assert {step: count for step, count in counts.items() if count < 5} == {}


ESCALATIONS = [
    pytest.param(
        Profile(history_shapes=("alternate",)),
        LOOP,
        "Conversation roles must alternate user/assistant/user/assistant/...",
        shape("alternate", "calls_as_text"),
        id="a template that does not know tools",
    ),
    pytest.param(
        Profile(reasoning_history="reasoning_content"),
        LOOP,
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
        shape("reasoning_filled"),
        id="an empty reasoning is taken for none",
    ),
    pytest.param(
        Profile(history_shapes=("no_system",)),
        PREAMBLE,
        "Assistant message must have either content or tool_calls, but not both.",
        shape("no_system", "content_or_calls"),
        id="what was learned before stays",
    ),
    pytest.param(
        Profile(prefill="prefix"),
        PREFILLED,
        "Expected last role User or Tool (or Assistant with prefix True) but got assistant",
        shape("user_last"),
        id="a prefix that is refused too",
    ),
]


@pytest.mark.parametrize(("profile", "sent", "text", "flags"), ESCALATIONS)
def test_a_second_refusal_leads_further(
    profile: Profile, sent: dict[str, Any], text: str, flags: dict[str, object]
) -> None:
    assert heal(profile, sent, failure_from_answer(400, {"message": text})) == flags


def test_a_refusal_of_what_was_done_already_is_not_healed() -> None:
    profile = Profile(history_shapes=("content_or_calls",))
    text = "Assistant message must have either content or tool_calls, but not both."
    assert heal(profile, PREAMBLE, failure_from_answer(400, {"message": text})) == {}


@pytest.mark.parametrize("status", [403, 404, 500, 502, 503])
def test_templates_and_gateways_report_these_with_other_statuses(status: int) -> None:
    text = "Error rendering prompt with jinja template: Conversation roles must alternate"
    error = failure_from_answer(status, {"error": {"message": text}})
    assert heal(Profile(), body(USER, ANSWER, USER), error) == shape("alternate")


def test_an_error_in_a_stream_that_began_with_200() -> None:
    text = "While executing CallExpression: Jinja Exception: conversation roles must alternate"
    error = failure_from_chunk({"error": {"code": "server_error", "message": text}})
    assert error.status >= 500
    assert heal(Profile(), body(USER, ANSWER, USER), error) == shape("alternate")


@pytest.mark.parametrize("status", [401, 402, 408, 429])
def test_statuses_of_keys_and_rates_are_no_refusals(status: int) -> None:
    error = UpstreamError("Too many tools", status=status, upstream_status=status)
    assert heal(Profile(), body(USER, tools=tools(153)), error) == {}


def test_a_reasoning_that_is_wanted_and_refused_is_not_swapped_for_ever() -> None:
    error = failure_from_answer(400, {"message": "Unknown field: reasoning_content"})
    profile = Profile(reasoning_history="reasoning_content")
    assert heal(profile, body(USER, REASONED), error, healed={"reasoning_history"}) == {}


NOT_HISTORIES = [
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each",
    "messages.1: all messages must have non-empty content",
    "The model is overloaded",
    "Invalid value for 'messages[1].content[0].type'",
    "Rate limit reached: at most 20 requests per minute",
    "The tools of this organisation are disabled",
]


@pytest.mark.parametrize("text", NOT_HISTORIES)
def test_other_refusals_are_left_to_the_client(text: str) -> None:
    sent = body(SYSTEM, USER, calls("1", "2", content="x"), RESULT, USER, tools=tools(153))
    assert heal(Profile(), sent, failure_from_answer(400, {"message": text})) == {}
