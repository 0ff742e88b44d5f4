"""POST /v1/messages against a real upstream on loopback."""

from __future__ import annotations

import json
import threading
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from proxy.relay.healed import MAX_HEALINGS
from tests.api.conftest import Connect, message_request
from tests.upstream_stub import (
    Close,
    Recorded,
    Reset,
    Script,
    Sleep,
    UpstreamStub,
    Wait,
    answer,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
    tool_stream,
    usage_chunk,
)

PATH = "/v1/messages"
ANSWER = {"role": "assistant", "model": "claude-sonnet-5", "type": "message"}


def events_of(body: bytes) -> list[dict[str, Any]]:
    """The events of a whole stream, their names checked against their types."""
    events = []
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    return events


def shape(events: list[dict[str, Any]]) -> list[str]:
    """Types of events in order, runs of one type once."""
    types = [event["type"] for event in events]
    return [kind for i, kind in enumerate(types) if i == 0 or types[i - 1] != kind]


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(
        event["delta"].get("text", "") for event in events if "index" in event and "delta" in event
    )


WHOLE_STREAM = [
    "message_start",
    "ping",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
]


def test_a_whole_answer(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("Hello")))
    response = client.post(PATH, json=message_request())
    assert response.status_code == 200
    body = response.json
    assert body is not None
    assert body.items() >= ANSWER.items()
    assert body["content"] == [{"type": "text", "text": "Hello"}]
    assert body["stop_reason"] == "end_turn"
    assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"]) == (10, 5)
    sent = upstream.requests[0]
    assert (sent.method, sent.target) == ("POST", "/v1/chat/completions")
    assert sent.json == {
        "model": "middle-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 100,
    }
    assert sent.headers["authorization"] == "Bearer sk-server"
    assert sent.headers["x-request-id"] == response.headers["x-request-id"]
    assert "x-api-key" not in sent.headers


def test_a_streamed_answer(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(text_stream("Hel", "lo"))
    response = client.post(PATH, json=message_request(stream=True))
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["request-id"].startswith("req_")
    events = events_of(response.data)
    assert shape(events) == WHOLE_STREAM
    assert text_of(events) == "Hello"
    assert events[-2]["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 5,
    }
    sent = upstream.requests[0]
    assert sent.json["stream_options"] == {"include_usage": True}
    assert sent.headers["accept-encoding"] == "identity"


def test_the_connection_is_used_again_after_a_stream(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("one"), text_stream("two"), json_answer(completion("three")))
    for stream in (True, True, False):
        assert client.post(PATH, json=message_request(stream=stream)).data
    assert [request.connection for request in upstream.requests] == [0, 0, 0]


def test_the_first_text_leaves_before_the_second_chunk_comes(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    go_on = threading.Event()
    upstream.answer(text_stream("first", Wait(go_on), "second"))
    response = client.post(PATH, json=message_request(stream=True))
    pieces = iter(response.iter_encoded())
    seen = b""
    while b"first" not in seen:
        seen += next(pieces)
    assert b"second" not in seen
    go_on.set()
    assert text_of(events_of(seen + b"".join(pieces))) == "firstsecond"


def test_several_tools(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(tool_stream(("c1", "a", '{"x": 1}'), ("c2", "b", '{"y": 2}')))
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in "ab"]
    response = client.post(PATH, json=message_request(stream=True, tools=tools))
    events = events_of(response.data)
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert [(block["name"], block["id"]) for block in starts] == [("a", "c1"), ("b", "c2")]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "error", "expected", "kind"),
    [
        pytest.param(402, {"message": "pay"}, 402, "billing_error", id="5 402"),
        pytest.param(403, {"message": "no"}, 403, "permission_error", id="5 403"),
        pytest.param(429, {"message": "slow"}, 429, "rate_limit_error", id="5 429"),
        pytest.param(500, {"message": "oops"}, 500, "api_error", id="5 500"),
        pytest.param(503, {"message": "busy"}, 529, "overloaded_error", id="5 503"),
        pytest.param(504, {"message": "late"}, 504, "timeout_error", id="5 504"),
    ],
)
def test_an_upstream_error_is_a_real_status(
    client: FlaskClient,
    upstream: UpstreamStub,
    stream: bool,
    status: int,
    error: dict[str, str],
    expected: int,
    kind: str,
) -> None:
    upstream.answer(
        json_answer({"error": error}, status, {"retry-after": "7", "x-request-id": "u1"})
    )
    response = client.post(PATH, json=message_request(stream=stream))
    assert response.status_code == expected
    assert response.json == {
        "type": "error",
        "error": {"type": kind, "message": error["message"]},
        "request_id": response.headers["request-id"],
    }
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-upstream-request-id"] == "u1"


