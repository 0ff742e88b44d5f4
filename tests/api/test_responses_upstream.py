"""A Responses upstream behind the application: routes, errors, counts, healing, failover."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient

from config.registry.values import Model, Provider, Registry
from tests.api.conftest import Connect, message_request
from tests.claude_code.strict_responses import Failed, Output, events_of, response_object
from tests.convert.stream_grammar import assert_legal
from tests.upstream_stub import (
    Close,
    Script,
    UpstreamStub,
    completion,
    json_answer,
    sse,
)

PATH = "/v1/messages"
ROUTE = "x-claude-proxy-route"
STATE = "gAAAAA" + "b" * 200
THOUGHT = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "Let me look."}],
    "encrypted_content": STATE,
}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "look",
    "arguments": '{"at":"sky"}',
}
SAID = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
}
TOOLS = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
ANY = Output("-")
EFFORT = {"thinking_style": "effort"}


def answered(*items: Mapping[str, Any], reply: Output | Failed = ANY) -> dict[str, Any]:
    return response_object({"model": "big-model"}, "resp_1", reply, [dict(item) for item in items])


def whole(*items: Mapping[str, Any]) -> Script:
    return json_answer(answered(*items))


def streamed(*items: Mapping[str, Any], reply: Output | Failed = ANY) -> Script:
    return sse(*events_of(answered(*items, reply=reply)), done=False)


@pytest.fixture
def client(connect: Connect) -> FlaskClient:
    return connect(openai_api="responses")


def registry(upstream: UpstreamStub, **model: Any) -> Registry:
    """One provider, whose model has the settings ``model``."""
    provider = Provider("up", upstream.base_url, ("sk-server",), profile=EFFORT, api="responses")
    return Registry(
        providers=(provider,),
        default=provider,
        models=(Model("m", "big-model", provider, **model),),
        from_file=True,
    )


def events_in(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in data.decode().split("\n") if line.startswith("data: ")]


def test_a_whole_answer(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(whole(SAID))
    response = client.post(PATH, json=message_request(system="Be brief."))
    body = response.get_json()
    assert [block["text"] for block in body["content"]] == ["Hello"]
    assert body["stop_reason"] == "end_turn"
    assert response.headers[ROUTE].endswith(";api=responses")
    (sent,) = upstream.requests
    assert sent.target == "/v1/responses"
    assert sent.headers["authorization"] == "Bearer sk-server"
    assert sent.json == {
        "model": "middle-model",
        "instructions": "Be brief.",
        "input": [{"type": "message", "role": "user", "content": "Hi"}],
        "max_output_tokens": 100,
        "store": False,
    }


def test_a_stream(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(streamed(THOUGHT, CALL))
    response = client.post(PATH, json=message_request(stream=True, tools=TOOLS))
    assert response.headers[ROUTE].endswith(";api=responses")
    events = events_in(response.data)
    assert_legal(events)
    kinds = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert kinds == ["thinking", "tool_use"]
    assert upstream.requests[0].json["stream"] is True


def test_reasoning_comes_back_byte_for_byte_before_its_call(
    connect: Connect, upstream: UpstreamStub
) -> None:
    client = connect(registry=registry(upstream))
    upstream.answer(whole(THOUGHT, CALL), whole(SAID))
    asked = message_request(model="m", tools=TOOLS, thinking={"type": "adaptive"})
    content = client.post(PATH, json=asked).get_json()["content"]
    call_id = next(block["id"] for block in content if block["type"] == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call_id, "content": "blue"}
    asked["messages"] += [
        {"role": "assistant", "content": content},
        {"role": "user", "content": [result]},
    ]
    client.post(PATH, json=asked)
    assert upstream.requests[0].json["include"] == ["reasoning.encrypted_content"]
    assert upstream.requests[1].json["input"][1:] == [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": STATE},
        {"type": "function_call", "call_id": call_id, "name": "look", "arguments": '{"at":"sky"}'},
        {"type": "function_call_output", "call_id": call_id, "output": "blue"},
    ]


def test_reasoning_that_is_refused_is_left_out_from_then_on(
    connect: Connect, upstream: UpstreamStub
) -> None:
    client = connect(registry=registry(upstream))
    upstream.answer(whole(THOUGHT, CALL))
    asked = message_request(model="m", tools=TOOLS, thinking={"type": "adaptive"})
    content = client.post(PATH, json=asked).get_json()["content"]
    call_id = next(block["id"] for block in content if block["type"] == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call_id, "content": "blue"}
    asked["messages"] += [
        {"role": "assistant", "content": content},
        {"role": "user", "content": [result]},
    ]
    refusal = {
        "message": "The encrypted content gAAA could not be verified.",
        "type": "invalid_request_error",
        "code": "invalid_encrypted_content",
    }
    upstream.answer(json_answer({"error": refusal}, 400), whole(SAID), whole(THOUGHT, SAID))
    for _ in range(2):
        assert client.post(PATH, json=asked).status_code == 200
    items = [
        [item["type"] for item in request.json["input"]].count("reasoning")
        for request in upstream.requests
    ]
    assert items == [0, 1, 0, 0]
    # Nothing was learned of the model: it is asked for new reasoning all the same.
    assert upstream.requests[3].json["include"] == ["reasoning.encrypted_content"]


@pytest.mark.parametrize(
    ("reply", "status", "kind", "message"),
    [
        pytest.param(
            Failed("context_length_exceeded", "Your input exceeds the context window."),
            400,
            "invalid_request_error",
            "prompt is too long",
            id="overflow",
        ),
        pytest.param(
            Failed("rate_limit_exceeded", "Please try again in 6.379s."),
            429,
            "rate_limit_error",
            "",
            id="rate limit",
        ),
        pytest.param(Failed("server_error", "Broken."), 500, "api_error", "", id="server error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_failure_behind_a_200_is_an_http_error(
    stream: bool,
    reply: Failed,
    status: int,
    kind: str,
    message: str,
    connect: Connect,
    upstream: UpstreamStub,
) -> None:
    client = connect(openai_api="responses", max_retries=0)
    upstream.default = streamed(reply=reply) if stream else json_answer(answered(reply=reply))
    response = client.post(PATH, json=message_request(stream=stream))
    error = response.get_json()["error"]
    assert (response.status_code, error["type"]) == (status, kind)
    assert error["message"].startswith(message)
    if status == 429:
        assert response.headers["retry-after"] == "7"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_json_body_or_a_stream_in_place_of_the_other(
    stream: bool, client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer(answered(SAID)) if stream else streamed(SAID))
    response = client.post(PATH, json=message_request(stream=stream))
    if stream:
        assert_legal(events_in(response.data))
        assert "message_stop" in response.text
    else:
        assert response.get_json()["content"] == [{"type": "text", "text": "Hello"}]


def test_a_failure_as_a_json_body_in_place_of_a_stream(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer(answered(reply=Failed("invalid_prompt", "Not this."))))
    response = client.post(PATH, json=message_request(stream=True))
    assert response.status_code == 400
    assert response.get_json()["error"]["type"] == "invalid_request_error"


def test_a_pre_warm_calls_nobody(client: FlaskClient, upstream: UpstreamStub) -> None:
    response = client.post(PATH, json=message_request(max_tokens=0))
    assert (response.status_code, response.get_json()["content"]) == (200, [])
    assert upstream.requests == []


def test_a_stream_that_ends_too_soon_has_no_stop(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    begun = list(events_of(answered(SAID)))[:6]
    upstream.default = sse(*begun, Close(), done=False)
    events = events_in(client.post(PATH, json=message_request(stream=True)).data)
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "error"
    assert "message_stop" not in [event["type"] for event in events]


def test_registered_settings(connect: Connect, upstream: UpstreamStub) -> None:
    client = connect(
        registry=registry(
            upstream,
            reasoning_effort="low",
            temperature=0.5,
            extra_body={"reasoning": {"context": "auto"}, "top_logprobs": 2},
        )
    )
    upstream.answer(whole(SAID))
    client.post(PATH, json=message_request(model="m", thinking={"type": "adaptive"}))
    sent = upstream.requests[0].json
    assert sent["reasoning"] == {"effort": "low", "summary": "auto", "context": "auto"}
    assert (sent["temperature"], sent["top_logprobs"]) == (0.5, 2)


def test_a_dry_run(client: FlaskClient, upstream: UpstreamStub) -> None:
    response = client.post(f"{PATH}/test_conversion", json=message_request(top_k=3))
    shown = response.get_json()
    assert shown["route"]["api"] == "responses"
    assert shown["url"] == f"{upstream.base_url}/responses"
    assert shown["request"]["max_output_tokens"] == 100
    assert {drop["name"] for drop in shown["dropped"]} == {"top_k"}
    assert upstream.requests == []


def test_test_connection_asks_for_as_many_tokens_as_openai_accepts(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(whole(SAID))
    assert client.get("/test-connection").get_json()["status"] == "success"
    assert upstream.requests[0].target == "/v1/responses"
    assert upstream.requests[0].json["max_output_tokens"] == 16


def test_the_upstreams_own_count(connect: Connect, upstream: UpstreamStub) -> None:
    known = registry(upstream, profile={"count_endpoint": "responses"})
    client = connect(registry=known, token_counting="upstream")
    upstream.answer(json_answer({"object": "response.input_tokens", "input_tokens": 77}))
    upstream.answer(json_answer({"error": {"message": "Not Found"}}, 404))
    body = message_request(model="m", system="S", tools=TOOLS)
    del body["max_tokens"]
    counted = client.post(f"{PATH}/count_tokens", json=body)
    assert counted.get_json() == {"input_tokens": 77}
    assert counted.headers["x-token-counting"] == "upstream"
    sent = upstream.requests[0]
    assert sent.target == "/v1/responses/input_tokens"
    assert sent.json.keys() == {"model", "input", "instructions", "tools"}
    local = client.post(f"{PATH}/count_tokens", json=body)
    assert local.headers["x-token-counting"] != "upstream"
    assert local.get_json()["input_tokens"] > 0


def test_without_an_endpoint_nothing_is_called_to_count(
    connect: Connect, upstream: UpstreamStub
) -> None:
    client = connect(openai_api="responses", token_counting="upstream")
    body = message_request()
    del body["max_tokens"]
    counted = client.post(f"{PATH}/count_tokens", json=body)
    assert counted.headers["x-token-counting"] == "tiktoken"
    assert upstream.requests == []


@pytest.mark.parametrize("first", ["chat", "responses"])
def test_a_chat_and_a_responses_upstream_stand_in_for_each_other(
    first: str, connect: Connect, upstream: UpstreamStub
) -> None:
    other = "responses" if first == "chat" else "chat"
    one = Provider("one", f"{upstream.origin}/one/v1", ("k",), api=first)
    two = Provider("two", f"{upstream.origin}/two/v1", ("k",), api=other)
    known = Registry(
        providers=(one, two),
        default=one,
        models=(Model("a", "a", one, fallbacks=("b",)), Model("b", "b", two)),
        from_file=True,
    )
    client = connect(registry=known, max_retries=0)
    good = whole(SAID) if other == "responses" else json_answer(completion("Hello"))
    upstream.answer(json_answer({"error": {"message": "broken"}}, 500), good)
    response = client.post(PATH, json=message_request(model="a"))
    assert response.get_json()["content"][0]["text"] == "Hello"
    suffix = ";api=responses" if other == "responses" else ""
    assert response.headers[ROUTE] == f"two/b;reason=fallback{suffix}"
    ends = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}
    assert [request.target for request in upstream.requests] == [
        f"/one{ends[first]}",
        f"/two{ends[other]}",
    ]


def test_the_log_says_which_protocol(
    client: FlaskClient, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answer(whole(SAID))
    with caplog.at_level(logging.INFO, "proxy.access"):
        client.post(PATH, json=message_request())
    (logged,) = [record for record in caplog.records if hasattr(record, "access")]
    assert logged.access["api"] == "responses"
    assert "api=responses" in logged.getMessage()


def test_an_azure_deployment_is_named_in_the_body(connect: Connect, upstream: UpstreamStub) -> None:
    base = f"{upstream.origin}/openai/deployments/my-deployment?api-version=2024-10-21"
    client = connect(openai_base_url=base, openai_api="responses")
    upstream.answer(whole(SAID))
    assert client.post(PATH, json=message_request()).status_code == 200
    (sent,) = upstream.requests
    assert sent.target == "/openai/v1/responses"
    assert sent.json["model"] == "my-deployment"
    assert sent.headers["api-key"] == "sk-server"
