"""A Chat Completions upstream that answers with Responses (docs/edge-cases.md, Responses, 59)."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.convert.response_builders import call, message, response, stream_of
from tests.upstream_stub import UpstreamStub, json_answer, sse

PATH = "/v1/messages"
ITEMS = (message("Hi"), call("f", '{"a":1}'))


def told(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().splitlines()
    return [json.loads(line[len("data: ") :]) for line in lines if line.startswith("data: ")]


def test_a_stream(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(sse(*stream_of(*ITEMS)))
    events = told(client.post(PATH, json=message_request(stream=True)).data)
    starts = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert starts == ["text", "tool_use"]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"]["output_tokens"] == 5


def test_a_whole_answer(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(response(*ITEMS)))
    whole = client.post(PATH, json=message_request()).get_json()
    assert [block["type"] for block in whole["content"]] == ["text", "tool_use"]


def test_a_stream_for_a_whole_request(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(sse(*stream_of(*ITEMS)))
    whole = client.post(PATH, json=message_request()).get_json()
    assert [block["type"] for block in whole["content"]] == ["text", "tool_use"]


def test_a_whole_answer_for_a_stream(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(response(*ITEMS)))
    events = told(client.post(PATH, json=message_request(stream=True)).data)
    starts = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert starts == ["text", "tool_use"]