KEY_ECHO = {"error": {"message": "no: plain-server-key", "failed_generation": "plain-server-key"}}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(json_answer(KEY_ECHO, 400), id="5 in a refusal"),
        pytest.param(json_answer(KEY_ECHO), id="5 with status 200"),
        pytest.param(sse(KEY_ECHO), id="5 first in a stream"),
        pytest.param(sse(chunk(content="some"), KEY_ECHO), id="5 inside a stream"),
        pytest.param(
            sse({"choices": [{"index": 0, "finish_reason": "error", **KEY_ECHO}]}),
            id="5 beside a failed finish",
        ),
        pytest.param(
            answer(b"plain", content_type="text/plain-server-key"), id="5 in a content type"
        ),
    ],
)
def test_edge_109_the_servers_key_never_reaches_a_client(
    connect: Connect, upstream: UpstreamStub, script: Script, stream: bool
) -> None:
    upstream.answer(script)
    client = connect(openai_api_key="plain-server-key")
    response = client.post(PATH, json=message_request(stream=stream))
    assert b"***" in response.data
    assert b"plain-server-key" not in response.data


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_object_with_status_200(
    client: FlaskClient, upstream: UpstreamStub, stream: bool
) -> None:
    upstream.answer(json_answer({"error": {"message": "slow down", "code": 429}}))
    response = client.post(PATH, json=message_request(stream=stream))
    assert response.status_code == 429
    assert response.json is not None
    assert response.json["error"]["type"] == "rate_limit_error"


def test_an_error_chunk_first_is_a_real_status(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(sse({"error": {"message": "overloaded, try later"}}))
    response = client.post(PATH, json=message_request(stream=True))
    assert response.status_code == 529


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(
            b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
            b'data: {"error":{"message":"no","code":403}}\n\n',
            403,
            id="behind a role chunk",
        ),
        pytest.param(
            b': ok\n\ndata: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'
            b'error: {"code":400,"message":"exceeds the available context size"}\n\n'
            b"data: [DONE]\n\n",
            400,
            id="llama.cpp's field",
        ),
        pytest.param(
            b'data: {"choices":[{"delta":{},"finish_reason":"MALFORMED_FUNCTION_CALL"}]}\n\n',
            502,
            id="a finish reason",
        ),
        pytest.param(
            b'data: {"base_resp":{"status_code":1002,"status_msg":"rate limit"}}\n\n',
            429,
            id="MiniMax",
        ),
        pytest.param(
            b'error: {"message":"Engine is overloaded"}\n\n', 529, id="an error line alone"
        ),
    ],
)
def test_a_failure_before_content_is_a_real_status(
    client: FlaskClient, upstream: UpstreamStub, body: bytes, status: int
) -> None:
    upstream.answer(sse(body, done=False))
    assert client.post(PATH, json=message_request(stream=True)).status_code == status


