"""docs/protocol.md section 5: a prompt that is too long, stated in other ways than by the window."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.failures.classify import CONTEXT_OVERFLOW, failure_from_answer, failure_from_chunk
from proxy.failures.policy import judge


def said(message: str, **members: object) -> dict[str, Any]:
    return {"error": {"message": message, **members}}


NEGATIVE = [
    "max_tokens must be at least 1, got -736. (parameter=max_tokens, value=-736)",
    "max_tokens must be at least 1, got -186.",
    "max_tokens must be at least 1, got 0.",
    "max_completion_tokens must be at least 1, got -5.",
    "max_new_tokens must be at least 0, got -12.",
    "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got -736 instead.",
    "max_output_tokens should be positive, received -44",
    "body.max_tokens: Input should be greater than or equal to 1 (input: -9)",
]
IN_TOKENS = [
    "Request body too large for gpt-4o model. Max size: 8000 tokens.",
    "Request body too large for o1 model. Max size: 4000 tokens.",
    "Payload too large. The model takes at most 16000 tokens.",
    "Your input is too long: up to 32768 tokens are allowed",
    "Prompt too large for this deployment (limit 8192 tokens)",
]


@pytest.mark.parametrize("text", NEGATIVE)
@pytest.mark.parametrize("status", [400, 422])
def test_nothing_is_left_for_the_answer(status: int, text: str) -> None:
    error = failure_from_answer(status, said(text, param="max_tokens"))
    assert (error.status, error.code) == (400, CONTEXT_OVERFLOW)
    assert error.message == f"prompt is too long: {text}"


@pytest.mark.parametrize("text", IN_TOKENS)
@pytest.mark.parametrize("status", [400, 413])
def test_a_body_too_large_in_tokens(status: int, text: str) -> None:
    error = failure_from_answer(status, said(text))
    assert (error.status, error.code) == (400, CONTEXT_OVERFLOW)
    assert error.message == f"prompt is too long: {text}"


def test_numbers_are_used_where_both_are_stated() -> None:
    text = "Payload too large: 150000 tokens exceed the limit of 128000 tokens"
    error = failure_from_answer(413, said(text))
    assert error.message == "prompt is too long: 150000 tokens > 128000 maximum"


TPM = "tokens per min (TPM)"
LARGER_THAN_THE_RATE = [
    pytest.param(
        429,
        f"Request too large for gpt-4o in organization org-1 on {TPM}: Limit 30000, Requested 61337."
        " The input or output tokens must be reduced in order to run successfully.",
        "61337 tokens > 30000 maximum",
        id="OpenAI",
    ),
    pytest.param(
        413,
        "Request too large for model `openai/gpt-oss-120b` in organization `org_1` service tier"
        " `on_demand` on tokens per minute (TPM): Limit 8000, Requested 27418, please reduce your"
        " message size and try again. Upgrade at https://console.groq.com/settings/billing",
        "27418 tokens > 8000 maximum",
        id="Groq",
    ),
    pytest.param(
        429,
        "Request too large for model x on tokens per day (TPD): Limit 100000, Requested 120000",
        "120000 tokens > 100000 maximum",
        id="a day",
    ),
    pytest.param(
        429,
        f"Rate limit reached for gpt-4.1 on {TPM}: Limit 30,000, Used 0, Requested 45,500.",
        "45500 tokens > 30000 maximum",
        id="a rate limit by name",
    ),
    pytest.param(
        413,
        "Request exceeds tokens per minute limit: requested 100000, limit 60000",
        "100000 tokens > 60000 maximum",
        id="the other order",
    ),
    pytest.param(
        400,
        f"This request is above the {TPM} limit of 6000: 7000 tokens requested",
        "7000 tokens > 6000 maximum",
        id="as a 400",
    ),
    pytest.param(
        413,
        "Request too large on tokens per minute (TPM): Limit 6000",
        "Request too large on tokens per minute (TPM): Limit 6000",
        id="without the size",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("status", "text", "wanted"), LARGER_THAN_THE_RATE)
def test_a_request_larger_than_its_rate(status: int, text: str, wanted: str) -> None:
    body = said(text, type="tokens", code="rate_limit_exceeded")
    error = failure_from_answer(status, body, headers={"retry-after": "2", "retry-after-ms": "900"})
    assert (error.status, error.message) == (400, f"prompt is too long: {wanted}")
    assert error.headers == {}
    in_stream = failure_from_chunk(said(text, code=status))
    assert (in_stream.status, in_stream.message) == (400, error.message)


def test_another_model_may_take_it_but_the_same_is_not_repeated() -> None:
    text = f"Request too large on {TPM}: Limit 30000, Requested 61337."
    error = failure_from_answer(429, said(text), headers={"retry-after": "2"})
    verdict = judge(error, own_key=False, now=0.0)
    assert (verdict.retry_after, verdict.next_model) == (None, True)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(
            429,
            f"Rate limit reached on {TPM}: Limit 30000, Used 29937, Requested 385. Try again in 1s.",
            id="a rate that is used up",
        ),
        pytest.param(
            429, "Rate limit reached on requests per min (RPM): Limit 3, Requested 1", id="requests"
        ),
        pytest.param(
            429,
            "This request would exceed the rate limit for your organization of 40,000 input tokens"
            " per minute.",
            id="Anthropic's rate",
        ),
        pytest.param(
            429, "Tokens per minute limit exceeded - too many tokens processed.", id="Cerebras"
        ),
        pytest.param(413, "Request Entity Too Large: 9437184 bytes", id="bytes"),
        pytest.param(400, "max_tokens must be greater than or equal to -1", id="a minimum"),
        pytest.param(400, "max_tokens must be at least 1, got 1.5", id="not negative"),
        pytest.param(
            400, "max_tokens is too large: 100000. At most 8192 tokens.", id="an output limit"
        ),
    ],
)  # fmt: skip
def test_no_overflow(status: int, text: str) -> None:
    error = failure_from_answer(status, said(text))
    assert (error.status, error.message) == (status, text)


INNER = json.dumps(said("Engine overloaded", code="busy"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(f"data: {INNER}\n\n", "Engine overloaded", id="one frame"),
        pytest.param(f"event: error\ndata: {INNER}\n\n", "Engine overloaded", id="a named frame"),
        pytest.param(f"data: {INNER}\r\n\r\ndata: [DONE]\r\n\r\n", "Engine overloaded", id="CRLF"),
        pytest.param(f": ok\n\ndata: {INNER}", "Engine overloaded", id="behind a comment"),
        pytest.param(f"error: {INNER}\n\n", "Engine overloaded", id="llama.cpp's field"),
        pytest.param("data: Service gone\n\n", "Service gone", id="a text"),
        pytest.param(f"id: 7\nretry: 10\ndata: {INNER}\n\n", "Engine overloaded", id="more fields"),
        pytest.param("data: [DONE]\n\n", "data: [DONE]", id="nothing in it"),
        pytest.param("error: out of memory", "error: out of memory", id="only a text"),
    ],
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_frames_in_an_error_body(as_bytes: bool, body: str, message: str) -> None:
    error = failure_from_answer(500, body.encode() if as_bytes else body)
    assert error.message == message


def test_an_overflow_in_a_frame() -> None:
    text = "This model's maximum context length is 10 tokens. However, you requested 20 tokens."
    error = failure_from_answer(400, f"data: {json.dumps(said(text))}\n\n")
    assert error.message == "prompt is too long: 20 tokens > 10 maximum"
