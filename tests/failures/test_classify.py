"""docs/protocol.md section 5, row by row: what an upstream says and what the client gets."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TYPE_FOR_STATUS, UpstreamError
from proxy.failures.classify import (
    CONTEXT_OVERFLOW,
    INSUFFICIENT_QUOTA,
    MODEL_NOT_FOUND,
    OUTPUT_LIMIT_REACHED,
    failure_from_answer,
    failure_from_chunk,
)
from proxy.redaction import mask_secrets

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z."""


def openai_error(message: str = "no", **fields: object) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize(
    ("status", "client", "kind"),
    [
        pytest.param(400, 400, "invalid_request_error", id="5 400"),
        pytest.param(422, 400, "invalid_request_error", id="5 422 is 400"),
        pytest.param(405, 400, "invalid_request_error", id="5 405 of the upstream is 400"),
        pytest.param(415, 400, "invalid_request_error", id="5 415 of the upstream is 400"),
        pytest.param(451, 400, "invalid_request_error", id="5 other 4xx is 400"),
        pytest.param(401, 401, "authentication_error", id="5 401"),
        pytest.param(402, 402, "billing_error", id="5 402"),
        pytest.param(403, 403, "permission_error", id="5 403"),
        pytest.param(404, 404, "not_found_error", id="5 404"),
        pytest.param(408, 504, "timeout_error", id="5 408 is 504"),
        pytest.param(504, 504, "timeout_error", id="5 504"),
        pytest.param(409, 409, "conflict_error", id="5 409"),
        pytest.param(413, 413, "request_too_large", id="5 413"),
        pytest.param(429, 429, "rate_limit_error", id="5 429"),
        pytest.param(500, 500, "api_error", id="5 500"),
        pytest.param(501, 500, "api_error", id="5 other 5xx is 500"),
        pytest.param(522, 500, "api_error", id="5 522 is 500"),
        pytest.param(502, 502, "api_error", id="5 502"),
        pytest.param(503, 529, "overloaded_error", id="5 503 is 529"),
        pytest.param(529, 529, "overloaded_error", id="5 529"),
        pytest.param(304, 502, "api_error", id="5 a redirect is 502"),
        pytest.param(101, 502, "api_error", id="5 no status of an error"),
    ],
)
def test_status(status: int, client: int, kind: str) -> None:
    error = failure_from_answer(status, openai_error("no"))
    assert (error.status, error.type, error.message) == (client, kind, "no")
    assert error.upstream_status == status


def test_11_a_500_that_says_overloaded_stays_a_500() -> None:
    assert (
        failure_from_answer(500, openai_error("overloaded", type="overloaded_error")).status == 500
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param({"code": 429}, 429, id="5 numeric code"),
        pytest.param({"code": "503"}, 529, id="5 numeric code as text"),
        pytest.param({"status": 401, "code": "bad"}, 401, id="5 numeric status"),
        pytest.param(
            {"code": 500, "message": "overloaded"}, 500, id="5 a number goes before words"
        ),
        pytest.param({"type": "overloaded_error"}, 529, id="5 overloaded"),
        pytest.param({"code": "insufficient_system_resource"}, 529, id="5 no resources"),
        pytest.param({"status": "UNAVAILABLE"}, 529, id="5 UNAVAILABLE"),
        pytest.param({"message": "Model is at capacity"}, 529, id="5 capacity"),
        pytest.param({"type": "rate_limit_error"}, 429, id="5 rate limit"),
        pytest.param({"status": "RESOURCE_EXHAUSTED"}, 429, id="5 RESOURCE_EXHAUSTED"),
        pytest.param({"message": "Rate limit reached"}, 429, id="5 rate limit in words"),
        pytest.param({"type": "insufficient_quota"}, 402, id="5 quota"),
        pytest.param({"message": "Insufficient Balance"}, 402, id="5 balance in words"),
        pytest.param({"code": "invalid_api_key"}, 401, id="5 key"),
        pytest.param({"type": "authentication_error"}, 401, id="5 authentication"),
        pytest.param({"type": "permission_error"}, 403, id="5 permission"),
        pytest.param({"type": "not_found_error"}, 404, id="5 not found"),
        pytest.param({"type": "timeout_error"}, 504, id="5 timeout"),
        pytest.param({"message": "Request timed out."}, 504, id="5 timeout in words"),
        pytest.param({"type": "request_too_large"}, 413, id="5 too large"),
        pytest.param({"type": "conflict_error"}, 409, id="5 conflict"),
        pytest.param({"type": "invalid_request_error"}, 400, id="5 invalid request"),
        pytest.param({"status": "INVALID_ARGUMENT"}, 400, id="5 INVALID_ARGUMENT"),
        pytest.param(
            {"type": "server_error", "message": "overloaded"}, 529, id="5 words of a message"
        ),
        pytest.param({"type": "server_error"}, 500, id="5 server error"),
        pytest.param({"code": 7}, 500, id="5 a number that is no status"),
        pytest.param({"code": True}, 500, id="5 true is no number"),
        pytest.param({}, 500, id="5 nothing said"),
    ],
)
def test_status_without_an_answer(error: dict[str, Any], status: int) -> None:
    failure = failure_from_chunk({"error": error})
    assert failure.status == status
    assert failure.upstream_status is None
    assert failure.type == TYPE_FOR_STATUS[status]


