"""Which refusals make a key rest, and for how long: only what they say about the key itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.classify import failure_from_answer, failure_from_chunk
from proxy.failures.policy import LONGEST_REST, judge

NOW = 1_800_000_000.0
DAY = {"retry-after": "86400"}


def refusal(
    status: int, text: str, headers: Mapping[str, str] | None = None, **members: Any
) -> UpstreamError:
    body = {"error": {"message": text, **members}}
    return failure_from_answer(status, body, headers=headers or {}, now=NOW)


def rest(error: UpstreamError, *, quoted: bool = False) -> float | None:
    return judge(error, own_key=True, now=NOW, quotes_request=lambda: quoted).key_cooldown


OF_REQUEST = [
    pytest.param(403, "This text is not allowed", DAY, id="403 about a text"),
    pytest.param(403, "Input was flagged by moderation", {}, id="403 moderation"),
    pytest.param(
        403,
        "Country, region, or territory not supported",
        DAY,
        id="403 region",
    ),
    pytest.param(
        429,
        "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000,"
        " Requested 40000. The input or output tokens must be reduced in order to run successfully.",
        {},
        id="OpenAI 429 too large",
    ),
    pytest.param(
        429,
        "Request too large for model `llama-3.3-70b-versatile` in organization `org_1` on tokens per"
        " minute (TPM): Limit 12000, Requested 20000, please reduce your message size and try again.",
        {"retry-after": "60"},
        id="Groq 429 too large, with a wait",
    ),
    pytest.param(429, "Request too large", {}, id="429 too large, without numbers"),
    pytest.param(429, "The request body is too large for this deployment", DAY, id="Azure 429"),
    pytest.param(
        429, "Extra usage is required for long context requests.", {}, id="Anthropic long context"
    ),
    pytest.param(429, "Please reduce the number of input tokens", {}, id="429 advice, no wait"),
    pytest.param(429, "Too many images in the request", {}, id="429 images"),
    pytest.param(
        429,
        "Quota exceeded for metric: generate_content_free_tier_requests, limit: 0, model: gemini-pro",
        {"retry-after": "30"},
        id="Gemini: a model outside the free tier",
    ),
    pytest.param(429, "Rejected: inappropriate content", DAY, id="429 content filter"),
    pytest.param(429, "DataInspectionFailed", {}, id="429 data inspection"),
    pytest.param(
        401,
        "key not allowed to access model. This key can only access models=['a']",
        {},
        id="401 about a model (LiteLLM)",
    ),
    pytest.param(401, "Your plan does not have access to model x", DAY, id="401 access to a model"),
    pytest.param(402, "This model requires a paid plan", {}, id="402 about a model"),
    pytest.param(
        402,
        "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens,"
        " but can only afford 4000.",
        DAY,
        id="OpenRouter 402 for the length of the answer",
    ),
    pytest.param(402, "Prompt tokens limit exceeded: 5000 > 2000.", {}, id="OpenRouter 402 prompt"),
]


@pytest.mark.parametrize(("status", "text", "headers"), OF_REQUEST)
def test_what_one_request_holds_rests_no_key(
    status: int, text: str, headers: dict[str, str]
) -> None:
    verdict = judge(refusal(status, text, headers), own_key=True, now=NOW)
    # Another key and another model may still be tried for this request.
    assert (verdict.key_cooldown, verdict.next_model) == (0.0, True)
    assert verdict.provider_failed is False


@pytest.mark.parametrize("status", [400, 404, 409, 413, 415, 422])
@pytest.mark.parametrize("text", ["no", "model: x does not exist", "Request too large", "flagged"])
def test_no_other_4xx_rests_a_key_whatever_wait_it_states(status: int, text: str) -> None:
    verdict = judge(refusal(status, text, DAY), own_key=True, now=NOW)
    assert (verdict.key_cooldown, verdict.next_model, verdict.retry_after) == (None, False, None)


OF_KEY = [
    pytest.param(
        "Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000,"
        " Used 29500, Requested 1200. Please try again in 1.4s.",
        {"retry-after": "2"},
        2.0,
        id="OpenAI",
    ),
    pytest.param(
        "This request would exceed your organization's rate limit of 40,000 input tokens per minute."
        " Please reduce the prompt length or the maximum tokens requested, or try again later.",
        {"retry-after": "20"},
        20.0,
        id="Anthropic",
    ),
    pytest.param(
        "Requests to the ChatCompletions_Create Operation have exceeded token rate limit of your"
        " current OpenAI S0 pricing tier. Please retry after 26 seconds.",
        {},
        26.0,
        id="Azure",
    ),
    pytest.param(
        "Request was rejected due to rate limiting. Details: TPM limit reached.",
        {},
        30.0,
        id="SiliconFlow",
    ),
    pytest.param(
        "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests",
        {},
        30.0,
        id="OpenRouter",
    ),
    pytest.param(
        "Rate limit reached for omni-moderation-latest: Limit 3, Used 3", {}, 30.0, id="moderation"
    ),
    pytest.param("Too many tokens, please wait before trying again.", {}, 30.0, id="Bedrock"),
    pytest.param(
        "You exceeded your current quota. limit: 250000, model: gemini-2.5-flash. Please retry in 26s",
        {},
        26.0,
        id="Gemini",
    ),
    pytest.param("您的账户已达到速率限制", {}, 30.0, id="GLM"),
]


@pytest.mark.parametrize(("text", "headers", "seconds"), OF_KEY)
def test_a_rate_limit_rests_its_key(text: str, headers: dict[str, str], seconds: float) -> None:
    assert rest(refusal(429, text, headers)) == seconds


def test_credit_for_hardly_a_word_is_none() -> None:
    assert rest(refusal(402, "You requested 4000 tokens, but can only afford 12.")) == 300.0


@pytest.mark.parametrize("status", [401, 402, 429])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"retry-after": "301"}, id="a little more"),
        pytest.param(DAY, id="a day"),
        pytest.param({"retry-after": "9" * 18}, id="huge"),
        pytest.param({"retry-after-ms": "9" * 18}, id="huge, in milliseconds"),
        pytest.param({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, id="a date far away"),
        pytest.param({"retry-after": "Fri, 31 Dec 9999 23:59:59 -0000"}, id="without a zone"),
    ],
)
def test_no_rest_is_longer_than_ours(status: int, headers: dict[str, str]) -> None:
    assert rest(refusal(status, "no", headers)) == LONGEST_REST == 300.0


@pytest.mark.parametrize(
    "value",
    [
        *("-5", "nan", "NaN", "inf", "-inf", "1e9", "0x10", "9" * 400, "", " ", "soon", "١٢", "-"),
        *("Fri, 00 Foo 0000 99:99:99 GMT", "1 Jan 1 0:0 -9999"),
    ],
)
@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms"])
def test_a_wait_that_makes_no_sense_is_none(name: str, value: str) -> None:
    assert rest(refusal(429, "no", {name: value})) == 30.0


@pytest.mark.parametrize("reset", ["3d", "72h0m0s", "1800259200", "2099-01-01T00:00:00Z"])
def test_a_reset_in_days_is_for_the_client_only(reset: str) -> None:
    headers = {"x-ratelimit-reset-requests": reset, "x-ratelimit-reset-tokens": reset}
    assert rest(refusal(429, "no", headers)) == 30.0


@pytest.mark.parametrize(
    ("members", "seconds"),
    [
        pytest.param({"metadata": {"headers": {"X-RateLimit-Reset": "1800259200000"}}}, 300.0, id="OpenRouter"),
        pytest.param({"details": [{"retryDelay": "90000s"}]}, 300.0, id="Google"),
        pytest.param({"resets_in_seconds": 604800}, 300.0, id="Codex"),
    ],
)  # fmt: skip
def test_days_in_the_body_are_capped_too(members: dict[str, Any], seconds: float) -> None:
    assert rest(refusal(429, "no", **members)) == seconds


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_days_of_a_failing_provider_rest_no_key(status: int) -> None:
    verdict = judge(refusal(status, "maintenance", DAY), own_key=True, now=NOW)
    assert (verdict.key_cooldown, verdict.retry_after) == (None, None)
    assert (verdict.next_model, verdict.provider_failed) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "cannot identify image file <_io.BytesIO object>",
        "Failed to parse grammar",
        "the request exceeds the available context size",
        "Conversation roles must alternate user/assistant/user/assistant/...",
    ],
)
def test_a_500_about_the_request_opens_no_breaker(text: str) -> None:
    verdict = judge(refusal(500, text), own_key=True, now=NOW)
    assert (verdict.provider_failed, verdict.next_model, verdict.retry_after) == (False, True, None)


UNPAID = "Your credit balance is too low to access this API"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        pytest.param(refusal(400, UNPAID), 300.0, id="400"),
        pytest.param(
            failure_from_chunk({"error": {"message": "rate limit reached"}}), 30.0, id="in a 200"
        ),
    ],
)
def test_words_rest_a_key_unless_they_are_the_clients(error: UpstreamError, seconds: float) -> None:
    assert rest(error) == seconds
    assert rest(error, quoted=True) == 0.0


@pytest.mark.parametrize("status", [401, 402, 429])
def test_a_status_rests_a_key_whatever_its_text_quotes(status: int) -> None:
    assert (rest(refusal(status, "no"), quoted=True) or 0.0) > 0.0
