from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.stop_reasons import (
    Stop,
    failed_status,
    finish_of,
    finish_word,
    is_known,
    stop_for,
)

REFUSED = {"type": "refusal", "category": None, "explanation": None}


@pytest.mark.parametrize(
    ("finish", "tool_used", "expected"),
    [
        pytest.param("stop", False, "end_turn", id="3 row 1 stop"),
        pytest.param("eos", False, "end_turn", id="3 row 1 eos"),
        pytest.param("end_turn", False, "end_turn", id="3 row 1 end_turn"),
        pytest.param("STOP", False, "end_turn", id="3 row 1 STOP"),
        pytest.param("completed", False, "end_turn", id="3 row 1 completed"),
        pytest.param("stop", True, "tool_use", id="3 row 1 with a tool_use block (edge 30)"),
        pytest.param("length", False, "max_tokens", id="3 row 2 length"),
        pytest.param("max_tokens", False, "max_tokens", id="3 row 2 max_tokens"),
        pytest.param("MAX_TOKENS", False, "max_tokens", id="3 row 2 MAX_TOKENS"),
        pytest.param("length", True, "max_tokens", id="edge 32 length with a tool call"),
        pytest.param("tool_calls", True, "tool_use", id="3 row 3 tool_calls"),
        pytest.param("function_call", True, "tool_use", id="3 row 3 function_call"),
        pytest.param("tool_use", True, "tool_use", id="3 row 3 tool_use"),
        pytest.param("tool_calls", False, "end_turn", id="edge 31 tool_calls without a call"),
        pytest.param("content_filter", False, "refusal", id="3 row 4 content_filter"),
        pytest.param("sensitive", False, "refusal", id="3 row 4 sensitive"),
        pytest.param("SAFETY", False, "refusal", id="3 row 4 SAFETY"),
        pytest.param("refusal", False, "refusal", id="3 row 4 refusal"),
        pytest.param("content_filter", True, "refusal", id="3 row 4 with a tool_use block"),
        pytest.param("RECITATION", False, "refusal", id="3 row 4 RECITATION"),
        pytest.param("PROHIBITED_CONTENT", False, "refusal", id="3 row 4 PROHIBITED_CONTENT"),
        pytest.param("SPII", False, "refusal", id="3 row 4 SPII"),
        pytest.param("BLOCKLIST", False, "refusal", id="3 row 4 BLOCKLIST"),
        pytest.param("IMAGE_SAFETY", False, "refusal", id="3 row 4 IMAGE_SAFETY"),
        pytest.param("guardrail_intervened", False, "refusal", id="3 row 4 Bedrock"),
        pytest.param("content_filtered", False, "refusal", id="3 row 4 content_filtered"),
        pytest.param("content_filter: BLOCKLIST", False, "refusal", id="3 row 4 with a prefix"),
        pytest.param("FinishReason.STOP", False, "end_turn", id="3 row 1 with a prefix"),
        pytest.param("FINISH_REASON_MAX_TOKENS", False, "max_tokens", id="3 row 2 with a prefix"),
        pytest.param("a.b", False, "end_turn", id="3 row 5 unknown with a prefix"),
        pytest.param("OTHER", False, "end_turn", id="3 row 5 OTHER"),
        pytest.param(None, False, "end_turn", id="3 row 5 null"),
        pytest.param("", False, "end_turn", id="edge 57 empty string is null"),
        pytest.param("whatever", False, "end_turn", id="3 row 5 unknown"),
        pytest.param("whatever", True, "tool_use", id="3 row 5 unknown with a tool_use block"),
        pytest.param(None, True, "tool_use", id="3 row 5 null with a tool_use block"),
        pytest.param(
            "model_context_window_exceeded",
            False,
            "model_context_window_exceeded",
            id="3 row 6 model_context_window_exceeded",
        ),
        pytest.param(
            "model_length", True, "model_context_window_exceeded", id="edge 34 model_length"
        ),
    ],
)
def test_stop_reason(finish: object, tool_used: bool, expected: str) -> None:
    assert stop_for(finish_word(finish), tool_used=tool_used).reason == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"matched": "END"}, Stop("stop_sequence", "END"), id="3 matched stop string"),
        pytest.param({"matched": "NO"}, Stop("end_turn"), id="3 a string that nobody asked for"),
        pytest.param({"matched": 7}, Stop("end_turn"), id="edge 33 a token id is no stop string"),
        pytest.param({"matched": "END", "tool_used": True}, Stop("tool_use"), id="3 a call wins"),
        pytest.param({"matched": "END", "word": "length"}, Stop("max_tokens"), id="3 row 2 wins"),
        pytest.param({"matched": "END", "word": ""}, Stop("end_turn"), id="3 not without a finish"),
        pytest.param(
            {"word": "content_filter"}, Stop("refusal", details=REFUSED), id="3 row 4 details"
        ),
        pytest.param(
            {"refusal": "No."},
            Stop("refusal", details={**REFUSED, "explanation": "No."}),
            id="3 refusal text explains",
        ),
        pytest.param(
            {"refusal": "No.", "word": "length", "tool_used": True},
            Stop("refusal", details={**REFUSED, "explanation": "No."}),
            id="3 refusal text wins over everything",
        ),
    ],
)
def test_stop_details(facts: dict[str, Any], expected: Stop) -> None:
    facts = {"word": "stop", "tool_used": False, "stop_sequences": ("END",), **facts}
    assert stop_for(facts.pop("word"), **facts) == expected