HTML = "<!DOCTYPE html>\n<html><head><title>api.test |\n 522: Connection timed out</title>"
OPENROUTER = {
    "error": {
        "message": "Provider returned error",
        "code": 429,
        "metadata": {
            "raw": json.dumps({"error": {"message": "Too many requests", "code": "rate"}}),
            "provider_name": "X",
        },
    }
}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(openai_error("Bad thing"), "Bad thing", id="5 error.message"),
        pytest.param({"error": "Bad thing"}, "Bad thing", id="5 error as text"),
        pytest.param({"detail": "Bad thing"}, "Bad thing", id="5 detail"),
        pytest.param({"message": "Bad thing"}, "Bad thing", id="5 message"),
        pytest.param(
            {"message": "outer", "error": {"message": "inner"}}, "inner", id="5 error first"
        ),
        pytest.param(
            {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "x"}]},
            "body.messages.0: field required",
            id="5 FastAPI's list",
        ),
        pytest.param({"detail": {"error": {"message": "Bad"}}}, "Bad", id="5 detail as object"),
        pytest.param([openai_error("Bad")], "Bad", id="5 Gemini's list of one"),
        pytest.param({"errors": [{"message": "Bad"}]}, "Bad", id="5 errors"),
        pytest.param(
            {"object": "error", "message": "Bad", "type": "BadRequestError", "code": 400},
            "Bad",
            id="5 the error is the body",
        ),
        pytest.param(OPENROUTER, "Too many requests", id="edge 101 OpenRouter's raw"),
        pytest.param(
            {"error": {"message": "outer", "metadata": {"raw": "plain words"}}},
            "plain words",
            id="edge 101 raw text",
        ),
        pytest.param(
            {"error": {"message": "outer", "metadata": {"raw": ""}}},
            "outer",
            id="edge 101 empty raw",
        ),
        pytest.param(
            openai_error(json.dumps(openai_error("inner"))),
            "inner",
            id="edge 101 JSON in a message",
        ),
        pytest.param(json.dumps(openai_error("Bad")), "Bad", id="5 JSON text"),
        pytest.param(json.dumps(openai_error("Bad")).encode(), "Bad", id="5 JSON bytes"),
        pytest.param("Service gone\r\n away", "Service gone away", id="5 plain text, one line"),
        pytest.param("x" * 9999, "x" * 4000, id="5 long text is cut"),
        pytest.param(
            HTML,
            "the upstream answered 500 with a web page: api.test | 522: Connection timed out",
            id="edge 100 HTML title",
        ),
        pytest.param(
            b"<html><script>var a = 1</script><body><h1>Not &amp; found</h1>nginx</body></html>",
            "the upstream answered 500 with a web page: Not & found",
            id="edge 100 HTML heading",
        ),
        pytest.param(
            "<html><style>p {}</style><p>Gateway\n broken</p></html>",
            "the upstream answered 500 with a web page: Gateway broken",
            id="edge 100 HTML text",
        ),
        pytest.param(
            "<html></html>",
            "the upstream answered 500 with a web page: without a title",
            id="edge 100 empty page",
        ),
        pytest.param("", "the upstream answered 500 without a reason", id="edge 100 empty body"),
        pytest.param(None, "the upstream answered 500 without a reason", id="5 null"),
        pytest.param({}, "the upstream answered 500 without a reason", id="5 empty object"),
        pytest.param({"a": 1, "b": [2]}, '{"a":1,"b":[2]}', id="5 no message: the body"),
        pytest.param({"a": "x" * 999}, '{"a":"' + "x" * 494, id="5 no message: 500 characters"),
        pytest.param(
            {"a": 1 << 70}, "the upstream answered 500 without a reason", id="5 no JSON after all"
        ),
        pytest.param({"error": {"message": 7}}, '{"error":{"message":7}}', id="5 message no text"),
        pytest.param('{"error": {"mess', '{"error": {"mess', id="5 half a JSON"),
        pytest.param(b"\xff\xfe", "\ufffd\ufffd", id="5 not text"),
    ],
)
def test_message(payload: object, message: str) -> None:
    assert failure_from_answer(500, payload).message == message