def test_a_stream_that_ends_before_it_began_is_a_real_status(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(sse(done=False))
    response = client.post(PATH, json=message_request(stream=True))
    assert response.status_code == 502


@pytest.mark.parametrize("ending", [Close(), Reset()], ids=["4 closed", "4 reset"])
def test_a_cut_stream_ends_in_an_error_event(
    client: FlaskClient, upstream: UpstreamStub, ending: Close | Reset
) -> None:
    upstream.answer(text_stream("half", Sleep(0.05), ending))
    response = client.post(PATH, json=message_request(stream=True))
    events = events_of(response.data)
    assert shape(events)[-1] == "error"
    assert events[-1]["error"]["type"] == "api_error"
    assert events[-1]["request_id"] == response.headers["request-id"]
    assert "message_stop" not in shape(events)


def test_a_broken_whole_answer_is_a_502(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(
        answer(b'{"choices": [', Close(), headers={"Content-Length": "500"}, framing="close")
    )
    assert client.post(PATH, json=message_request()).status_code == 502


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"<html><h1>Welcome</h1></html>", "text/html", id="5 html with status 200"),
        pytest.param(b"", "application/json", id="5 nothing"),
        pytest.param(b'{"choices": [{"mess', "application/json", id="5 half a JSON"),
        pytest.param(b"[]", "application/json", id="5 JSON of another kind"),
        pytest.param(b'{"choices": []}', "application/json", id="edge 36 no choices"),
    ],
)
def test_an_answer_that_is_none_is_a_502(
    client: FlaskClient, upstream: UpstreamStub, stream: bool, body: bytes, content_type: str
) -> None:
    upstream.answer(answer(body, content_type=content_type))
    response = client.post(PATH, json=message_request(stream=stream))
    assert (response.status_code, response.json["error"]["type"]) == (502, "api_error")  # type: ignore[index]
    upstream.answer(json_answer(completion("fine")))
    assert client.post(PATH, json=message_request()).status_code == 200


def test_a_json_answer_to_a_stream_request_is_streamed(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer(completion("all at once")))
    response = client.post(PATH, json=message_request(stream=True))
    events = events_of(response.data)
    assert shape(events) == WHOLE_STREAM
    assert text_of(events) == "all at once"


def test_4_a_json_answer_to_a_stream_request_may_take_its_time(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.2)
    body = json.dumps(completion("slowly")).encode()
    upstream.answer(answer(body[:20], Sleep(0.8), body[20:]))
    response = client.post(PATH, json=message_request(stream=True))
    assert text_of(events_of(response.data)) == "slowly"


@pytest.mark.parametrize("pause", [(), (Sleep(0.1),)], ids=["at once", "later"])
def test_4_an_answer_with_its_finish_is_whole_whatever_follows(
    client: FlaskClient, upstream: UpstreamStub, pause: tuple[Sleep, ...]
) -> None:
    whole = text_stream("whole")[:-2]
    head, chunks = whole[0], b"".join(piece for piece in whole[1:] if isinstance(piece, bytes))
    upstream.answer((head, chunks, *pause, b"no chunk size\r\n"))
    events = events_of(client.post(PATH, json=message_request(stream=True)).data)
    assert shape(events) == WHOLE_STREAM


def test_4_half_a_chunk_size_is_no_reason_to_give_up(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.2)
    head, first, *rest = text_stream("whole")
    assert isinstance(first, bytes)
    upstream.answer((head, first[:1], Sleep(0.8), first[1:], *rest))
    response = client.post(PATH, json=message_request(stream=True))
    assert text_of(events_of(response.data)) == "whole"


