"""POST /v1/messages/count_tokens."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from config.registry.values import Provider, Registry
from tests.api.conftest import Connect, message_request
from tests.upstream_stub import (
    Close,
    UpstreamStub,
    answer,
    completion,
    json_answer,
    text_stream,
)

PATH = "/v1/messages/count_tokens"
SCIENTIST = {
    "model": "claude-opus-4-8",
    "system": "You are a scientist",
    "messages": [{"role": "user", "content": "Hello, Claude"}],
}


def test_6_the_documented_example(client: FlaskClient, upstream: UpstreamStub) -> None:
    response = client.post(PATH, json=SCIENTIST)
    assert response.status_code == 200
    assert response.json == {"input_tokens": 14}
    assert response.headers["x-token-counting"] == "tiktoken"
    assert upstream.requests == []


def test_6_the_members_of_older_proxies_where_they_are_wanted(connect: Connect) -> None:
    response = connect(count_tokens_details=True).post(PATH, json=SCIENTIST)
    assert response.json == {
        "type": "token_count",
        "input_tokens": 14,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


def test_6_max_tokens_and_stream_do_not_count(client: FlaskClient) -> None:
    response = client.post(PATH + "?beta=true", json=SCIENTIST | {"max_tokens": 9, "stream": True})
    assert response.json == {"input_tokens": 14}


def test_6_the_same_validation_as_for_messages(client: FlaskClient) -> None:
    response = client.post(PATH, json=message_request(messages=[{"role": "robot", "content": "x"}]))
    assert response.status_code == 400
    assert response.json is not None
    assert (
        response.json["error"]["message"]
        == "messages.0.role: Input should be 'user', 'assistant' or 'system'"
    )


UPSTREAM = {"token_counting": "upstream"}
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
NO_USAGE = {**completion("H"), "usage": None}


def counted_upstream(proxy: FlaskClient, **fields: Any) -> tuple[int, str]:
    response = proxy.post(PATH, json=SCIENTIST | fields)
    assert response.status_code == 200, response.json
    assert response.json is not None
    return response.json["input_tokens"], response.headers["x-token-counting"]


def test_the_upstream_is_asked_for_one_token(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("H", "length")))
    proxy = connect(**UPSTREAM, min_tokens_limit=100)
    asked = counted_upstream(
        proxy,
        tools=[TOOL],
        stream=True,
        max_tokens=900,
        thinking={"type": "enabled", "budget_tokens": 2000},
    )
    assert asked == (10, "upstream")
    [sent] = upstream.requests
    assert sent.target == "/v1/chat/completions"
    assert sent.headers["authorization"] == "Bearer sk-server"
    assert sent.json == {
        "model": "big-model",
        "max_tokens": 1,
        "messages": [
            {"role": "system", "content": "You are a scientist"},
            {"role": "user", "content": "Hello, Claude"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "look", "parameters": TOOL["input_schema"]},
            }
        ],
    }


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(json_answer({"error": {"message": "no"}}, status=500), id="500"),
        pytest.param(json_answer({"error": {"message": "no"}}, status=401), id="401"),
        pytest.param(json_answer({"error": {"message": "no"}}), id="an error inside a 200"),
        pytest.param(json_answer(NO_USAGE), id="no usage"),
        pytest.param(answer(b"<html>", content_type="text/html"), id="no JSON"),
        pytest.param((Close(),), id="closed"),
    ],
)
def test_what_the_upstream_does_not_count_is_counted_here(
    script: Any, connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.default = script
    assert counted_upstream(connect(**UPSTREAM)) == (14, "tiktoken")
    assert upstream.requests


def test_without_a_key_for_the_upstream_it_is_counted_here(
    connect: Connect, upstream: UpstreamStub
) -> None:
    assert counted_upstream(connect(**UPSTREAM, openai_api_key=None)) == (14, "tiktoken")
    assert upstream.requests == []


def test_an_upstream_that_only_streams(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(text_stream("H", finish="length"))
    assert counted_upstream(connect(**UPSTREAM)) == (10, "upstream")


def test_a_bad_request_is_refused_before_anybody_is_asked(
    connect: Connect, upstream: UpstreamStub
) -> None:
    proxy = connect(**UPSTREAM)
    bad = {"tool_choice": {"type": "tool", "name": "x"}, "tools": [TOOL]}
    response = proxy.post(PATH, json=SCIENTIST | bad)
    assert (response.status_code, upstream.requests) == (400, [])


@pytest.mark.parametrize(
    ("kind", "target", "told"),
    [
        ("vllm", "/tokenize", {"count": 33, "max_model_len": 9, "tokens": [1]}),
        ("moonshot", "/v1/tokenizers/estimate-token-count", {"data": {"total_tokens": 33}}),
    ],
)
def test_an_endpoint_of_its_own(
    kind: str, target: str, told: Any, connect: Connect, upstream: UpstreamStub
) -> None:
    provider = Provider("up", upstream.base_url, api_keys=("k",), profile={"count_endpoint": kind})
    proxy = connect(**UPSTREAM, registry=Registry((provider,), provider))
    upstream.answer(json_answer(told))
    assert counted_upstream(proxy) == (33, "upstream")
    [sent] = upstream.requests
    assert sent.target == target
    assert set(sent.json) == {"model", "messages"}

    upstream.answer(json_answer({"detail": "Not Found"}, status=404), json_answer(completion()))
    assert counted_upstream(proxy) == (10, "upstream")
    assert [r.target for r in upstream.requests[1:]] == [target, "/v1/chat/completions"]

    upstream.answer(json_answer(completion()))
    assert counted_upstream(proxy, tools=[TOOL]) == (10, "upstream")
    assert upstream.requests[-1].target == "/v1/chat/completions"


def test_6_the_converted_request_is_what_is_counted(client: FlaskClient) -> None:
    answered = [{"type": "text", "text": "b"}]
    thought = [{"type": "thinking", "thinking": "long thoughts " * 9, "signature": "s"}, *answered]

    def counted(answer: list[dict[str, str]]) -> object:
        turns = [*message_request("a")["messages"], {"role": "assistant", "content": answer}]
        return client.post(PATH, json=message_request(messages=turns)).json

    assert counted(thought) == counted(answered) == {"input_tokens": 3 + 4 + 1 + 4 + 1}


def test_6_what_the_real_service_refuses_is_counted_as_converted(client: FlaskClient) -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
    search = {"type": "web_search_20250305", "name": "web_search"}
    request = message_request(messages=[{"role": "user", "content": [image]}], tools=[search])
    assert client.post(PATH, json=request).json == {"input_tokens": 3 + 4 + 1600}


def test_failed_counts_do_not_rest_the_provider(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.default = json_answer({"error": {"message": "no"}}, status=500)
    proxy = connect(**UPSTREAM)
    for _ in range(10):
        assert counted_upstream(proxy) == (14, "tiktoken")
    upstream.default = json_answer(completion())
    assert proxy.post("/v1/messages", json=message_request()).status_code == 200


def test_a_provider_that_rests_is_not_asked(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.default = json_answer({"error": {"message": "no"}}, status=500)
    proxy = connect(**UPSTREAM)
    for _ in range(10):
        proxy.post("/v1/messages", json=message_request())
    asked = len(upstream.requests)
    assert counted_upstream(proxy) == (14, "tiktoken")
    assert len(upstream.requests) == asked