def test_5_nothing_said_in_a_stream() -> None:
    message = failure_from_chunk({"error": {}}).message
    assert message == '{"error":{}}'
    assert failure_from_chunk({}).message == "the upstream reported an error without a reason"


def test_edge_99_an_anthropic_error_keeps_its_words() -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    error = failure_from_answer(529, body)
    assert error.to_error() == {"type": "overloaded_error", "message": "Overloaded"}
    assert failure_from_chunk(body).to_error() == error.to_error()


def test_facts_for_healing() -> None:
    text = "Unsupported parameter: 'temperature'"
    body = openai_error(text, type="invalid_request_error", param="temperature", code="unsupported")
    error = failure_from_answer(400, body)
    assert (error.code, error.param, error.text) == ("unsupported", "temperature", text)
    plain = failure_from_answer(400, openai_error("x", code=400, param=None))
    assert (plain.code, plain.param) == (None, None)


WINDOW = "This model's maximum context length is"
PROMPT_TOO_LONG = [
    pytest.param(
        f"{WINDOW} 128000 tokens. However, your messages resulted in 130001 tokens (130000 in the"
        " messages, 1 in the functions). Please reduce the length of the messages or functions.",
        (130001, 128000),
        id="edge 96 OpenAI",
    ),
    pytest.param(
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000"
        " tokens. Please reduce the length of the messages.",
        (300000, 272000),
        id="edge 96 OpenAI gpt-5",
    ),
    pytest.param(
        f"{WINDOW} 4096 tokens. However, you requested 5000 tokens in the messages, Please reduce the"
        " length of the messages.",
        (5000, 4096),
        id="edge 96 vLLM",
    ),
    pytest.param(
        f"{WINDOW} 262144 tokens. However, you requested 0 output tokens and your prompt contains at"
        " least 262145 input tokens, for a total of at least 262145 tokens. Please reduce the length"
        " of the input prompt or the number of requested output tokens.",
        (262145, 262144),
        id="edge 96 vLLM 0.10",
    ),
    pytest.param(
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure"
        " that `max_model_len` is no smaller than the number of text tokens.",
        (5000, 4096),
        id="edge 96 vLLM decoder prompt",
    ),
    pytest.param(
        "You passed 40000 input tokens and requested 1 output tokens. However, the model's context"
        " length is only 32768 tokens, resulting in a maximum input length of 32767 tokens.",
        (40000, 32768),
        id="edge 96 vLLM you passed",
    ),
    pytest.param(
        "The input (210000 tokens) is longer than the model's context length (200000 tokens).",
        (210000, 200000),
        id="edge 96 SGLang",
    ),
    pytest.param(
        f"{WINDOW} 65536 tokens. However, you requested 80000 tokens (72000 in the messages, 8000 in"
        " the completion). Please reduce the length of the messages or completion.",
        (72000, 65536),
        id="edge 96 DeepSeek",
    ),
    pytest.param(
        "Invalid request: Your request exceeded model token limit: 262144 (requested: 291351)",
        (291351, 262144),
        id="edge 96 Kimi",
    ),
    pytest.param(
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum"
        " context length",
        (40000, 32768),
        id="edge 96 Mistral",
    ),
    pytest.param(
        "The input token count (1196265) exceeds the maximum number of tokens allowed (1048576).",
        (1196265, 1048576),
        id="edge 96 Gemini",
    ),
    pytest.param(
        "Unable to submit request because the input token count is 32825 but model only supports up"
        " to 32768.",
        (32825, 32768),
        id="edge 96 Vertex",
    ),
    pytest.param(
        "Trying to keep the first 5234 tokens when context the overflows. However, the model is loaded"
        " with context length of only 4096 tokens, which is not enough.",
        (5234, 4096),
        id="edge 96 LM Studio",
    ),
    pytest.param(
        "This endpoint's maximum context length is 256000 tokens. However, you requested about 424983"
        " tokens (358454 of text input, 56529 of tool input, 10000 in the output). Please reduce the"
        " length of either one.",
        (414983, 256000),
        id="edge 96 OpenRouter",
    ),
    pytest.param(
        "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
        (5000, 4096),
        id="edge 96 llama.cpp in words",
    ),
    pytest.param(
        f"{WINDOW} 131,072 tokens. However, you requested 537,812 tokens.",
        (537812, 131072),
        id="edge 96 thousands separators",
    ),
    pytest.param(
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        (537812, 131072),
        id="edge 96 xAI",
    ),
    pytest.param(
        "prompt token count of 145000 exceeds the limit of 128000",
        (145000, 128000),
        id="edge 96 Copilot",
    ),
    pytest.param(
        "Input length 877338 exceeds the maximum allowed input length of 639968 tokens",
        (877338, 639968),
        id="edge 96 GLM through a gateway",
    ),
    pytest.param(
        "Input length (265330) exceeds model's maximum context length (262144).",
        (265330, 262144),
        id="edge 96 numbers in brackets",
    ),
    pytest.param(
        "Please reduce the length of the messages or completion. Current length is 9000 while limit"
        " is 8192",
        (9000, 8192),
        id="edge 96 Cerebras",
    ),
]