@pytest.mark.parametrize(
    ("finish", "status"),
    [
        pytest.param("error", 502, id="3 row 7 error"),
        pytest.param("network_error", 502, id="3 row 7 network_error"),
        pytest.param("insufficient_system_resource", 529, id="3 row 7 no resources"),
        pytest.param("MALFORMED_FUNCTION_CALL", 502, id="3 row 7 MALFORMED_FUNCTION_CALL"),
        pytest.param("malformed_function_call", 502, id="3 row 7 in lower case"),
        pytest.param("UNEXPECTED_TOOL_CALL", 502, id="3 row 7 UNEXPECTED_TOOL_CALL"),
        pytest.param("TOO_MANY_TOOL_CALLS", 502, id="3 row 7 TOO_MANY_TOOL_CALLS"),
        pytest.param("MISSING_THOUGHT_SIGNATURE", 502, id="3 row 7 MISSING_THOUGHT_SIGNATURE"),
        pytest.param("MALFORMED_RESPONSE", 502, id="3 row 7 MALFORMED_RESPONSE"),
        pytest.param(
            "function_call_filter: MALFORMED_FUNCTION_CALL", 502, id="3 row 7 with a prefix"
        ),
        pytest.param("FinishReason.UNEXPECTED_TOOL_CALL", 502, id="3 row 7 as Python prints it"),
        pytest.param("abort", 502, id="3 row 7 vLLM's abort"),
        pytest.param("server_error", 502, id="3 row 7 server_error"),
        pytest.param("tool_use_failed", 502, id="3 row 7 tool_use_failed"),
        pytest.param("engine_overloaded", 529, id="3 row 7 overloaded"),
        pytest.param("timeout", 504, id="3 row 7 timeout"),
    ],
)
def test_failures_are_no_stop_reasons(finish: str, status: int) -> None:
    word = finish_word(finish)
    assert failed_status(word) == status
    assert not is_known(word)


@pytest.mark.parametrize(
    "finish", ["stop", "length", "tool_calls", "content_filter", "RECITATION", "OTHER", "", "eos"]
)
def test_no_failures(finish: str) -> None:
    assert failed_status(finish_word(finish)) is None


@pytest.mark.parametrize(
    ("finish", "native", "word"),
    [
        pytest.param("stop", "network_error", "network_error", id="a failure"),
        pytest.param("stop", "MALFORMED_FUNCTION_CALL", "malformed_function_call", id="Gemini's"),
        pytest.param("stop", "PROHIBITED_CONTENT", "prohibited_content", id="a refusal"),
        pytest.param(None, "error", "error", id="nothing else"),
        pytest.param("tool_calls", "UNEXPECTED_TOOL_CALL", "unexpected_tool_call", id="a call"),
        pytest.param("stop", "STOP", "stop", id="the same"),
        pytest.param("tool_calls", "STOP", "tool_calls", id="a weaker word"),
        pytest.param("length", "max_output_tokens", "length", id="another word"),
        pytest.param("stop", None, "stop", id="none"),
        pytest.param("stop", {"a": 1}, "stop", id="no word"),
        pytest.param(None, "completed", "", id="not yet the end"),
    ],
)
def test_the_models_own_finish_reason(finish: object, native: object, word: str) -> None:
    choice = {"finish_reason": finish, "native_finish_reason": native}
    assert finish_of(choice) == word


@pytest.mark.parametrize("value", [3, True, ["stop"], {"a": 1}], ids=str)
def test_a_finish_reason_that_is_no_string_is_unknown(value: object) -> None:
    word = finish_word(value)
    assert word
    assert not is_known(word)
