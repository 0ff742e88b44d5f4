"""Refusals of Responses requests and the flags that avoid the next one (responses.md R 5.5, R 7.3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamError
from proxy.failures.broken_images import image_key
from proxy.failures.classify import failure_from_answer
from proxy.failures.healing import Healing, healing_for
from proxy.failures.image_steps import inline_keys
from proxy.failures.quotations import own_words
from proxy.failures.response_errors import failure_in
from proxy.failures.response_healing import response_healing_for
from proxy.failures.response_state import state_key, state_keys
from proxy.failures.response_steps import RESPONSE_STEPS
from proxy.providers.profiles import Profile, overridden

FULL = overridden(
    Profile(),
    {
        "thinking_style": "effort", "efforts": ("minimal", "low", "medium", "high"),
        "strict_tools": True, "system_role": "developer", "service_tier": True, "cache_key": True,
        "no_obfuscation": True, "mid_system": "inline", "web_search": "tool", "cache": "breakpoint", "phase": True,
    },
)  # fmt: skip
"""A profile that sends every field which a step can leave out."""
ITEM = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
NO_ID = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
STRICT = {**FUNCTION, "strict": True}
SEARCH = {"type": "web_search"}
IMAGE = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,QQ=="}
OTHER = {**IMAGE, "image_url": "data:image/png;base64,Qg=="}
SHOWN = {"type": "message", "role": "user", "content": [IMAGE, OTHER]}
CALL = {"type": "function_call", "call_id": "c" * 65, "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": [IMAGE]}
DEVELOPER = {"type": "message", "role": "developer", "content": "x"}
ENCRYPTED = ["reasoning.encrypted_content"]
STRING = "Invalid type for 'input[0].output': expected a string, but got an array instead."
UNSUPPORTED = "Unsupported parameter: '{0}' is not supported with this model."
UNKNOWN = "Unknown parameter: '{0}'."
NOT_FOUND = (
    "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false. "
    "Try again with `store` set to true, or remove this item from your input."
)
UNVERIFIED = "The encrypted content gAAA could not be verified. Reason: it could not be decrypted."
UNPAIRED = "Item 'rs_1' of type 'reasoning' was provided without its required following item."
NO_REASONING = (
    "Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item: 'rs_1'"
)


def refused(
    text: str, param: str | None = None, *, code: str | None = None, status: int = 400
) -> UpstreamError:
    error = {"message": text, "type": "invalid_request_error", "param": param, "code": code}
    return failure_from_answer(status, {"error": error})


def unknown(name: str) -> UpstreamError:
    return refused(UNKNOWN.format(name), name, code="unknown_parameter")


HEALED = [
    pytest.param({"input": [ITEM]}, refused(UNVERIFIED, code="invalid_encrypted_content"), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 case 13 not verified"),
    pytest.param({"input": [ITEM]}, refused("no", code="invalid_encrypted_content"), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 the code alone"),
    pytest.param({"input": [ITEM]}, refused(UNVERIFIED), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 the words alone"),
    pytest.param({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, refused("no", code="invalid_encrypted_content"), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 case 14 nothing encrypted in it"),
    pytest.param({"input": [ITEM]}, refused("no", code="thinking_signature_invalid"), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 a signature"),
    pytest.param({"input": [ITEM]}, refused("Encrypted content organization_id did not match the target organization."), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 another organisation"),
    pytest.param({"input": [ITEM]}, refused("Failed to decrypt the encrypted_content of a reasoning item"), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 decrypt before content"),
    pytest.param({"input": [ITEM]}, refused(UNPAIRED, "input"), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 reasoning without what followed it"),
    pytest.param({"input": [ITEM]}, refused(NO_REASONING, "input"), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 a call without its reasoning"),
    pytest.param({"input": [ITEM]}, refused(NOT_FOUND, "input", status=404), "reasoning_ids remembered", {"reasoning_ids": "omit"}, id="R5.5 case 16 the id is looked up, 404"),
    pytest.param({"input": [ITEM]}, refused(NOT_FOUND, "input"), "reasoning_ids remembered", {"reasoning_ids": "omit"}, id="R5.5 the id is looked up, 400"),
    pytest.param({"input": [NO_ID]}, refused(NOT_FOUND, "input", status=404), "refused_state once", {"reasoning_items": "drop"}, id="R5.5 again without id"),
    pytest.param({"include": ENCRYPTED}, refused("Encrypted content is not supported with this model.", "include"), "include remembered", {"reasoning_items": "drop"}, id="R7.3 case 12 include"),
    pytest.param({"include": ENCRYPTED}, refused("property 'include' is unsupported"), "include remembered", {"reasoning_items": "drop"}, id="R7.3 include in words"),
    pytest.param({"include": ENCRYPTED}, refused("Invalid value: 'reasoning.encrypted_content'."), "include remembered", {"reasoning_items": "drop"}, id="R7.3 the value of include"),
    pytest.param({"input": [ITEM]}, refused("encrypted_content is not supported"), "include remembered", {"reasoning_items": "drop"}, id="R5.5 case 25 in the input"),
    pytest.param({"include": ["web_search_call.action.sources"]}, unknown("include"), "include remembered", {"unsupported": ("include",)}, id="R7.3 include of sources"),
    pytest.param({"reasoning": {"effort": "high", "summary": "auto"}}, refused("Your organization must be verified to generate reasoning summaries.", "reasoning.summary"), "reasoning_summary remembered", {"reasoning_summary": None}, id="R7.3 case 11 summary"),
    pytest.param({"reasoning": {"effort": "high", "summary": "auto"}}, refused("Your organization must be verified to generate reasoning summaries."), "reasoning_summary remembered", {"reasoning_summary": None}, id="R7.3 summary in words"),
    pytest.param({"reasoning": {"effort": "minimal", "summary": "auto"}}, refused("Unsupported value: 'reasoning.effort' does not support 'minimal' with this model. Supported values are: 'low', 'medium', and 'high'.", "reasoning.effort"), "reasoning_effort remembered", {"efforts": ("low", "medium", "high")}, id="R7.3 case 56 levels"),
    pytest.param({"reasoning": {"effort": "high"}}, refused(UNSUPPORTED.format("reasoning.effort"), "reasoning.effort"), "reasoning_effort remembered", {"thinking_style": "none"}, id="R7.3 no effort"),
    pytest.param({"reasoning": {"effort": "high"}, "include": ENCRYPTED}, refused("Argument not supported on this model: reasoningEffort"), "reasoning_effort remembered", {"thinking_style": "none", "reasoning_items": "encrypted"}, id="R7.3 case 54 grok still reasons"),
    pytest.param({"reasoning": {"effort": "high"}}, unknown("reasoning"), "thinking remembered", {"thinking_style": "none"}, id="R7.3 no reasoning"),
    pytest.param({"max_output_tokens": 99999}, refused("max_output_tokens is too large: 99999. This model supports at most 4096 completion tokens.", "max_output_tokens"), "output_limit remembered", {"max_output": 4096}, id="R7.3 output_limit"),
    pytest.param({"max_output_tokens": 1}, refused("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.", "max_output_tokens", code="integer_below_min_value"), "min_output remembered", {"min_output": 16}, id="R7.3 case 9 min_output"),
    pytest.param({"max_output_tokens": 900}, refused("You requested up to 900 tokens, but can only afford 412.", status=402), "affordable once", {"max_output": 412}, id="R7.3 affordable"),
    pytest.param({"stream": False}, refused("Stream must be set to true"), "stream remembered", {"stream_only": True}, id="R7.3 only streams"),
    pytest.param({"stream": True}, refused("This model does not support streaming"), "no_stream remembered", {"unsupported": ("stream",)}, id="R7.3 no stream"),
    pytest.param({"input": [DEVELOPER, {"type": "message", "role": "assistant", "content": "x"}]}, refused("Prefill is not supported while thinking is on"), "prefill remembered", {"prefill_stops_thinking": True}, id="R7.3 prefill"),
    pytest.param({"tools": [FUNCTION], "tool_choice": "required"}, refused("tool_choice required cannot be used with thinking"), "forced_choice remembered", {"forced_choice_stops_thinking": True}, id="R7.3 forced_choice"),
    pytest.param({"tools": [SEARCH, FUNCTION], "tool_choice": {"type": "allowed_tools"}}, refused("Invalid value: 'allowed_tools'.", "tool_choice.type"), "hosted_choice once", {"tool_choice": "required"}, id="R7.3 hosted_choice"),
    pytest.param({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "f"}}, refused("tool_choice: named tools are not supported"), "tool_choice remembered", {"tool_choice": "required"}, id="R7.3 named_choice"),
    pytest.param({"parallel_tool_calls": False}, unknown("parallel_tool_calls"), "parallel_tool_calls remembered", {"parallel_flag": False}, id="R7.3 parallel_tool_calls"),
    pytest.param({"temperature": 1}, refused(UNSUPPORTED.format("temperature"), "temperature"), "sampling remembered", {"unsupported": ("temperature",)}, id="R7.3 sampling"),
    pytest.param({"tools": [STRICT]}, unknown("tools[0].strict"), "strict remembered", {"strict_tools": False}, id="R7.3 strict true"),
    pytest.param({"tools": [FUNCTION]}, unknown("tools[0].strict"), "strict remembered", {"strict_field": False}, id="R7.3 strict at all"),
    pytest.param({"text": {"format": {"type": "json_schema", "schema": {}}}}, refused("Invalid parameter: 'text.format' of type 'json_schema' is not supported with this model.", "text.format"), "response_format remembered", {"structured": "json_object"}, id="R7.3 json_schema"),
    pytest.param({"text": {"format": {"type": "json_object"}}}, refused("'text.format.type': json_object is not supported"), "response_format remembered", {"structured": "none"}, id="R7.3 json_object"),
    pytest.param({"text": {"format": {"type": "json_schema"}}}, unknown("text"), "text_field remembered", {"text_format": "response_format"}, id="R7.3 text is unknown"),
    pytest.param({"input": [DEVELOPER]}, refused("Invalid value: 'developer'. Supported values are: 'assistant', 'system' and 'user'.", "input[0].role"), "developer remembered", {"system_role": "system"}, id="R7.3 developer"),
    pytest.param({"instructions": "x"}, unknown("instructions"), "instructions remembered", {"system_field": "developer"}, id="R7.3 instructions"),
    pytest.param({"input": [OUTPUT]}, refused(STRING, "input[0].output"), "tool_output_parts remembered", {"tool_output_parts": False}, id="R7.3 case 53 output is a string"),
    pytest.param({"input": [OUTPUT]}, refused("input -> 0 -> function_call_output -> output: Input should be a valid string", status=422), "tool_output_parts remembered", {"tool_output_parts": False}, id="R7.3 a validator's words"),
    pytest.param({"input": [OUTPUT]}, refused("images are not supported in function_call_output"), "tool_output_parts remembered", {"tool_output_parts": False}, id="R7.3 images in outputs"),
    pytest.param({"input": [SHOWN]}, refused("This model does not support image inputs"), "images remembered", {"vision": False}, id="R7.3 images"),
    pytest.param({"input": [SHOWN]}, refused("Invalid value: 'input_image'. Supported values are: 'input_text'.", "input[0].content[0].type"), "images remembered", {"vision": False}, id="R7.3 the type of an image"),
    pytest.param({"input": [SHOWN]}, refused("Invalid 'input[0].content[1].image_url': not a valid image, it could not be decoded", "input[0].content[1].image_url"), "unreadable_images once", {"unreadable_images": (image_key(str(OTHER["image_url"])),)}, id="R7.3 the image that is named"),
    pytest.param({"tools": [SEARCH]}, refused("Invalid value: 'web_search'. Supported values are: 'function'.", "tools[0].type"), "web_search remembered", {"web_search": None}, id="R7.3 web_search"),
    pytest.param({"tools": [FUNCTION, SEARCH]}, refused("'type' of tool must be 'function'"), "web_search remembered", {"web_search": None}, id="R7.3 only functions"),
    pytest.param({"tools": [SEARCH]}, refused("Hosted tool web_search is not supported with this model"), "web_search remembered", {"web_search": None}, id="R7.3 web_search in words"),
    pytest.param({"tools": [FUNCTION]}, refused("Failed to compile grammar: json schema conversion failed", status=500), "grammar once", None, id="R7.3 grammar"),
    pytest.param({"tools": [FUNCTION]}, refused("Invalid schema for function 'f': schema must have type 'object' at the root"), "schema remembered", None, id="R7.3 schema"),
    pytest.param({"tools": [{**FUNCTION, "name": "x" * 80}]}, refused("Invalid 'tools[0].name': string too long. Expected a string with maximum length 64, but got a string with length 80 instead.", "tools[0].name"), "tool_texts remembered", {"tool_name_chars": 64}, id="R7.3 a name's length"),
    pytest.param({"tools": [FUNCTION] * 130}, refused("Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 130 instead.", "tools"), "max_tools remembered", {"max_tools": 128}, id="R7.3 tools' number"),
    pytest.param({"input": [CALL]}, refused("Invalid 'input[0].call_id': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.", "input[0].call_id"), "tool_ids remembered", {"tool_id_chars": 64}, id="R7.3 a call's id"),
    pytest.param({"input": [SHOWN, DEVELOPER]}, refused("System message must be at the beginning."), "late_system remembered", None, id="R7.3 late system"),
    pytest.param({"input": []}, refused("This service is only available for coding agents", status=403), "client_agent remembered", {"user_agent": "client"}, id="R7.3 user agent"),
    pytest.param({"store": False}, refused("property 'store' is unsupported"), "plain_field remembered", {"store": False}, id="R7.3 store"),
    pytest.param({"stream_options": {"include_obfuscation": False}}, unknown("stream_options.include_obfuscation"), "plain_field remembered", {"no_obfuscation": False}, id="R7.3 stream_options"),
    pytest.param({"prompt_cache_key": "x"}, unknown("prompt_cache_key"), "plain_field remembered", {"cache_key": False}, id="R7.3 prompt_cache_key"),
    pytest.param({"service_tier": "auto"}, unknown("service_tier"), "plain_field remembered", {"service_tier": False}, id="R7.3 service_tier"),
    pytest.param({"safety_identifier": "x"}, unknown("safety_identifier"), "plain_field remembered", {"unsupported": ("safety_identifier",)}, id="R7.3 safety_identifier"),
    pytest.param({"max_tool_calls": 3}, unknown("max_tool_calls"), "plain_field remembered", {"unsupported": ("max_tool_calls",)}, id="R7.3 max_tool_calls"),
    pytest.param({"max_output_tokens": 99}, refused("Unsupported parameter: max_output_tokens"), "plain_field remembered", {"unsupported": ("max_output_tokens",)}, id="R7.3 case 62 max_output_tokens"),
    pytest.param({"input": [SHOWN]}, unknown("input[0].content[1].prompt_cache_breakpoint"), "plain_field remembered", {"cache": None}, id="R7.3 prompt_cache_breakpoint"),
    pytest.param({"input": [DEVELOPER]}, unknown("input[0].phase"), "plain_field remembered", {"phase": False}, id="R7.3 phase"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "error", "step", "flags"), HEALED)
def test_healed(
    body: dict[str, Any], error: UpstreamError, step: str, flags: dict[str, object] | None
) -> None:
    healing = response_healing_for(FULL, body, error)
    assert healing is not None
    assert f"{healing.step} {'remembered' if healing.remembered else 'once'}" == step
    assert flags in (None, healing.flags)
    changed = overridden(FULL, healing.flags)
    assert changed != FULL


@pytest.mark.parametrize(("body", "error", "step", "flags"), HEALED)
def test_a_field_that_was_not_sent_is_not_refused(
    body: dict[str, Any], error: UpstreamError, step: str, flags: object
) -> None:
    bare = overridden(FULL, {"cache": None, "phase": False, "user_agent": "client"})
    body = {"model": "m", "input": [], "stream": not step.startswith("no_stream")}
    assert response_healing_for(bare, body, error) is None


@pytest.mark.parametrize(("body", "error", "step", "flags"), HEALED)
def test_the_same_words_inside_a_200_heal_too(
    body: dict[str, Any], error: UpstreamError, step: str, flags: object
) -> None:
    """R 6: before anything was sent, a failure in the stream is a refusal as any other."""
    code = error.code or "invalid_request_error"
    event = {"type": "error", "code": code, "message": error.text, "param": error.param}
    told = failure_in(event)
    if error.upstream_status == 400 and told.status == 400:
        healing = response_healing_for(FULL, body, told)
        assert healing is not None
        assert healing.step == step.split()[0]


def test_every_step_takes_one_of_these_refusals() -> None:
    assert {step.name for step in RESPONSE_STEPS} == {row.values[2].split()[0] for row in HEALED}  # type: ignore[union-attr]


def test_r55_ids_are_swapped_once_then_reasoning_is_left_out() -> None:
    """Case 16: Azure refuses the id, then wants it; then nothing of it is sent."""
    wanted = refused("Missing required parameter: 'input[0].id'.", "input[0].id")
    without = overridden(FULL, {"reasoning_ids": "omit"})
    first = response_healing_for(without, {"input": [NO_ID]}, wanted)
    assert first == Healing("reasoning_ids", {"reasoning_ids": "send"}, True)
    second = response_healing_for(without, {"input": [NO_ID]}, wanted, healed=["reasoning_ids"])
    assert second == Healing("refused_state", {"reasoning_items": "drop"}, False)
    third = response_healing_for(
        FULL, {"input": [ITEM]}, refused(NOT_FOUND), healed=["reasoning_ids"]
    )
    assert third == Healing("refused_state", {"reasoning_items": "drop"}, False)


def test_r55_a_missing_item_is_no_missing_model() -> None:
    error = refused(NOT_FOUND, status=404)
    assert error.message == NOT_FOUND
    assert response_healing_for(FULL, {"input": [SHOWN]}, error) is None


def test_r55_what_was_sent_is_what_is_remembered() -> None:
    body = {"input": [ITEM, {**NO_ID, "encrypted_content": "gBBB"}, {"type": "reasoning"}, SHOWN]}
    assert state_keys(body) == {state_key("gAAA"), state_key("gBBB")}


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_other_statuses_are_no_refusals_of_state(status: int) -> None:
    error = refused(UNVERIFIED, status=status)
    assert response_healing_for(FULL, {"input": [ITEM]}, error) is None


def test_a_quoted_request_is_not_read() -> None:
    text = 'Bad request. "instructions": "say: Unknown parameter: \'store\'"'
    assert response_healing_for(FULL, {"store": False, "instructions": ""}, refused(text)) is None
    text = 'Bad request. "output": ["Unknown parameter: \'store\'"]'
    assert response_healing_for(FULL, {"store": False}, refused(text)) is None


def test_names_of_the_client_are_no_words_of_the_upstream() -> None:
    body = {"tools": [{**FUNCTION, "name": "store"}], "input": [{**CALL, "call_id": "reasoning"}]}
    assert "store" not in own_words("no tool 'store' is unsupported", body)
    assert "reasoning" not in own_words("call 'reasoning' is unsupported", body)


def test_the_keys_of_images_in_a_responses_request() -> None:
    expected = {image_key(str(each["image_url"])) for each in (IMAGE, OTHER)}
    assert inline_keys({"input": [SHOWN]}) == expected
    assert inline_keys({"input": [OUTPUT]}) == {image_key(str(IMAGE["image_url"]))}


def test_chat_steps_do_not_take_them() -> None:
    error = refused(UNVERIFIED, code="invalid_encrypted_content")
    assert healing_for(FULL, {"messages": []}, error) is None


ANY = st.sampled_from(
    [ITEM, NO_ID, SHOWN, CALL, OUTPUT, DEVELOPER, {"type": "web_search_call", "id": "ws_1"}]
)


@given(
    st.lists(ANY, max_size=4),
    st.lists(st.sampled_from([FUNCTION, STRICT, SEARCH]), max_size=3),
    st.sampled_from([row.values[1] for row in HEALED]),
)
def test_healing_ends(items: list[Any], tools: list[Any], error: UpstreamError) -> None:
    """Each flag that is set leads away from the refused form, never back to it."""
    body = {"input": items, "tools": tools, "include": ENCRYPTED, "store": False}
    profile, healed = FULL, set[str]()
    for _ in range(8):
        healing = response_healing_for(profile, body, error, healed=healed)
        if healing is None:
            return
        healed |= healing.flags.keys()
        profile = overridden(profile, healing.flags)
    raise AssertionError(error.text)