@pytest.mark.parametrize(("text", "numbers"), PROMPT_TOO_LONG)
def test_prompt_too_long(text: str, numbers: tuple[int, int]) -> None:
    tokens, maximum = numbers
    error = failure_from_answer(400, openai_error(text, type="invalid_request_error"))
    assert error.message == f"prompt is too long: {tokens} tokens > {maximum} maximum"
    assert (error.status, error.type) == (400, "invalid_request_error")
    assert (error.code, error.text) == (CONTEXT_OVERFLOW, text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param(
            f"{WINDOW} 4097 tokens. However, you requested 4500 tokens (500 in the messages, 4000 in the"
            " completion). Please reduce the length of the messages or completion.",
            (500, 4000, 4097),
            id="10.6 OpenAI and DeepSeek",
        ),
        pytest.param(
            f"{WINDOW} 8000 tokens. However, you requested 8600 tokens (500 in the messages, 100 in the"
            " functions, and 8000 in the completion).",
            (600, 8000, 8000),
            id="10.6 functions count as prompt",
        ),
        pytest.param(
            "'max_tokens' or 'max_completion_tokens' is too large: 64000. This model's maximum context"
            " length is 32768 tokens and your request has 10000 input tokens (64000 > 32768 - 10000).",
            (10000, 64000, 32768),
            id="10.6 vLLM",
        ),
        pytest.param(
            "You passed 67073 input tokens and requested 64000 output tokens. However, the model's"
            " context length is only 131072 tokens, resulting in a maximum input length of 67072.",
            (67073, 64000, 131072),
            id="10.6 vLLM you passed",
        ),
        pytest.param(
            "Requested token count exceeds the model's maximum context length of 64000 tokens. You"
            " requested a total of 71897 tokens: 7897 tokens from the input messages and 64000 tokens"
            " for the completion.",
            (7897, 64000, 64000),
            id="10.6 SGLang",
        ),
        pytest.param(
            "This endpoint's maximum context length is 131072 tokens. However, you requested about"
            " 139521 tokens (121021 of text input, 18500 in the output).",
            (121021, 18500, 131072),
            id="10.6 OpenRouter",
        ),
        pytest.param(
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000"
            " `inputs` tokens and 512 `max_new_tokens`",
            (4000, 512, 4096),
            id="10.6 TGI",
        ),
    ],
)
def test_10_6_max_tokens_cause_the_overflow(text: str, numbers: tuple[int, int, int]) -> None:
    prompt, output, window = numbers
    error = failure_from_answer(400, openai_error(text))
    assert error.message == (
        f"input length and `max_tokens` exceed context limit: {prompt} + {output} > {window},"
        " decrease input length or `max_tokens` and try again"
    )
    assert (error.status, error.code) == (400, CONTEXT_OVERFLOW)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Your input exceeds the context window of this model.", id="edge 96 OpenAI"),
        pytest.param(
            "InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
            id="edge 96 Qwen",
        ),
        pytest.param("Your request exceeded model token limit: 8192", id="edge 96 Kimi"),
        pytest.param("Please reduce the length of the messages or completion.", id="edge 96 Groq"),
        pytest.param(
            "prompt too long; exceeded max context length by 99 tokens", id="edge 96 Ollama"
        ),
        pytest.param("the input length exceeds the context length", id="edge 96 Ollama input"),
        pytest.param(
            "The number of tokens to keep from the initial prompt is greater than the context length.",
            id="edge 96 LM Studio",
        ),
        pytest.param("invalid params, context window exceeds limit", id="edge 96 MiniMax"),
        pytest.param("Input is too long for requested model.", id="edge 96 Bedrock"),
        pytest.param("too many tokens in the request", id="5 too many tokens"),
        pytest.param("Prompt 超长", id="edge 96 GLM"),
        pytest.param(
            f"{WINDOW} {'9' * 5000} tokens, you requested {'9' * 5000} tokens",
            id="edge 96 absurd numbers",
        ),
    ],
)
def test_5_overflow_without_numbers_keeps_the_upstreams_words(text: str) -> None:
    error = failure_from_answer(400, openai_error(text))
    assert error.message == f"prompt is too long: {text}"[:4020]
    assert (error.status, error.code) == (400, CONTEXT_OVERFLOW)


