"""Many streams on one worker, and clients that leave."""

from __future__ import annotations

import threading

import pytest
from gevent.pool import Group

from tests.live import LiveProxy
from tests.sdk.clients import message_request, raw_client
from tests.sdk.events import assert_legal, parse_events, text_of
from tests.upstream_stub import (
    Recorded,
    Script,
    Sleep,
    UpstreamStub,
    Wait,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
)
from tests.waiting import until

STREAMS = 300
FREED_SECONDS = 60.0
SILENCE = Sleep(100)


def test_300_streams_on_one_worker_complete(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    all_there = threading.Event()

    def script(request: Recorded) -> Script:
        name = request.json["messages"][0]["content"]
        pauses = [step for n in range(5) for step in (f" {n}", Sleep(0.05))]
        return text_stream(f"{name}:", Wait(all_there), *pauses)

    def one(number: int) -> str:
        with raw_client(proxy) as client:
            client.send(message_request(text=f"stream {number}"))
            client.read_all(60)
            events = parse_events(client.events())
        assert_legal(events)
        assert events[-1]["type"] == "message_stop"
        return text_of(events)

    upstream.default = script
    group = Group()
    answers = group.map_async(one, range(STREAMS))
    assert upstream.wait_for_requests(STREAMS, 60)
    all_there.set()
    expected = [f"stream {number}: 0 1 2 3 4" for number in range(STREAMS)]
    assert answers.get(timeout=60) == expected


@pytest.mark.parametrize(
    ("stream", "silent", "first"),
    [
        pytest.param(False, (SILENCE,), b"", id="whole answer, nothing yet"),
        pytest.param(True, (SILENCE,), b"", id="stream, nothing yet"),
        pytest.param(True, sse(SILENCE), b"", id="stream, head only"),
        pytest.param(
            True, sse(chunk(content="words"), SILENCE), b"words", id="stream, silent after words"
        ),
    ],
)
def test_a_client_that_leaves_frees_the_upstream_connection(
    stream: bool, silent: Script, first: bytes, proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    upstream.default = silent
    with raw_client(proxy) as client:
        client.send(message_request(stream=stream))
        assert upstream.wait_for_requests(1)
        if first:
            client.read_until(first)
    used = upstream.connections[upstream.requests[0].connection]
    assert used.closed.wait(FREED_SECONDS)


def test_a_client_that_leaves_is_logged_as_such(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    before = proxy.log().count("POST /v1/messages 499")
    upstream.default = (SILENCE,)
    with raw_client(proxy) as client:
        client.send(message_request(stream=False))
        assert upstream.wait_for_requests(1)
    until(lambda: proxy.log().count("POST /v1/messages 499") > before, "the line is missing")


def test_the_worker_answers_on_after_all_that(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion("still here"))
    with raw_client(proxy) as client:
        client.send(message_request(stream=False))
        assert b"still here" in client.read_all()
    assert len(proxy.worker_pids()) == 1
    assert "Traceback" not in proxy.log()
