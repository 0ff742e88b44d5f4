"""Each failure reaches the official client as the class that its users catch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import anthropic
import pytest
from anthropic.types import MessageParam

from proxy.api.refused_key import OWN_KEY
from tests.live import LiveProxy
from tests.sdk.clients import UPSTREAM_KEY, sdk_client
from tests.upstream_stub import (
    Close,
    UpstreamStub,
    answer,
    chunk,
    completion,
    json_answer,
    sse,
)

MODEL = "claude-opus-4-8"
HELLO: list[MessageParam] = [{"role": "user", "content": "hello"}]
NOT_AGAIN = {"x-should-retry": "false"}
LATER = {"retry-after": "7"}


def ask(client: anthropic.Anthropic, *, stream: bool) -> None:
    if stream:
        with client.messages.stream(model=MODEL, max_tokens=9, messages=HELLO) as running:
            running.until_done()
    else:
        client.messages.create(model=MODEL, max_tokens=9, messages=HELLO)


def failure(message: str = "no luck", **fields: object) -> dict[str, Any]:
    return {"error": {"message": message, "type": "some_error", "param": None, **fields}}


def raised(
    client: anthropic.Anthropic, kind: type[anthropic.APIStatusError], *, stream: bool
) -> anthropic.APIStatusError:
    with pytest.raises(anthropic.APIStatusError) as caught:
        ask(client, stream=stream)
    assert type(caught.value) is kind
    return caught.value


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "client_status", "error_type", "expected_headers"),
    [
        pytest.param(
            400,
            failure(),
            {},
            anthropic.BadRequestError,
            400,
            "invalid_request_error",
            {},
            id="400",
        ),
        pytest.param(
            401,
            failure(),
            {},
            anthropic.AuthenticationError,
            401,
            "authentication_error",
            NOT_AGAIN,
            id="401",
        ),
        pytest.param(
            402,
            failure(),
            {},
            anthropic.PaymentRequiredError,
            402,
            "billing_error",
            NOT_AGAIN,
            id="402",
        ),
        pytest.param(
            429,
            failure(code="insufficient_quota"),
            {},
            anthropic.PaymentRequiredError,
            402,
            "billing_error",
            NOT_AGAIN,
            id="quota gone",
        ),
        pytest.param(
            403,
            failure(),
            {},
            anthropic.PermissionDeniedError,
            403,
            "permission_error",
            NOT_AGAIN,
            id="403",
        ),
        pytest.param(
            404, failure(), {}, anthropic.NotFoundError, 404, "not_found_error", {}, id="404"
        ),
        pytest.param(
            409, failure(), {}, anthropic.ConflictError, 409, "conflict_error", {}, id="409"
        ),
        pytest.param(
            413,
            failure(),
            {},
            anthropic.ContentTooLargeError,
            413,
            "request_too_large",
            {},
            id="413",
        ),
        pytest.param(
            429,
            failure(),
            LATER,
            anthropic.RateLimitError,
            429,
            "rate_limit_error",
            LATER,
            id="429 with retry-after",
        ),
        pytest.param(
            500, failure(), {}, anthropic.InternalServerError, 500, "api_error", {}, id="500"
        ),
        pytest.param(
            502,
            b"<html><body>Bad gateway</body></html>",
            {"Content-Type": "text/html"},
            anthropic.InternalServerError,
            502,
            "api_error",
            {},
            id="502 as HTML",
        ),
        pytest.param(
            503,
            failure(),
            LATER,
            anthropic.OverloadedError,
            529,
            "overloaded_error",
            LATER,
            id="503",
        ),
        pytest.param(
            504, failure(), {}, anthropic.GatewayTimeoutError, 504, "timeout_error", {}, id="504"
        ),
        pytest.param(
            529, failure(), {}, anthropic.OverloadedError, 529, "overloaded_error", {}, id="529"
        ),
        pytest.param(
            200,
            failure(code=429),
            {},
            anthropic.RateLimitError,
            429,
            "rate_limit_error",
            {},
            id="error inside a 200",
        ),
        pytest.param(
            302,
            b"",
            {"location": "http://127.0.0.1:9/"},
            anthropic.InternalServerError,
            502,
            "api_error",
            NOT_AGAIN,
            id="redirect",
        ),
    ],
)
def test_upstream_failures(
    stream: bool,
    status: int,
    body: object,
    headers: Mapping[str, str],
    kind: type[anthropic.APIStatusError],
    client_status: int,
    error_type: str,
    expected_headers: Mapping[str, str],
    client: anthropic.Anthropic,
    upstream: UpstreamStub,
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    upstream.default = answer(data, status=status, headers=headers)
    error = raised(client, kind, stream=stream)
    assert error.status_code == client_status
    told = error.body
    assert isinstance(told, dict)
    assert (told["type"], told["error"]["type"]) == ("error", error_type)
    assert error.request_id is not None
    assert error.request_id.startswith("req_")
    assert told["request_id"] == error.request_id
    if isinstance(body, dict):
        own_key = f". {OWN_KEY.format(place='OPENAI_API_KEY')}" if status == 401 else ""
        assert told["error"]["message"] == f"no luck{own_key}"
    assert "<html" not in told["error"]["message"]
    assert {n: error.response.headers.get(n) for n in expected_headers} == expected_headers


def test_a_wrong_key_asks_nobody(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion("never"))
    with sdk_client(proxy, "wrong") as client:
        error = raised(client, anthropic.AuthenticationError, stream=False)
    assert error.response.headers["x-should-retry"] == "false"
    assert upstream.requests == []


def test_no_key_of_the_servers_in_an_error(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.default = json_answer(failure(f"Incorrect API key provided: {UPSTREAM_KEY}"), 401)
    error = raised(client, anthropic.AuthenticationError, stream=False)
    assert UPSTREAM_KEY not in error.response.text
    assert "canary" not in error.response.text


def test_own_validation(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    with pytest.raises(anthropic.BadRequestError, match="messages: at least one message"):
        client.messages.create(model=MODEL, max_tokens=9, messages=[])
    assert upstream.requests == []


def test_an_error_in_the_first_chunk_is_a_plain_error(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.default = sse(failure("busy", code=503))
    error = raised(client, anthropic.OverloadedError, stream=True)
    assert error.response.headers["content-type"] == "application/json"


def test_an_error_in_mid_stream_is_raised_after_the_text(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.default = sse(chunk(content="so far"), failure("it broke", type="server_error"))
    texts: list[str] = []
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(model=MODEL, max_tokens=9, messages=HELLO) as stream,
    ):
        texts.extend(stream.text_stream)
    assert texts == ["so far"]
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"] == {"type": "api_error", "message": "it broke"}


def test_a_stream_that_ends_early_is_an_error(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.default = sse(chunk(content="half of a"), Close())
    with pytest.raises(anthropic.APIStatusError) as caught:
        ask(client, stream=True)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"] == {
        "type": "api_error",
        "message": "upstream closed the stream before it finished",
    }
