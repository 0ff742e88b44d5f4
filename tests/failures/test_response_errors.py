"""Failures inside a 200 of a Responses upstream (responses.md R 6): what the client gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TYPE_FOR_STATUS
from proxy.failures.classify import CONTEXT_OVERFLOW, INSUFFICIENT_QUOTA, failure_from_answer
from proxy.failures.response_errors import failure_in, reports_failure

NO_RETRY = {"x-should-retry": "false"}
WINDOW = "Your input exceeds the context window of this model. Please adjust your input."


def flat(code: str | None, message: str = "no", **members: object) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": message, "sequence_number": 2, **members}


def failed(code: str | None, message: str = "no", **members: object) -> dict[str, Any]:
    error = {"code": code, "message": message, **members}
    response = {"object": "response", "status": "failed", "error": error, "instructions": "PROMPT"}
    return {"type": "response.failed", "sequence_number": 3, "response": response}


def nested(code: str | None, message: str = "no", **members: object) -> dict[str, Any]:
    error = {"code": code, "message": message, **members}
    return {"type": "error", "sequence_number": 2, "error": error}


def whole(code: str | None, message: str = "no", **members: object) -> dict[str, Any]:
    return {**failed(code, message, **members)["response"], "output": [], "usage": None}


def bare(code: str | None, message: str = "no", **members: object) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **members}}


FORMS = pytest.mark.parametrize("form", [flat, failed, nested, whole, bare])


@FORMS
@pytest.mark.parametrize(
    ("code", "status"),
    [
        pytest.param("rate_limit_exceeded", 429, id="R6 rate_limit_exceeded"),
        pytest.param("rate_limit_error", 429, id="R6 rate_limit_error"),
        pytest.param("tokens", 429, id="R6 tokens"),
        pytest.param("requests", 429, id="R6 requests"),
        pytest.param("usage_limit_reached", 429, id="R6 usage_limit_reached"),
        pytest.param("insufficient_quota", 402, id="R6 insufficient_quota"),
        pytest.param("billing_hard_limit_reached", 402, id="R6 billing"),
        pytest.param("server_error", 500, id="R6 server_error"),
        pytest.param("internal_error", 500, id="R6 internal"),
        pytest.param("upstream_error", 500, id="R6 upstream_error"),
        pytest.param("something_new", 500, id="R6 an unknown code"),
        pytest.param(None, 500, id="R6 no code"),
        pytest.param("overloaded_error", 529, id="R6 overloaded"),
        pytest.param("slow_down", 529, id="R6 slow_down"),
        pytest.param("engine_overloaded", 529, id="R6 engine_overloaded"),
        pytest.param("vector_store_timeout", 504, id="R6 vector_store_timeout"),
        pytest.param("upstream_timeout", 504, id="R6 another timeout"),
        pytest.param("invalid_prompt", 400, id="R6 invalid_prompt"),
        pytest.param("invalid_value", 400, id="R6 invalid_value"),
        pytest.param("invalid_encrypted_content", 400, id="R6 invalid_encrypted_content"),
        pytest.param("invalid_base64_image", 400, id="R6 invalid image"),
        pytest.param("integer_below_min_value", 400, id="R6 integer_below_min_value"),
        pytest.param("unsupported_value", 400, id="R6 unsupported"),
        pytest.param("image_too_large", 400, id="R6 image"),
        pytest.param("empty_image_file", 400, id="R6 empty_image_file"),
        pytest.param("failed_to_download_image", 400, id="R6 failed_to_download_image"),
        pytest.param("image_content_policy_violation", 400, id="R6 image policy"),
        pytest.param("bio_policy", 400, id="R6 bio_policy"),
        pytest.param("cyber_policy", 400, id="R6 cyber_policy"),
        pytest.param("misalignment_policy_violation", 400, id="R6 misalignment policy"),
        pytest.param("data_residency_mismatch", 400, id="R6 data residency"),
        pytest.param("model_not_found", 404, id="R6 model_not_found"),
        pytest.param("invalid_api_key", 401, id="R6 invalid_api_key"),
        pytest.param("authentication_error", 401, id="R6 authentication_error"),
    ],
)
def test_r6_status_by_code(form: Any, code: str | None, status: int) -> None:
    payload = form(code)
    assert reports_failure(payload)
    error = failure_in(payload, model="m")
    assert (error.status, error.type) == (status, TYPE_FOR_STATUS[status])
    assert error.upstream_status is None
    assert "PROMPT" not in error.message


@FORMS
@pytest.mark.parametrize(
    "code", ["image_content_policy_violation", "bio_policy", "cyber_policy", "usage_limit_reached",
             "misalignment_policy_violation", "data_residency_mismatch"],
)  # fmt: skip
def test_r6_a_failure_that_stays_is_not_repeated(form: Any, code: str) -> None:
    assert failure_in(form(code)).headers == NO_RETRY


@FORMS
def test_r6_overflow(form: Any) -> None:
    """Cases 42 and 43: the words alone, or the code alone, become what Claude Code compacts after."""
    for code, text in (("context_length_exceeded", "no"), ("invalid_prompt", WINDOW)):
        error = failure_in(form(code, text))
        assert (error.status, error.code) == (400, CONTEXT_OVERFLOW)
        assert error.message == f"prompt is too long: {text}"


@FORMS
def test_r6_the_wait_in_the_words(form: Any) -> None:
    error = failure_in(form("rate_limit_exceeded", "Rate limit reached. Try again in 6.379s."))
    assert error.headers == {"retry-after": "7"}


@FORMS
def test_r6_type_decides_where_the_code_says_nothing(form: Any) -> None:
    payload = form(None)
    for holder in (payload, payload.get("error"), payload.get("response", {}).get("error")):
        if isinstance(holder, dict) and "message" in holder and form is not flat:
            holder["type"] = "invalid_request_error"
    assert failure_in(payload).status == (500 if form is flat else 400)


@FORMS
def test_r6_param_and_quota(form: Any) -> None:
    error = failure_in(form("unknown_parameter", "Unknown parameter: 'x'.", param="x"))
    assert (error.status, error.param, error.text) == (400, "x", "Unknown parameter: 'x'.")
    assert failure_in(form("insufficient_quota")).code == INSUFFICIENT_QUOTA


@FORMS
def test_r6_keys_are_masked(form: Any) -> None:
    error = failure_in(form("server_error", "bad key my-key-123456"), secrets=["my-key-123456"])
    assert "my-key-123456" not in error.message + error.text


@pytest.mark.parametrize(
    ("beside", "status", "headers"),
    [
        ({"status": 429}, 429, {}),
        ({"status_code": 503}, 529, {}),
        ({"status": "404"}, 404, {}),
        ({"status_code": 429, "headers": {"Retry-After": "9", "X-Request-Id": "r"}}, 429,
         {"retry-after": "9", "x-upstream-request-id": "r"}),
        ({"status_code": 429, "resets_in_seconds": 90}, 429, {"retry-after": "90"}),
        ({"status_code": 429, "resets_in_seconds": 7200}, 429, {"retry-after": "7200", **NO_RETRY}),
    ],
)  # fmt: skip
def test_r6_a_status_and_headers_beside_the_error(
    beside: dict[str, Any], status: int, headers: dict[str, str]
) -> None:
    """Case 41."""
    for payload in (flat("x", **beside), nested("x") | beside):
        error = failure_in(payload)
        assert (error.status, error.headers) == (status, headers)


def test_r6_resets_in_the_error_object() -> None:
    error = failure_in(nested("usage_limit_reached", resets_in_seconds=120))
    assert error.headers == {"retry-after": "120", **NO_RETRY}


def test_r6_the_forms_of_vendors() -> None:
    xai = {"code": "Some requested entity was not found", "error": "The model is unknown model x"}
    assert reports_failure(xai)
    assert failure_in(xai).message == "The model is unknown model x"
    detail = {"detail": "Rate limit reached", "code": "429"}
    assert reports_failure(detail)
    assert failure_in(detail).status == 429
    router = {
        "error": {"code": "invalid_prompt", "message": "no", "metadata": {"raw": ""}},
        "error_type": "rate_limit_exceeded",
    }
    assert reports_failure(router)
    assert failure_in(router).status == 429
    assert failure_in(flat("invalid_prompt", error_type="context_length_exceeded")).message == (
        "prompt is too long: no"
    )


def test_4_3_a_reached_limit_of_a_subscription() -> None:
    window = {"used_percent": 100, "window_minutes": 300, "reset_after_seconds": 99}
    other = {"used_percent": 4, "reset_after_seconds": 5}
    for reached in (True, False):
        limits = {"limit_reached": reached, "primary": other, "secondary": window}
        payload = {"type": "codex.rate_limits", "rate_limits": limits}
        assert reports_failure(payload) is reached
    error = failure_in(payload)
    assert (error.status, error.headers) == (429, {"retry-after": "99", **NO_RETRY})


def test_4_3_a_cancelled_response() -> None:
    payload = {"type": "response.cancelled", "response": {"instructions": "PROMPT"}}
    assert reports_failure(payload)
    error = failure_in(payload)
    assert (error.status, error.message) == (502, "the upstream cancelled the response")


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "response.created", "response": {"status": "in_progress", "error": None}},
        {"type": "response.completed", "response": {"status": "completed", "error": None}},
        {"type": "response.incomplete", "response": {"status": "incomplete"}},
        {"type": "response.output_text.delta", "delta": "error", "error": None},
        {"type": "keepalive", "sequence_number": 4},
        {"object": "response", "status": "completed", "error": None, "output": [{}]},
        {"object": "response", "status": "incomplete", "error": {}, "output": []},
        {"output": [{"type": "message"}], "error": {"message": "of a tool"}},
        {},
    ],
)  # fmt: skip
def test_an_answer_is_no_failure(payload: dict[str, Any]) -> None:
    assert not reports_failure(payload)


def test_a_status_of_the_answer_is_read_as_in_chat() -> None:
    error = failure_from_answer(429, nested("rate_limit_exceeded")["error"])
    assert (error.status, error.upstream_status) == (429, 429)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "error",
                    "response",
                    "code",
                    "message",
                    "status",
                    "status_code",
                    "headers",
                    "error_type",
                    "rate_limits",
                    "used_percent",
                    "limit_reached",
                    "object",
                    "output",
                    "metadata",
                    "raw",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "error", "response", "status", "headers",
                                        "rate_limits", "object", "output"]),
                       JSON | st.sampled_from(["error", "response.failed", "codex.rate_limits"])))  # fmt: skip
def test_any_object_is_read(payload: dict[str, Any]) -> None:
    reports_failure(payload)
    error = failure_in(payload)
    assert error.status in TYPE_FOR_STATUS
    assert error.message