@pytest.mark.parametrize(
    "text",
    [
        "prompt is too long: 213462 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 1 + 2 > 2, decrease input length",
    ],
)
def test_edge_96_anthropics_own_words_pass(text: str) -> None:
    assert failure_from_answer(400, openai_error(text)).message == text


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        pytest.param(
            400,
            {
                "code": 400,
                "type": "exceed_context_size_error",
                "message": "the request exceeds the available context size",
                "n_prompt_tokens": 5000,
                "n_ctx": 4096,
            },
            "prompt is too long: 5000 tokens > 4096 maximum",
            id="edge 96 llama.cpp numbers",
        ),
        pytest.param(
            400,
            {"code": "context_length_exceeded", "message": "No."},
            "prompt is too long: No.",
            id="edge 96 the code alone",
        ),
        pytest.param(
            400,
            {"code": "1261", "message": "Prompt exceeds max length"},
            "prompt is too long: Prompt exceeds max length",
            id="edge 96 GLM's number",
        ),
        pytest.param(
            413,
            {"message": f"{WINDOW} 10 tokens. However, you requested 20 tokens."},
            "prompt is too long: 20 tokens > 10 maximum",
            id="5 413 meaning overflow",
        ),
        pytest.param(
            422,
            {"message": f"{WINDOW} 10 tokens. However, you requested 20 tokens."},
            "prompt is too long: 20 tokens > 10 maximum",
            id="5 422 meaning overflow",
        ),
    ],
)
def test_5_other_overflows(status: int, error: dict[str, Any], message: str) -> None:
    failure = failure_from_answer(status, {"error": error})
    assert (failure.status, failure.message) == (400, message)


def test_10_6_numbers_that_contradict_themselves_are_not_repeated() -> None:
    text = (
        f"{WINDOW} 10000 tokens. However, you requested 5000 tokens (3000 in the messages, 2000 in"
    )
    error = failure_from_answer(400, openai_error(text + " the completion)."))
    assert error.message == f"prompt is too long: {text} the completion)."


def test_5_a_rate_limit_in_a_stream_is_no_overflow() -> None:
    error = failure_from_chunk(openai_error("too many tokens in the queue", code=429))
    assert (error.status, error.message) == (429, "too many tokens in the queue")