def test_a_stream_without_a_chunk_in_time_is_a_real_status(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(sse(Sleep(20)))
    response = connect(first_byte_timeout=0.5).post(PATH, json=message_request(stream=True))
    assert response.status_code == 504
    assert response.json is not None
    assert response.json["error"]["message"] == "the upstream did not answer within 0.5 s"


def test_a_stream_in_answer_to_a_whole_request_is_aggregated(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("piece ", "by piece"))
    response = client.post(PATH, json=message_request())
    assert response.json is not None
    assert response.json["content"] == [{"type": "text", "text": "piece by piece"}]


def test_a_redirect_is_not_followed(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(answer(b"", status=307, headers={"Location": "http://127.0.0.1:1/"}))
    response = client.post(PATH, json=message_request())
    assert response.status_code == 502
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [False, True])
def test_1_5_a_refused_parameter_is_healed_and_remembered(
    client: FlaskClient, upstream: UpstreamStub, stream: bool
) -> None:
    refusal = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    script = text_stream("ok") if stream else json_answer(completion("ok"))
    upstream.answer(json_answer(refusal, 400), script, script)
    request = message_request(stream=stream, temperature=0.5)
    for _ in range(2):
        response = client.post(PATH, json=request)
        assert response.status_code == 200
        assert response.headers["x-claude-proxy-dropped"] == "temperature"
        assert b"ok" in response.data
    assert ["temperature" in sent.json for sent in upstream.requests] == [True, False, False]


def test_1_5_the_largest_output_is_learned(client: FlaskClient, upstream: UpstreamStub) -> None:
    refusal = {
        "error": {
            "message": "max_tokens is too large: 32000. This model supports at most 16384"
            " completion tokens, whereas you provided 32000.",
            "param": "max_tokens",
        }
    }
    upstream.answer(json_answer(refusal, 400), json_answer(completion("ok")))
    assert client.post(PATH, json=message_request(max_tokens=32000)).status_code == 200
    assert [sent.json["max_tokens"] for sent in upstream.requests] == [32000, 16384]


def test_1_5_two_refusals_in_one_request_are_both_healed(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    refused = [
        {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}},
        {"error": {"message": "Unsupported parameter: 'top_p'", "param": "top_p"}},
    ]
    upstream.answer(*(json_answer(body, 400) for body in refused), json_answer(completion("ok")))
    request = message_request(temperature=0.5, top_p=0.5)
    assert client.post(PATH, json=request).status_code == 200
    assert "temperature" not in upstream.requests[2].json
    assert "top_p" not in upstream.requests[2].json


def test_1_5_an_upstream_that_refuses_one_item_after_the_other_is_satisfied(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    items = ("stream_options", "parallel_tool_calls", "temperature", "top_p", "max_tokens")

    def strict(sent: Recorded) -> Script:
        for name in items:
            if name in sent.json:
                words = f"Unsupported parameter: '{name}' is not supported"
                return json_answer({"error": {"message": words, "param": name}}, 400)
        return text_stream("ok")

    upstream.default = strict
    request = message_request(
        stream=True,
        temperature=0.5,
        top_p=0.5,
        tools=[{"name": "t", "input_schema": {"type": "object"}}],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
    )
    for asked in (len(items) + 1, len(items) + 2):
        assert text_of(events_of(client.post(PATH, json=request).data)) == "ok"
        assert len(upstream.requests) == asked


def test_1_5_an_upstream_that_is_never_satisfied_is_not_asked_for_ever(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    def smaller(sent: Recorded) -> Script:
        words = f"max_tokens is too large: at most {sent.json['max_tokens'] - 1} completion tokens"
        return json_answer({"error": {"message": words}}, 400)

    upstream.default = smaller
    assert client.post(PATH, json=message_request()).status_code == 400
    assert len(upstream.requests) == MAX_HEALINGS + 1


def test_1_5_what_a_failed_repetition_taught_is_not_kept(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    refusal = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    upstream.answer(
        json_answer(refusal, 400),
        json_answer({"error": {"message": "broken"}}, 500),
        json_answer(completion("ok")),
    )
    request = message_request(temperature=0.5)
    assert client.post(PATH, json=request).status_code == 500
    assert client.post(PATH, json=request).status_code == 200
    assert upstream.requests[2].json["temperature"] == 0.5


@pytest.mark.parametrize("stream", [False, True])
def test_1_1_a_pre_warm_calls_nobody(
    client: FlaskClient, upstream: UpstreamStub, stream: bool
) -> None:
    response = client.post(PATH, json=message_request(max_tokens=0, stream=stream))
    assert response.status_code == 200
    if stream:
        events = events_of(response.data)
        assert shape(events) == ["message_start", "ping", "message_delta", "message_stop"]
        assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    else:
        body = response.json
        assert body is not None
        assert (body["content"], body["stop_reason"]) == ([], "max_tokens")
        assert body["usage"]["input_tokens"] > 0
        assert body["usage"]["output_tokens"] == 0
    assert upstream.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_edge_35_a_limit_too_small_for_reasoning_is_an_empty_answer(
    client: FlaskClient, upstream: UpstreamStub, stream: bool
) -> None:
    refusal = {
        "error": {
            "message": "Could not finish the message because max_tokens or model output limit was"
            " reached. Please try again with higher max_tokens.",
            "type": "invalid_request_error",
        }
    }
    upstream.answer(json_answer(refusal, 400))
    response = client.post(PATH, json=message_request(max_tokens=1, stream=stream))
    assert response.status_code == 200
    assert b'"stop_reason":"max_tokens"' in response.data


@pytest.mark.parametrize("stream", [False, True])
def test_a_silent_upstream_times_out_before_the_head(
    connect: Connect, upstream: UpstreamStub, stream: bool
) -> None:
    upstream.answer((Sleep(10),))
    response = connect(first_byte_timeout=0.3).post(PATH, json=message_request(stream=stream))
    assert response.status_code == 504
    assert response.json is not None
    assert response.json["error"] == {
        "type": "timeout_error",
        "message": "the upstream did not answer within 0.3 s",
    }
    assert upstream.closed.wait(60)


def test_a_stream_that_stalls_ends_in_an_error_event(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("some", Sleep(10)))
    response = connect(request_timeout=0.3).post(PATH, json=message_request(stream=True))
    events = events_of(response.data)
    assert events[-1]["error"] == {
        "type": "timeout_error",
        "message": "the upstream sent nothing for 0.3 s",
    }
    response.close()
    assert upstream.closed.wait(60)


def test_the_limit_of_the_whole_request_ends_a_dripping_stream(
    connect: Connect, upstream: UpstreamStub
) -> None:
    drip = [item for _ in range(40) for item in (".", Sleep(0.1))]
    upstream.answer(text_stream(*drip))
    response = connect(total_timeout=0.5).post(PATH, json=message_request(stream=True))
    assert events_of(response.data)[-1]["error"]["message"] == "the request took longer than 0.5 s"


def test_a_head_that_drips_is_no_answer(connect: Connect, upstream: UpstreamStub) -> None:
    drip = [item for byte in b"HTTP/1.1 200 OK" * 9 for item in (bytes([byte]), Sleep(0.1))]
    upstream.answer(tuple(drip))
    response = connect(first_byte_timeout=0.5).post(PATH, json=message_request())
    assert response.status_code == 504


def test_silence_after_the_finish_ends_the_stream_well(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.translated_codec.FINISH_SECONDS", 0.3)
    upstream.answer(sse(chunk(content="done"), chunk("stop"), usage_chunk(), Sleep(10)))
    response = client.post(PATH, json=message_request(stream=True))
    assert shape(events_of(response.data)) == WHOLE_STREAM


def test_the_settling_time_begins_anew_with_each_delta(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.translated_codec.FINISH_SECONDS", 0.6)
    thought = {"choices": [{"delta": {"reasoning_content": "Hm."}, "finish_reason": "stop"}]}
    each = [{"choices": [{"delta": {"content": word}, "finish_reason": "stop"}]} for word in "abc"]
    paused = [item for word in each for item in (word, Sleep(0.4))]
    upstream.answer(sse(thought, Sleep(1.2), *paused, Sleep(10)))
    response = client.post(PATH, json=message_request(stream=True))
    events = events_of(response.data)
    assert text_of(events) == "abc"
    assert events[-1]["type"] == "message_stop"


def test_a_slow_first_chunk_gets_its_200_and_pings(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.2)
    monkeypatch.setattr("proxy.relay.deadlines.PING_SECONDS", 0.3)
    script = sse(Sleep(2), chunk(content="late"), chunk("stop"), usage_chunk())
    upstream.answer(script)
    response = client.post(PATH, json=message_request(stream=True))
    events = events_of(response.data)
    assert text_of(events) == "late"
    assert [event["type"] for event in events].count("ping") >= 3


def test_an_error_after_the_peek_is_an_event(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.stream.PEEK_SECONDS", 0.2)
    upstream.answer(sse(Sleep(0.8), {"error": {"message": "rate limit", "code": 429}}))
    response = client.post(PATH, json=message_request(stream=True))
    assert response.status_code == 200
    assert events_of(response.data)[-1]["error"] == {
        "type": "rate_limit_error",
        "message": "rate limit",
    }


def test_closing_the_answer_closes_the_upstream(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("some", Sleep(20)))
    response = client.post(PATH, json=message_request(stream=True))
    next(iter(response.iter_encoded()))
    response.close()
    assert upstream.closed.wait(60)


def test_an_answer_that_was_never_read_frees_the_upstream(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("some", Sleep(20)))
    client.post(PATH, json=message_request(stream=True)).close()
    assert upstream.closed.wait(60)


def test_a_missing_usage_is_estimated(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(sse(chunk(content="Hello there, friend"), chunk("stop")))
    events = events_of(client.post(PATH, json=message_request(stream=True)).data)
    usage = events[-2]["usage"]
    assert usage["input_tokens"] == 8
    assert usage["output_tokens"] == 4


def test_without_estimation_missing_usage_is_zero(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(sse(chunk(content="Hello there"), chunk("stop")))
    proxy = connect(enable_token_estimation=False)
    events = events_of(proxy.post(PATH, json=message_request(stream=True)).data)
    assert (events[-2]["usage"]["input_tokens"], events[-2]["usage"]["output_tokens"]) == (0, 0)
    assert events[0]["message"]["usage"]["input_tokens"] == 0


def test_streams_share_no_state(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.default = lambda sent: text_stream(
        *(sent.json["messages"][0]["content"] for _ in range(20))
    )

    def ask(number: int) -> str:
        request = message_request(f"<{number}>", stream=True)
        return text_of(events_of(client.application.test_client().post(PATH, json=request).data))

    asked = [gevent.spawn(ask, number) for number in range(30)]
    gevent.joinall(asked, raise_error=True)
    assert [greenlet.value for greenlet in asked] == [f"<{n}>" * 20 for n in range(30)]


def test_9_a_field_error_names_the_field(client: FlaskClient, upstream: UpstreamStub) -> None:
    response = client.post(PATH, json={"model": "claude-x", "max_tokens": 1})
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"] == {
        "type": "invalid_request_error",
        "message": "messages: Field required",
    }
    assert upstream.requests == []


def test_missing_max_tokens_with_a_default(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()))
    request = message_request()
    del request["max_tokens"]
    assert connect(default_max_tokens=77).post(PATH, json=request).status_code == 200
    assert upstream.requests[0].json["max_tokens"] == 77


def test_dropped_fields_are_named(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()))
    response = client.post(PATH, json=message_request(top_k=5))
    assert response.headers["x-claude-proxy-dropped"] == "top_k"


def test_rate_limit_headers_are_translated(client: FlaskClient, upstream: UpstreamStub) -> None:
    headers = {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-tokens": "9",
        "set-cookie": "a=b",
    }
    upstream.answer(json_answer(completion(), 200, headers), text_stream("x", headers=headers))
    for stream in (False, True):
        response = client.post(PATH, json=message_request(stream=stream))
        assert response.headers["anthropic-ratelimit-requests-limit"] == "100"
        assert response.headers["anthropic-ratelimit-tokens-remaining"] == "9"
        assert "set-cookie" not in response.headers


def test_bodies_are_logged_only_where_the_operator_wants_them(
    connect: Connect, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    upstream.answer(json_answer(completion("answered")), text_stream("stre", "amed"))
    proxy = connect()
    proxy.post(PATH, json=message_request("the prompt"))
    proxy.post(PATH, json=message_request("the prompt", stream=True)).close()
    for words in ("the prompt", "answered", "amed"):
        assert words not in caplog.text
    upstream.answer(json_answer(completion("answered")), text_stream("stre", "amed"))
    proxy = connect(log_body_max_chars=500, log_stream_text_preview_chars=6)
    proxy.post(PATH, json=message_request("the prompt"))
    response = proxy.post(PATH, json=message_request("again", stream=True))
    assert response.data
    response.close()
    for words in ("the prompt", "answered", "again", ": stream... [8 in all]"):
        assert words in caplog.text


def test_what_was_odd_in_a_stream_is_logged(
    client: FlaskClient, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    upstream.answer(sse(chunk(content="x"), b"data: {nonsense\n\n", chunk("stop")))
    response = client.post(PATH, json=message_request(stream=True))
    assert response.data
    response.close()
    assert 'oddities="undecodable=1"' in caplog.text
