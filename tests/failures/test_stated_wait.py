"""docs/protocol.md section 5 "Headers to the client": waits that an error states in its body."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.failures.classify import failure_from_answer, failure_from_chunk

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z."""


def said(message: str, **members: object) -> dict[str, Any]:
    return {"error": {"message": message, **members}}


def google(*details: dict[str, Any]) -> list[Any]:
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded."}
    return [{"error": {**error, "details": list(details)}}]


def openrouter(**headers: str) -> dict[str, Any]:
    text = "Rate limit exceeded: free-models-per-min. Add 10 credits to unlock more"
    return said(text, code=429, metadata={"headers": headers, "provider_name": None})


RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


@pytest.mark.parametrize(
    ("payload", "seconds"),
    [
        pytest.param(google({"@type": RETRY_INFO, "retryDelay": "38s"}), "38", id="RetryInfo"),
        pytest.param(
            google({"@type": "QuotaFailure"}, {"@type": RETRY_INFO, "retryDelay": "45.837906927s"}),
            "46",
            id="RetryInfo with fractions",
        ),
        pytest.param(
            google({"@type": RETRY_INFO, "retryDelay": {"seconds": "12", "nanos": 5}}),
            "12",
            id="RetryInfo as an object",
        ),
        pytest.param(
            google({"@type": "ErrorInfo", "metadata": {"quotaResetDelay": "52m9.25s"}}),
            "3130",
            id="Code Assist",
        ),
        pytest.param(
            openrouter(**{"X-RateLimit-Limit": "20", "X-RateLimit-Reset": "1800000030000"}),
            "30",
            id="OpenRouter's headers in the body",
        ),
        pytest.param(openrouter(**{"Retry-After": "11"}), "11", id="a retry-after in the body"),
        pytest.param(
            said("The usage limit has been reached", resets_in_seconds=1387), "1387", id="Codex"
        ),
        pytest.param(said("Slow down", resets_at=1800000099), "99", id="Codex, the moment"),
        pytest.param(said("Slow down", retry_after_ms=2500), "3", id="milliseconds"),
        pytest.param(
            {"error": "Model x is currently loading", "estimated_time": 20.5},
            "21",
            id="Hugging Face",
        ),
        pytest.param(said("Please try again in 7.66s. Visit"), "8", id="OpenAI"),
        pytest.param(said("Please try again in 7m54.72s. Visit"), "475", id="Groq"),
        pytest.param(said("Please try again in 644ms."), "1", id="milliseconds in words"),
        pytest.param(said("Please retry after 26 seconds."), "26", id="Azure"),
        pytest.param(said("Rate limit is exceeded. Try again in 9 seconds."), "9", id="APIM"),
        pytest.param(said("RPM: 3, please try again after 1 seconds"), "1", id="Moonshot"),
        pytest.param(said("Your quota will reset after 50m10s."), "3010", id="Gemini CLI"),
        pytest.param(said("Please retry in 38.5s."), "39", id="Gemini"),
        pytest.param(said("Please wait 30 seconds before trying again"), "30", id="wait"),
        pytest.param(said("Try again in 2 minutes, 5 seconds"), "125", id="two units in words"),
        pytest.param(
            said("Your limit will reset at 2027-01-15 16:10:00", code="1308"), "600", id="GLM"
        ),
        pytest.param(
            said("已达到 5 小时的使用上限。您的限额将在 2027-01-15 16:00:30 重置。", code="1308"),
            "30",
            id="GLM in Chinese",
        ),
        pytest.param(said("Resets at 2027-01-15T08:01:00Z"), "60", id="a moment in words"),
        pytest.param(said("请在 15 秒后重试"), "15", id="Chinese"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_in_the_body(status: int, payload: object, seconds: str) -> None:
    error = failure_from_answer(status, payload, now=NOW)
    assert error.status in (429, 529)
    assert error.headers == {"retry-after": seconds}


@pytest.mark.parametrize(
    ("payload", "seconds"),
    [
        pytest.param(
            said("The usage limit has been reached", resets_in_seconds=13872), "13872", id="Codex"
        ),
        pytest.param(said("limit", resets_in_seconds=602705), "86400", id="longer than a day"),
        pytest.param(
            openrouter(**{"X-RateLimit-Reset": "1800050000000"}), "50000", id="OpenRouter's day"
        ),
        pytest.param(said("Please try again in 6h0m0s."), "21600", id="OpenAI's day"),
        pytest.param(said("Try again in 4 days 3 hours"), "86400", id="days"),
        pytest.param(
            said("Your limit will reset at 2027-01-15 20:00:00", code="1308"), "14400", id="GLM"
        ),
        pytest.param(
            google({"metadata": {"quotaResetTimeStamp": "2027-01-15T10:00:00Z"}}),
            "7200",
            id="Code Assist",
        ),
    ],
)
def test_hours_are_not_worth_a_repetition(payload: object, seconds: str) -> None:
    error = failure_from_answer(429, payload, now=NOW)
    assert error.headers == {"retry-after": seconds, "x-should-retry": "false"}


def test_hours_in_a_header_are_not_worth_a_repetition() -> None:
    error = failure_from_answer(429, "no", headers={"Retry-After": "7200"}, now=NOW)
    assert error.headers == {"retry-after": "7200", "x-should-retry": "false"}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(said("Please try again later."), id="no time"),
        pytest.param(said("You may try again in a few minutes"), id="no number"),
        pytest.param(said("Limit 30000, Used 29937"), id="other numbers"),
        pytest.param(said("try again in 5 models"), id="no unit"),
        pytest.param(said("resets at 2026-01-15T08:00:00Z"), id="a moment that is past"),
        pytest.param(said("x", retry_after=None, resets_at="soon"), id="no times"),
        pytest.param(said("x", retry_after=True), id="true"),
        pytest.param(said("x", details=[1, None, {"retryDelay": []}]), id="odd details"),
        pytest.param(said("x", metadata={"headers": ["a"]}), id="odd headers"),
        pytest.param(said("x", resets_in_seconds=1e40), id="absurd"),
        pytest.param(said("try again in " + "9" * 400 + "s"), id="an absurd number in words"),
    ],
)
def test_no_wait(payload: object) -> None:
    assert failure_from_answer(429, payload, now=NOW).headers == {}


def test_the_header_decides_before_the_body() -> None:
    error = failure_from_answer(429, said("try again in 9s"), headers={"retry-after": "2"}, now=NOW)
    assert error.headers == {"retry-after": "2"}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_only_failures_that_clients_repeat_state_a_wait(status: int) -> None:
    assert "retry-after" not in failure_from_answer(status, said("try again in 9s")).headers


def test_a_wait_in_a_200_or_a_stream() -> None:
    error = failure_from_chunk(said("Please try again in 7.66s", type="rate_limit_error"))
    assert (error.status, error.headers) == (429, {"retry-after": "8"})