def test_5_overflow_in_a_stream() -> None:
    text = f"{WINDOW} 10 tokens. However, you requested 20 tokens."
    error = failure_from_chunk(openai_error(text))
    assert (error.status, error.message) == (400, "prompt is too long: 20 tokens > 10 maximum")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(429, "Too many tokens, please wait before trying again.", id="throttled"),
        pytest.param(400, "Rate limit: too many tokens per minute", id="rate in a 400"),
        pytest.param(413, "Request Entity Too Large", id="a body too large"),
        pytest.param(500, f"{WINDOW} 10 tokens, you requested 20 tokens", id="a 500 stays a 500"),
        pytest.param(
            400,
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
            id="an output limit is for healing",
        ),
        pytest.param(400, "Range of max_tokens should be [1, 8192]", id="Qwen's output limit"),
        pytest.param(
            400,
            "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
            id="DeepSeek's",
        ),
    ],
)
def test_5_no_overflow(status: int, text: str) -> None:
    error = failure_from_answer(status, openai_error(text))
    assert error.message == text
    assert error.code is None
    assert error.upstream_status == status == error.status


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(429, {"code": "insufficient_quota"}, id="5 429 code insufficient_quota"),
        pytest.param(429, {"type": "insufficient_quota"}, id="5 429 type insufficient_quota"),
        pytest.param(429, {"type": "exceeded_current_quota_error"}, id="edge 105 Kimi"),
        pytest.param(429, {"code": "1113"}, id="edge 105 GLM"),
        pytest.param(402, {"message": "Insufficient Balance"}, id="edge 105 DeepSeek"),
    ],
)
def test_insufficient_quota(status: int, error: dict[str, Any]) -> None:
    failure = failure_from_answer(status, {"error": error}, headers={"Retry-After": "3"})
    assert (failure.status, failure.type) == (402, "billing_error")
    assert failure.code == INSUFFICIENT_QUOTA
    assert failure.headers["x-should-retry"] == "false"


def test_edge_105_a_rate_limit_is_no_quota() -> None:
    error = failure_from_answer(429, openai_error("slow down", code="rate_limit_exceeded"))
    assert (error.status, error.headers) == (429, {})


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        pytest.param(
            404,
            openai_error("The model `x` does not exist or you do not have access."),
            id="OpenAI",
        ),
        pytest.param(404, openai_error("no", code="model_not_found"), id="the code alone"),
        pytest.param(404, {"error": 'model "x" not found, try pulling it first'}, id="Ollama"),
        pytest.param(400, openai_error("x is not a valid model ID"), id="OpenRouter"),
        pytest.param(400, openai_error("Model Not Exist"), id="DeepSeek"),
        pytest.param(400, {"message": "Invalid model: gpt-4.1"}, id="Mistral"),
        pytest.param(400, openai_error("模型不存在", code="1211"), id="GLM"),
        pytest.param(404, openai_error("Not found the model x or Permission denied"), id="Kimi"),
        pytest.param(404, [openai_error("models/x is not found for API version v1")], id="Gemini"),
        pytest.param(
            404,
            openai_error("The API deployment does not exist.", code="DeploymentNotFound"),
            id="Azure",
        ),
    ],
)
def test_edge_106_model_not_found(status: int, payload: object) -> None:
    error = failure_from_answer(status, payload, model="gpt-x.1")
    assert (error.status, error.type, error.message) == (404, "not_found_error", "model: gpt-x.1")
    assert error.code == MODEL_NOT_FOUND
    assert "gpt-x.1" not in error.text
    unnamed = failure_from_answer(status, payload)
    assert unnamed.message == error.text


@pytest.mark.parametrize(
    ("status", "payload", "message"),
    [
        pytest.param(404, {"detail": "Not Found"}, "Not Found", id="5 an unknown path"),
        pytest.param(
            404,
            openai_error("No endpoints found that support image input"),
            "No endpoints found that support image input",
            id="5 nobody takes images",
        ),
        pytest.param(
            400,
            openai_error("registry.ollama.ai/x does not support tools"),
            "registry.ollama.ai/x does not support tools",
            id="5 a model without tools",
        ),
    ],
)
def test_5_not_about_the_model(status: int, payload: object, message: str) -> None:
    error = failure_from_answer(status, payload, model="x")
    assert (error.status, error.message) == (status, message)


