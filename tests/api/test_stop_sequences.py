"""Stop sequences at upstreams that take none or fewer: over HTTP, streamed and whole."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from proxy.api.context import EXTENSION
from proxy.telemetry.stats import machine_stats
from tests.api.conftest import Connect, message_request
from tests.api.test_messages import events_of, text_of
from tests.upstream_stub import (
    UpstreamStub,
    Wait,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
    usage_chunk,
)

PATH = "/v1/messages"
ASKED = message_request(model="o3", max_tokens=9000, stop_sequences=["</block>"])
TEXTS = ("<block>", "no</b", "lock> as it", " seems")


def test_a_whole_answer_is_cut(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("".join(TEXTS))))
    answer = connect().post(PATH, json=ASKED)
    assert answer.json is not None
    assert answer.json["content"] == [{"type": "text", "text": "<block>no"}]
    assert (answer.json["stop_reason"], answer.json["stop_sequence"]) == (
        "stop_sequence",
        "</block>",
    )
    assert answer.json["usage"]["output_tokens"] == 5
    assert answer.headers["x-claude-proxy-dropped"] == "stop_sequences=local"
    assert "stop" not in upstream.requests[0].json


def test_a_stream_is_cut_and_the_upstream_is_left(connect: Connect, upstream: UpstreamStub) -> None:
    """The upstream would write on: it is not waited for, and its connection is closed."""
    never = threading.Event()
    upstream.answer(sse(*(chunk(content=text) for text in TEXTS), Wait(never), chunk("stop")))
    client = connect()
    response = client.post(PATH, json=ASKED | {"stream": True})
    events = events_of(response.data)
    response.close()
    assert upstream.closed.wait(60)
    never.set()
    assert text_of(events) == "<block>no"
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    assert events[-2]["delta"] == {
        "stop_reason": "stop_sequence",
        "stop_sequence": "</block>",
        "stop_details": None,
    }
    assert events[-2]["usage"]["output_tokens"] > 0
    assert response.headers["x-claude-proxy-dropped"] == "stop_sequences=local"


def test_a_cut_stream_is_a_success(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(text_stream(*TEXTS))
    client = connect()
    response = client.post(PATH, json=ASKED | {"stream": True})
    assert response.data
    response.close()
    stats = machine_stats(client.application.extensions[EXTENSION].metrics)
    assert stats["statuses"] == {"200": 1}
    assert (stats["total"]["requests"], stats["total"]["estimated"]) == (1, 1)


def test_a_stream_without_the_sequence_is_as_ever(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(sse(chunk(content="a </blo"), chunk("stop"), usage_chunk(11, 7)))
    events = events_of(connect().post(PATH, json=ASKED | {"stream": True}).data)
    assert text_of(events) == "a </blo"
    assert events[-2]["delta"]["stop_reason"] == "end_turn"
    assert events[-2]["usage"]["output_tokens"] == 7


def test_an_upstream_that_only_streams_is_read_to_its_end(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(
        sse(*(chunk(content=text) for text in TEXTS), chunk("stop"), usage_chunk(11, 7))
    )
    answer = connect().post(PATH, json=ASKED)
    assert answer.json is not None
    assert answer.json["content"] == [{"type": "text", "text": "<block>no"}]
    assert answer.json["usage"]["output_tokens"] == 7


def test_json_in_place_of_a_stream_is_cut(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("".join(TEXTS))))
    events = events_of(connect().post(PATH, json=ASKED | {"stream": True}).data)
    assert text_of(events) == "<block>no"
    assert events[-2]["delta"]["stop_sequence"] == "</block>"


REFUSED: Any = {"error": {"message": "Argument not supported on this model: stop"}}
TOO_MANY: Any = {"error": {"message": "stop: List should have at most 1 item after validation"}}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("refusal", "sent"),
    [
        pytest.param(REFUSED, None, id="1.5 none"),
        pytest.param(TOO_MANY, ["x1"], id="1.5 fewer"),
    ],
)
def test_a_refused_stop_is_cut_here_from_then_on(
    connect: Connect, upstream: UpstreamStub, refusal: Any, sent: list[str] | None, stream: bool
) -> None:
    good = text_stream("a x", "2 b") if stream else json_answer(completion("a x2 b"))
    upstream.answer(json_answer(refusal, 400), good, good)
    client = connect()
    body = message_request(stop_sequences=["x1", "x2"], stream=stream)
    for _ in range(2):
        answer = client.post(PATH, json=body)
        assert answer.headers["x-claude-proxy-dropped"] == "stop_sequences=local"
        assert b'"stop_sequence":"x2"' in answer.data
    assert [request.json.get("stop") for request in upstream.requests] == [
        ["x1", "x2"],
        sent,
        sent,
    ]


def test_the_dry_run_tells_it(connect: Connect) -> None:
    shown = connect().post("/v1/messages/test_conversion", json=ASKED).json
    assert shown is not None
    assert "stop" not in shown["request"]
    row = {"name": "stop_sequences", "became": "local", "count": 1, "routine": False}
    assert row in shown["dropped"]
