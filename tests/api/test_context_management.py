"""Context edits and fields of system turns through the HTTP surface: docs/protocol.md 1.6, 2.10."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from config.registry.values import Provider, Registry
from tests.api.conftest import Connect, message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream

CLEARED = "[Old tool result content cleared]"
EDIT = {
    "type": "clear_tool_uses_20250919",
    "trigger": {"type": "tool_uses", "value": 1},
    "keep": {"type": "tool_uses", "value": 1},
}
LOOK = {"name": "look", "input_schema": {"type": "object"}}
REMOVED = {
    "role": "system",
    "content": [{"type": "tool_removal", "tool": {"type": "tool_reference", "name": "look"}}],
    "output_config": {"effort": "low"},
}


def used(number: int) -> list[dict[str, Any]]:
    call = {"type": "tool_use", "id": f"t{number}", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": "word " * 400}
    return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


def request_with_edits(*edits: dict[str, Any], **fields: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": "go"}, *used(1), *used(2)]
    management = {"edits": list(edits or (EDIT,))}
    return message_request(messages=turns, context_management=management, **fields)


def sent_results(upstream: UpstreamStub) -> list[str]:
    messages = upstream.requests[-1].json["messages"]
    return [message["content"][:4] for message in messages if message["role"] == "tool"]


def applied(answer: Any) -> Any:
    [edit] = answer["context_management"]["applied_edits"]
    assert edit.pop("cleared_input_tokens") > 400
    return edit


TOLD = {"type": "clear_tool_uses_20250919", "cleared_tool_uses": 1}


def last_events(response: Any) -> list[dict[str, Any]]:
    frames = response.data.decode().strip().split("\n\n")
    return [orjson.loads(frame.split("data: ", 1)[1]) for frame in frames[-2:]]


def test_a_whole_answer_tells_what_was_cleared(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("Hi")))
    answer = client.post("/v1/messages", json=request_with_edits()).json
    assert applied(answer) == TOLD
    assert sent_results(upstream) == [CLEARED[:4], "word"]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(text_stream("Hi"), id="from a stream"),
        pytest.param(json_answer(completion("Hi")), id="from a whole answer"),
    ],
)
def test_the_end_of_a_stream_tells_it(
    script: Any, client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(script)
    response = client.post("/v1/messages", json=request_with_edits(stream=True))
    delta, stop = last_events(response)
    assert (delta["type"], stop["type"]) == ("message_delta", "message_stop")
    assert applied(delta) == TOLD


def test_a_stream_to_a_client_that_asked_for_none(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("Hi"))
    assert applied(client.post("/v1/messages", json=request_with_edits()).json) == TOLD


@pytest.mark.parametrize("stream", [False, True])
def test_without_edits_there_is_no_word_of_them(
    stream: bool, client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("Hi") if stream else json_answer(completion("Hi")))
    response = client.post("/v1/messages", json=message_request(stream=stream))
    assert b"context_management" not in response.data


@pytest.mark.parametrize("stream", [False, True])
def test_edits_with_nothing_to_clear(
    stream: bool, client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("Hi") if stream else json_answer(completion("Hi")))
    body = request_with_edits({"type": "clear_thinking_20251015", "keep": "all"}, stream=stream)
    response = client.post("/v1/messages", json=body)
    answer = last_events(response)[0] if stream else response.json
    assert answer is not None
    assert answer["context_management"] == {"applied_edits": []}


@pytest.mark.parametrize("stream", [False, True])
def test_a_pre_warm(stream: bool, client: FlaskClient, upstream: UpstreamStub) -> None:
    response = client.post("/v1/messages", json=request_with_edits(max_tokens=0, stream=stream))
    assert applied(last_events(response)[0] if stream else response.json) == TOLD
    assert upstream.requests == []


def test_a_request_that_is_converted_again(client: FlaskClient, upstream: UpstreamStub) -> None:
    refused = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    upstream.answer(json_answer(refused, status=400), json_answer(completion("Hi")))
    answer = client.post("/v1/messages", json=request_with_edits(temperature=0.5)).json
    assert len(upstream.requests) == 2
    assert applied(answer) == TOLD
    assert sent_results(upstream) == [CLEARED[:4], "word"]


def test_a_count_before_and_after(client: FlaskClient) -> None:
    edited = client.post("/v1/messages/count_tokens", json=request_with_edits()).json
    plain = {**request_with_edits(), "context_management": None}
    before = client.post("/v1/messages/count_tokens", json=plain).json
    assert edited is not None
    assert before is not None
    assert before.keys() == {"input_tokens"}
    original = edited["context_management"]["original_input_tokens"]
    assert edited["input_tokens"] < before["input_tokens"] - 300
    # What was cleared is estimated, the rest is counted.
    assert abs(original - before["input_tokens"]) < 0.3 * before["input_tokens"]


def test_a_count_with_nothing_to_clear(client: FlaskClient) -> None:
    body = request_with_edits({"type": "clear_thinking_20251015"})
    counted = client.post("/v1/messages/count_tokens", json=body).json
    assert counted is not None
    assert counted["context_management"] == {"original_input_tokens": counted["input_tokens"]}


def test_a_count_of_the_upstream(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("Hi")))
    proxy = connect(token_counting="upstream")
    counted = proxy.post("/v1/messages/count_tokens", json=request_with_edits()).json
    assert counted is not None
    assert counted["input_tokens"] == 10
    assert counted["context_management"]["original_input_tokens"] > 410
    assert sent_results(upstream) == [CLEARED[:4], "word"]


def test_the_dry_run_shows_both(client: FlaskClient, upstream: UpstreamStub) -> None:
    body = request_with_edits(tools=[LOOK])
    body["messages"].append(REMOVED)
    shown = client.post("/v1/messages/test_conversion", json=body).json
    assert shown is not None
    assert applied(shown) == TOLD
    assert "tools" not in shown["request"]
    assert [m["content"][:4] for m in shown["request"]["messages"] if m["role"] == "tool"] == [
        CLEARED[:4],
        "word",
    ]
    assert upstream.requests == []


def test_a_change_of_tools(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("Hi")))
    turns = [{"role": "user", "content": "go"}, REMOVED]
    response = client.post("/v1/messages", json=message_request(messages=turns, tools=[LOOK]))
    assert response.status_code == 200
    assert "tools" not in upstream.requests[-1].json
    assert upstream.requests[-1].json["messages"] == [{"role": "user", "content": "go"}]


def test_a_tool_that_was_never_declared(client: FlaskClient, upstream: UpstreamStub) -> None:
    for path in ("/v1/messages", "/v1/messages/count_tokens", "/v1/messages/test_conversion"):
        turns = [{"role": "user", "content": "go"}, REMOVED]
        response = client.post(path, json=message_request(messages=turns))
        assert response.status_code == 400
        assert response.json is not None
        assert response.json["error"] == {
            "type": "invalid_request_error",
            "message": "messages.1.content.0.tool_removal.tool.tool_reference: no tool 'look' in "
            "`tools` or defined earlier in `messages`",
            "details": {"error_code": "tool_reference_unresolved"},
        }
    assert upstream.requests == []


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_a_native_upstream_gets_all_of_it(
    path: str, connect: Connect, upstream: UpstreamStub
) -> None:
    provider = Provider("up", upstream.origin, api_keys=("k",), native=True)
    proxy = connect(registry=Registry((provider,), provider))
    upstream.answer(json_answer({"input_tokens": 3, "type": "message", "content": []}))
    body = request_with_edits({"type": "an_edit_of_next_year"}, tools=[LOOK])
    body["messages"].append(REMOVED)
    data = orjson.dumps(body)
    response = proxy.post(path, data=data, content_type="application/json")
    assert response.status_code == 200
    sent = upstream.requests[-1].json
    assert sent["context_management"] == body["context_management"]
    assert (sent["messages"], sent["tools"]) == (body["messages"], [LOOK])