def test_edge_35_output_limit_reached() -> None:
    text = (
        "Could not finish the message because max_tokens or model output limit was reached. Please"
        " try again with higher max_tokens."
    )
    error = failure_from_answer(400, openai_error(text, type="invalid_request_error"))
    assert (error.status, error.code) == (400, OUTPUT_LIMIT_REACHED)
    assert failure_from_answer(500, openai_error(text)).code is None


def test_edge_148_groqs_failed_generation_is_shown() -> None:
    failed = '<function=get_weather{"city":\n"Rome"}</function>'
    body = openai_error(
        "Failed to call a function.", code="tool_use_failed", failed_generation=failed
    )
    error = failure_from_answer(400, body)
    assert error.code == "tool_use_failed"
    assert error.message == (
        'Failed to call a function. The model wrote: <function=get_weather{"city": "Rome"}</function>'
    )
    assert error.text == "Failed to call a function."


def test_edge_151_vllm_without_a_tool_parser() -> None:
    text = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    error = failure_from_answer(400, openai_error(text))
    assert error.message == f"{text} (tools need a vLLM server that was started with these options)"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        pytest.param(401, "false", id="5 401"),
        pytest.param(402, "false", id="5 402"),
        pytest.param(403, "false", id="5 403"),
        pytest.param(404, None, id="5 404 of the upstream"),
        pytest.param(400, None, id="5 400"),
        pytest.param(429, None, id="5 429"),
        pytest.param(500, None, id="5 500"),
        pytest.param(529, None, id="5 529"),
    ],
)
def test_x_should_retry(status: int, verdict: str | None) -> None:
    assert failure_from_answer(status, "no").headers.get("x-should-retry") == verdict
    upstreams = {"X-Should-Retry": "true"}
    headers = failure_from_answer(status, "no", headers=upstreams, now=NOW).headers
    assert headers == {"x-should-retry": "true"}


def test_5_the_headers_of_a_refusal() -> None:
    answered = {"Retry-After": "7", "x-request-id": "abc", "Set-Cookie": "sid=1"}
    error = failure_from_answer(429, "no", headers=answered, now=NOW)
    assert error.headers == {"retry-after": "7", "x-upstream-request-id": "abc"}


def test_edge_109_no_key_in_an_error() -> None:
    body = openai_error("Incorrect API key provided: sk-live-1234. Also local-key.")
    error = failure_from_answer(401, body, secrets=["local-key"])
    assert error.message == error.text == "Incorrect API key provided: ***. Also ***."
    in_stream = failure_from_chunk(body, secrets=["local-key"])
    assert in_stream.message == error.message


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["error", "message", "detail", "code", "status", "type", "metadata", "raw", "param",
             "errors", "loc", "msg", "n_ctx", "n_prompt_tokens", "failed_generation"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


def well_formed(error: UpstreamError) -> bool:
    return (
        error.type in TYPE_FOR_STATUS.values()
        and TYPE_FOR_STATUS[error.status] == error.type
        and 0 < len(error.message) <= 6000
        and "\n" not in error.message
    )


@given(st.integers(100, 599), json_values | st.text() | st.binary(), st.text(max_size=5))
def test_5_whatever_an_upstream_says_is_an_error(status: int, payload: object, model: str) -> None:
    assert well_formed(failure_from_answer(status, payload, model=model))
    if isinstance(payload, dict):
        assert well_formed(failure_from_chunk(payload, model=model))


def lists(depth: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"error": {"message": lists(1000)}}, "the upstream answered 400 without a reason"),
        (lists(1000), "the upstream answered 400 without a reason"),
        ({"detail": [{"loc": ["body", lists(1000)], "msg": "no"}]}, "body: no"),
    ],
    ids=["5 a message of lists", "5 lists", "5 a place of lists"],
)
def test_nesting_is_followed_only_so_far(payload: object, message: str) -> None:
    assert failure_from_answer(400, payload).message == message


@pytest.mark.parametrize(
    "text",
    [
        "a" * 500_000,
        "model " * 90_000,
        "sk-" * 200_000,
        "x*" * 200_000,
        "://" * 200_000,
        "<p " * 200_000,
    ],
)
def test_long_texts_take_linear_time(text: str) -> None:
    started = time.process_time()
    mask_secrets(text)
    failure_from_answer(400, openai_error(text))
    failure_from_answer(400, text)
    # Quadratic time would be minutes.
    assert time.process_time() - started < 10
