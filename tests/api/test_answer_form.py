"""A Chat Completions upstream that answers with Responses (docs/edge-cases.md, rule 216)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Connect, message_request
from tests.convert.response_builders import (
    call,
    created,
    events_of,
    message,
    reasoning,
    response,
    stream_of,
)
from tests.upstream_stub import Sleep, UpstreamStub, json_answer, sse

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
    whole = client.post(PATH, json=message_request()).json
    assert whole is not None
    assert [block["type"] for block in whole["content"]] == ["text", "tool_use"]


def test_a_stream_for_a_whole_request(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(sse(*stream_of(*ITEMS)))
    whole = client.post(PATH, json=message_request()).json
    assert whole is not None
    assert [block["type"] for block in whole["content"]] == ["text", "tool_use"]


def test_a_whole_answer_for_a_stream(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(response(*ITEMS)))
    events = told(client.post(PATH, json=message_request(stream=True)).data)
    starts = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert starts == ["text", "tool_use"]


def test_an_upstream_that_stays_connected_behind_the_last_event(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(sse(*stream_of(message("Hi")), Sleep(10), done=False))
    events = told(client.post(PATH, json=message_request(stream=True)).data)
    assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize(
    ("item", "seconds"), [(reasoning("Hm", encrypted="QQ=="), 0.6), (message("Hi"), 0.2)]
)
def test_an_upstream_that_reasons_may_be_silent_as_long_as_before_its_first_byte(
    connect: Connect, upstream: UpstreamStub, item: dict[str, Any], seconds: float
) -> None:
    upstream.answer(sse(created(), *events_of(item, 0)[:3], Sleep(10), done=False))
    client = connect(request_timeout=0.2, first_byte_timeout=0.6)
    events = told(client.post(PATH, json=message_request(stream=True)).data)
    assert events[-1]["error"]["message"] == f"the upstream sent nothing for {seconds:g} s"
