"""docs/protocol.md section 5: an answer that a gateway quotes in the words of its own error."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from proxy.failures.classify import failure_from_answer, failure_from_chunk

FILTERED = "The response was filtered due to the prompt triggering the content management policy."
INNER = {"error": {"message": FILTERED, "type": None, "param": "prompt", "code": "content_filter"}}
BUSY: dict[str, Any] = {"error": {"message": "Engine is busy", "code": None, "done": False}}


def said(message: str, **members: object) -> dict[str, Any]:
    return {"error": {"message": message, **members}}


@pytest.mark.parametrize(
    ("message", "status", "words"),
    [
        pytest.param(f"Error code: 400 - {INNER}", 400, FILTERED, id="openai-python"),
        pytest.param(f"Error code: 400 - {json.dumps(INNER)}", 400, FILTERED, id="as JSON"),
        pytest.param(
            f"litellm.BadRequestError: AzureException - Error code: 400 - {INNER}",
            400,
            FILTERED,
            id="LiteLLM",
        ),
        pytest.param(f"Error code: 503 - {BUSY}", 529, "Engine is busy", id="None and False"),
        pytest.param(f"HTTP 429: {json.dumps(BUSY)}", 429, "Engine is busy", id="HTTP"),
        pytest.param(f"status_code=401, body={json.dumps(BUSY)}", 401, "Engine is busy", id="body"),
        pytest.param(f"API error: 404 {json.dumps(BUSY)}", 404, "Engine is busy", id="API error"),
        pytest.param(
            f"upstream returned status 504: {json.dumps(BUSY)} (request 7)",
            504,
            "Engine is busy",
            id="words behind it",
        ),
        pytest.param(
            "Request failed with status code 429",
            429,
            "Request failed with status code 429",
            id="axios",
        ),
        pytest.param(
            "bad response status code 413", 413, "bad response status code 413", id="new-api"
        ),
        pytest.param(
            "402 Client Error: Payment Required for url",
            402,
            "402 Client Error: Payment Required for url",
            id="requests",
        ),
        pytest.param(
            "Error code: 400 - {broken", 400, "Error code: 400 - {broken", id="half an object"
        ),
    ],
)
def test_a_status_in_words(message: str, status: int, words: str) -> None:
    error = failure_from_chunk(said(message))
    assert (error.status, error.message) == (status, words)


def test_an_overflow_that_is_quoted() -> None:
    inner = said("This model's maximum context length is 10 tokens. You requested 20 tokens.")
    error = failure_from_chunk(said(f"Error code: 400 - {inner}"))
    assert (error.status, error.message) == (400, "prompt is too long: 20 tokens > 10 maximum")


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        pytest.param(said("HTTP 400: no", type="rate_limit_error"), 429, id="a type goes first"),
        pytest.param(said("HTTP 400: no", code=503), 529, id="a number goes first"),
        pytest.param(said("You returned 500 tokens too many requests"), 429, id="a count"),
        pytest.param(said("The timeout is 404 ms"), 504, id="a time"),
        pytest.param(said("Model 405b overloaded"), 529, id="a name"),
    ],
)
def test_other_numbers_are_no_status(payload: dict[str, Any], status: int) -> None:
    assert failure_from_chunk(payload).status == status


def test_the_http_status_decides() -> None:
    error = failure_from_answer(500, said(f"Error code: 400 - {BUSY}"))
    assert (error.status, error.message) == (500, "Engine is busy")


def test_an_object_that_is_not_behind_a_status_is_not_read() -> None:
    text = f"Invalid message: {json.dumps(BUSY)}"
    assert failure_from_chunk(said(text)).message == text


@pytest.mark.parametrize(
    "text", ["{" * 60_000, "{'a':" * 20_000, "[" * 60_000 + "}", "-" * 60_000 + "}"]
)
def test_what_is_quoted_is_bounded(text: str) -> None:
    started = time.process_time()
    assert failure_from_chunk(said(f"Error code: 400 - {text}")).status == 400
    assert time.process_time() - started < 5
