"""What an upstream's words mean, one row for each wording seen in the wild."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.complaints import Refusal, largest_output, refusal_of, supported_efforts

DETAIL = '{"detail":[{"type":"less_than_equal","loc":["body","max_tokens"],"msg":"Input should be less than or equal to 4096","input":32000,"ctx":{"le":4096}}]}'


def said(text: str, *, param: str | None = None, body: dict[str, Any] | None = None) -> Refusal:
    error = UpstreamError(text, status=400, upstream_status=400, param=param)
    return refusal_of(error, body or {}, error.text)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        pytest.param(
            "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, "
            "whereas you provided 32000.",
            16384,
            id="1.5 at most N completion tokens (OpenAI, Azure)",
        ),
        pytest.param(
            "This model supports at most 4096 completion tokens.",
            4096,
            id="1.5 at most N completion tokens, without the field's name",
        ),
        pytest.param(
            "Invalid 'max_tokens': integer above maximum value. Expected a value <= 16,384, but "
            "got 32000 instead.",
            16384,
            id="1.5 expected a value <= N (OpenAI)",
        ),
        pytest.param(
            "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
            8192,
            id="1.5 valid range of max_tokens is [1, N] (DeepSeek)",
        ),
        pytest.param(
            "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]",
            8192,
            id="1.5 range should be [1, N] (Qwen)",
        ),
        pytest.param("max_tokens 参数非法。取值范围[1,98304]", 98304, id="1.5 [1,N] (GLM)"),
        pytest.param(
            "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` "
            "is less than the `context_window` for this model",
            8192,
            id="1.5 less than or equal to N (Groq)",
        ),
        pytest.param(
            "`max_completion_tokens` must be less than or equal to `65536`",
            65536,
            id="1.5 the newer field name counts too",
        ),
        pytest.param(DETAIL, 4096, id="1.5 a validator's detail list (Mistral, vLLM)"),
        pytest.param(
            "The parameter `max_tokens` specified in the request are not valid: integer above "
            "maximum value, expected a value <= 12288, but got 32000 instead.",
            12288,
            id="1.5 not valid, expected <= N (Ark)",
        ),
        pytest.param(
            "Unable to submit request because it has a maxOutputTokens value of 32000 but the "
            "supported range is from 1 (inclusive) to 8193 (exclusive).",
            8192,
            id="1.5 an exclusive bound is one too many (Gemini)",
        ),
        pytest.param(
            "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for m",
            8192,
            id="1.5 which is the maximum allowed number of output tokens",
        ),
        pytest.param(
            "The maximum tokens you requested exceeds the model limit of 8192. Try again with a "
            "maximum tokens value that is lower than 8192.",
            8192,
            id="1.5 the model limit of N",
        ),
        pytest.param(
            "max_tokens (32000) is too large, the maximum allowed is 8192",
            8192,
            id="1.5 maximum allowed is N",
        ),
        pytest.param("max_tokens cannot exceed 4096", 4096, id="1.5 cannot exceed N"),
        pytest.param("max_tokens must be less than 4097", 4096, id="1.5 less than N"),
    ],
)
def test_largest_output(text: str, limit: int) -> None:
    assert largest_output(said(text)) == limit


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("max_tokens must be at least 16", id="a lower bound"),
        pytest.param("Invalid 'top_p': must be less than or equal to 1", id="another field"),
        pytest.param("At most 20 images may be provided", id="another limit"),
        pytest.param(
            "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 500 `inputs` tokens and "
            "32000 `max_new_tokens`",
            id="the window, not the output",
        ),
        pytest.param(
            "This model's maximum context length is 8192 tokens. However, you requested 33000 "
            "tokens (1000 in the messages, 32000 in the completion).",
            id="a context length",
        ),
        pytest.param(
            "max_tokens and the prompt share a context of at most 8192 tokens", id="a context"
        ),
        pytest.param("Requests with max_tokens > 4096 must have stream=true", id="a condition"),
    ],
)
def test_no_limit_of_the_output_is_stated(text: str) -> None:
    assert largest_output(said(text)) is None


@pytest.mark.parametrize(
    ("text", "efforts"),
    [
        pytest.param(
            "Invalid value: 'none'. Supported values are: 'low', 'medium', and 'high'.",
            ("low", "medium", "high"),
            id="a sentence of its own",
        ),
        pytest.param(
            "reasoning_effort: unknown variant `xhigh`, expected one of `high`, `low` at line 1",
            ("low", "high"),
            id="lowest first, whatever the order",
        ),
        pytest.param(
            "reasoning_effort must be one of: none, minimal, low, medium, high, xhigh, max",
            ("none", "minimal", "low", "medium", "high", "xhigh", "max"),
            id="every level",
        ),
        pytest.param(
            "Supported values are: 'medium'. Use a low temperature.",
            ("medium",),
            id="the next sentence does not count",
        ),
        pytest.param("reasoning_effort is not supported at high load", (), id="no list"),
    ],
)
def test_supported_efforts(text: str, efforts: tuple[str, ...]) -> None:
    assert supported_efforts(said(text)) == efforts


@pytest.mark.parametrize(
    ("text", "about"),
    [
        pytest.param("Unsupported parameter: 'stop' is not supported", True, id="both sides"),
        pytest.param("stop: Extra inputs are not permitted", True, id="a validator"),
        pytest.param("Stop is not currently supported", True, id="any case"),
        pytest.param("unknown field `stop`, expected `seed`", True, id="a deserializer"),
        pytest.param("Got unexpected keyword argument 'stop'", True, id="a function"),
        pytest.param("参数 stop 不支持", True, id="in Chinese"),
        pytest.param("'loc': ('body', 'stop'), 'msg': 'Extra inputs'", True, id="a path"),
        pytest.param("Invalid request: 'stop' is not allowed", True, id="a prefix"),
        pytest.param("stop", False, id="no complaint"),
        pytest.param("non-stop is not supported", False, id="part of a word"),
        pytest.param("invalid_request_error: stop", False, id="a kind of error"),
        pytest.param("stop_at is not supported", False, id="part of a name"),
        pytest.param("I cannot stop. This model is not supported", False, id="two sentences"),
        pytest.param('{"loc": "stop"}, {"msg": "not allowed"}', False, id="two objects"),
        pytest.param("stop" + " or so" * 20 + " is unknown", False, id="far apart"),
        pytest.param("properties.stop is not supported", False, id="a tool's own property"),
        pytest.param("('properties', 'stop'), 'Extra inputs'", False, id="its path"),
        pytest.param("bad turn; messages = [{stop is not supported", False, id="a quoted prompt"),
        pytest.param('{"msg":"bad","input":{stop is unknown', False, id="a quoted input"),
        pytest.param("bad turn: prompt: [stop is unknown", False, id="a prompt after a colon"),
        pytest.param("x" * 1000 + " stop is not supported", False, id="late in a long text"),
    ],
)
def test_complaint_about_an_item(text: str, about: bool) -> None:
    assert said(text).about("stop") is about


UNSUPPORTED = "stop is not supported"


@pytest.mark.parametrize(
    ("param", "text", "about"),
    [
        pytest.param("stop", "no", True, id="named"),
        pytest.param("stop[0]", "no", True, id="a part of it"),
        pytest.param("body.stop", "no", True, id="below the body"),
        pytest.param("seed", UNSUPPORTED, False, id="another field that was sent"),
        pytest.param("stops", UNSUPPORTED, True, id="not sent: ignored, the text decides"),
        pytest.param(
            "(request id: 42)", UNSUPPORTED, True, id="a gateway's note: the text decides"
        ),
    ],
)
def test_a_named_param_decides(param: str, text: str, about: bool) -> None:
    assert said(text, param=param, body={"stop": [], "seed": 1}).about("stop") is about
