"""Rate limits as a client meets them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config.registry.values import Provider, Registry
from proxy.api.context import EXTENSION
from tests.api.conftest import KEY, Connect, message_request
from tests.api.test_admission import Unread
from tests.upstream_stub import (
    Close,
    Reset,
    UpstreamStub,
    answer,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
    usage_chunk,
)

RESET = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
FAMILY = "anthropic-ratelimit-"


def ask(client: FlaskClient, key: str = "client-key", **fields: Any) -> TestResponse:
    """One message, read to its end."""
    response = client.post(
        "/v1/messages", json=message_request(**fields), headers={"x-api-key": key}
    )
    assert response.data
    response.close()
    return response


def left(response: TestResponse, name: str = "requests") -> str | None:
    return response.headers.get(f"{FAMILY}{name}-remaining")


def error_of(response: TestResponse) -> dict[str, str]:
    assert response.json is not None
    error: dict[str, str] = response.json["error"]
    return error


def test_off_by_default(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion())
    answers = [ask(client) for _ in range(5)]
    assert client.application.extensions[EXTENSION].limiter is None
    assert not [name for name in dict(answers[-1].headers) if name.lower().startswith(FAMILY)]


def test_requests_a_minute(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion())
    client = connect(rate_limit_rpm=2, openai_api_key=None)
    first, second = ask(client), ask(client)
    assert [left(first), left(second)] == ["1", "0"]
    assert first.headers[f"{FAMILY}requests-limit"] == "2"
    assert RESET.fullmatch(first.headers[f"{FAMILY}requests-reset"])
    refused = client.post(
        "/v1/messages",
        content_type="application/json",
        input_stream=Unread(),
        headers=KEY,
    )
    assert refused.status_code == 429
    assert error_of(refused)["type"] == "rate_limit_error"
    assert "2 requests per minute" in error_of(refused)["message"]
    assert 58 <= int(refused.headers["retry-after"]) <= 60
    assert left(refused) == "0"
    assert RESET.fullmatch(refused.headers[f"{FAMILY}requests-reset"])
    assert refused.json is not None
    assert refused.json["request_id"] == refused.headers["request-id"]
    assert ask(client, "another-key").status_code == 200
    assert len(upstream.requests) == 3


def test_an_auth_key_is_one_client_and_strangers_are_none(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.default = json_answer(completion())
    client = connect(rate_limit_rpm=1, auth_keys=("front-key", "second-key"))
    assert ask(client, "wrong").status_code == 401
    assert ask(client, "front-key").status_code == 200
    again = client.post(
        "/v1/messages",
        json=message_request(),
        headers={"x-api-key": "made-up", "authorization": "Bearer front-key"},
    )
    assert again.status_code == 429
    assert ask(client, "second-key").status_code == 200


def test_without_keys_the_address_counts(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion())
    client = connect(rate_limit_rpm=1)
    statuses = [
        client.post(
            "/v1/messages", json=message_request(), environ_overrides={"REMOTE_ADDR": address}
        ).status_code
        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2")
    ]
    assert statuses == [200, 429, 200]


def test_keys_that_nobody_looks_at_make_no_new_client(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.default = json_answer(completion())
    client = connect(rate_limit_rpm=2)
    sent = [{"x-api-key": "a"}, {"authorization": "Bearer b"}, {"x-api-key": "Bearer c"}]
    statuses = [
        client.post("/v1/messages", json=message_request(), headers=headers).status_code
        for headers in sent
    ]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_a_minute(connect: Connect, upstream: UpstreamStub, stream: bool) -> None:
    upstream.default = text_stream("Hello") if stream else json_answer(completion())
    client = connect(rate_limit_tpm=40, openai_api_key=None)
    told = [left(ask(client, stream=stream), "tokens") for _ in range(3)]
    assert told == ["40", "25", "10"]
    refused = ask(client, stream=stream)
    assert refused.status_code == 429
    assert "40 tokens per minute" in error_of(refused)["message"]
    assert 58 <= int(refused.headers["retry-after"]) <= 60
    assert left(refused, "tokens") == "0"
    assert left(refused) is None
    counted = client.post(
        "/v1/messages/count_tokens", json=message_request() | {"max_tokens": 1}, headers=KEY
    )
    assert counted.status_code == 200
    assert ask(client, "another-key", stream=stream).status_code == 200


def test_cached_tokens_are_used_tokens(connect: Connect, upstream: UpstreamStub) -> None:
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 25},
    }
    upstream.default = json_answer(completion() | {"usage": usage})
    client = connect(rate_limit_tpm=100)
    assert [left(ask(client), "tokens") for _ in range(3)] == ["100", "68", "36"]


def test_a_broken_stream_costs_what_was_told(connect: Connect, upstream: UpstreamStub) -> None:
    told = sse(chunk(content="a"), usage_chunk(30, 3), Reset())
    upstream.answer(told, json_answer(completion()))
    client = connect(rate_limit_tpm=100)
    ask(client, stream=True)
    assert left(ask(client), "tokens") == "67"


def test_a_broken_stream_without_usage_is_estimated(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(sse(chunk(content="word " * 80), Reset()), json_answer(completion()))
    client = connect(rate_limit_tpm=1000)
    ask(client, "gone", text="word " * 80, stream=True)
    spent = 1000 - int(left(ask(client, "gone"), "tokens") or 0)
    assert 150 < spent < 350


def test_a_client_that_leaves_pays_for_what_it_got(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("word " * 80, "more"), json_answer(completion()))
    client = connect(rate_limit_tpm=1000)
    response = client.post("/v1/messages", json=message_request(stream=True), headers=KEY)
    next(response.iter_encoded())
    response.close()
    assert int(left(ask(client), "tokens") or 0) < 1000


def test_streams_at_a_time(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.default = lambda recorded: (
        text_stream("a") if recorded.json.get("stream") else json_answer(completion())
    )
    client = connect(rate_limit_streams=1, rate_limit_rpm=10, openai_api_key=None)
    running = client.post("/v1/messages", json=message_request(stream=True), headers=KEY)
    assert left(running) == "9"
    refused = ask(client, stream=True)
    assert refused.status_code == 429
    assert "1 streams at a time" in error_of(refused)["message"]
    assert refused.headers["retry-after"] == "2"
    # Nothing was taken, and what is no stream goes on.
    assert left(refused) == "9"
    assert ask(client).status_code == 200
    assert ask(client, "another-key", stream=True).status_code == 200
    running.close()
    assert ask(client, stream=True).status_code == 200
    assert ask(client, stream=True).status_code == 200


def test_a_stream_that_failed_is_over(connect: Connect, upstream: UpstreamStub) -> None:
    client = connect(rate_limit_streams=1)
    upstream.answer(json_answer({}, 400), json_answer({}, 500), text_stream("a"), text_stream("b"))
    statuses = [ask(client, stream=True).status_code for _ in range(4)]
    assert statuses == [400, 500, 200, 200]


@pytest.mark.parametrize(
    ("method", "path", "limited"),
    [
        ("POST", "/v1/messages", True),
        ("POST", "/v1/messages/count_tokens", True),
        ("GET", "/v1/models", True),
        ("GET", "/v1/models/some", True),
        ("GET", "/test-connection", True),
        ("POST", "/v1/messages/test_conversion", True),
        ("OPTIONS", "/v1/messages", False),
        ("GET", "/health", False),
        ("GET", "/readyz", False),
        ("GET", "/metrics", False),
        ("GET", "/v1/stats", False),
        ("GET", "/", False),
        ("GET", "/nowhere", False),
    ],
)
def test_what_asks_an_upstream_counts(
    connect: Connect, upstream: UpstreamStub, method: str, path: str, limited: bool
) -> None:
    upstream.default = json_answer(completion() | {"data": []})
    client = connect(rate_limit_rpm=1)
    statuses = []
    for _ in range(2):
        with client.open(
            path, method=method, json=message_request() if method == "POST" else None
        ) as response:
            statuses.append(response.status_code)
    assert (statuses[0] == 429, statuses[1] == 429) == (False, limited)


def test_dynamic_routes_count_for_the_key_that_goes_upstream(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.default = json_answer(completion() | {"data": []})
    host = f"localhost:{upstream.port}"
    client = connect(rate_limit_rpm=1, openai_api_key=None, allowed_hosts=(host,))

    def post(key: str, endpoint: str = "messages") -> TestResponse:
        path = f"/http/{host}/v1/{endpoint}"
        return client.post(
            path,
            json=message_request(model="m"),
            headers={"x-api-key": "same", "authorization": f"Bearer {key}"},
            environ_overrides={"RAW_URI": path},
        )

    assert [post(key).status_code for key in ("a", "a", "b")] == [200, 429, 200]
    assert post("b", "messages/count_tokens").status_code == 429


def test_native_upstreams_count_and_ours_is_told(connect: Connect, upstream: UpstreamStub) -> None:
    message = {"id": "msg_1", "type": "message", "usage": {"input_tokens": 7, "output_tokens": 3}}
    theirs = {
        f"{FAMILY}requests-remaining": "4999",
        f"{FAMILY}tokens-remaining": "80000",
        f"{FAMILY}input-tokens-remaining": "70000",
    }
    upstream.default = json_answer(message, headers=theirs)
    provider = Provider(name="native", base_url=upstream.origin, native=True)
    registry = Registry(providers=(provider,), models=(), default=provider)
    client = connect(rate_limit_tpm=15, openai_api_key=None, registry=registry)
    first = ask(client)
    assert left(first, "tokens") == "15"
    assert left(first) == "4999"
    assert left(first, "input-tokens") == "70000"
    assert left(ask(client), "tokens") == "5"
    assert ask(client).status_code == 429
    relayed = client.post("/v1/complete", json={"prompt": "x"}, headers=KEY)
    assert relayed.status_code == 429


@pytest.mark.parametrize(
    ("deltas", "spent"),
    [pytest.param(0, 8, id="at once"), pytest.param(100, 909, id="after 4000 letters")],
)
def test_a_native_stream_that_breaks_off_costs_what_it_wrote(
    connect: Connect, upstream: UpstreamStub, deltas: int, spent: int
) -> None:
    told: dict[str, Any] = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 7, "output_tokens": 1}},
    }
    delta = {"type": "text_delta", "text": "forty letters that are worth ten tokens."}
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    written = [
        f"event: {item['type']}\ndata: {json.dumps(item, separators=(',', ':'))}\n\n".encode()
        for item in (told, *[event] * deltas)
    ]
    upstream.default = answer(
        *written, Close(), content_type="text/event-stream", framing="chunked"
    )
    provider = Provider(name="native", base_url=upstream.origin, native=True)
    registry = Registry(providers=(provider,), models=(), default=provider)
    client = connect(rate_limit_tpm=10_000, openai_api_key=None, registry=registry)
    ask(client, stream=True)
    assert left(ask(client), "tokens") == str(10_000 - spent)


def test_no_key_is_logged(
    connect: Connect, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "proxy")
    upstream.default = json_answer(completion())
    client = connect(rate_limit_rpm=1)
    ask(client, "sk-secret-of-a-client")
    ask(client, "sk-secret-of-a-client")
    assert "429" in caplog.text
    assert "sk-secret" not in caplog.text


@pytest.mark.parametrize(
    "path", ["/v1/messages/test_conversion", "/v1/messages/count_tokens", "/v1/messages"]
)
def test_all_that_may_read_pdfs_share_one_limit(
    connect: Connect, upstream: UpstreamStub, path: str
) -> None:
    upstream.default = json_answer(completion())
    client = connect(rate_limit_rpm=2)
    paths = ("/v1/messages/test_conversion", path, path, "/v1/messages/test_conversion")
    answers = [client.post(each, json=message_request(), headers=KEY) for each in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert [left(answer) for answer in answers] == ["1", "0", "0", "0"]


def test_the_dry_run_uses_no_tokens(connect: Connect) -> None:
    client = connect(rate_limit_tpm=1)
    for _ in range(3):
        answer = client.post("/v1/messages/test_conversion", json=message_request(), headers=KEY)
        assert answer.status_code == 200
