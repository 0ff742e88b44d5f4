"""Times and sizes of docs/protocol.md, as the service has them when nothing is configured.

Other tests shorten these times. Here they are waited for, all at once, so that the whole module takes
as long as the longest one.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from time import monotonic

import gevent
import pytest

from proxy.relay import model_list
from proxy.relay.model_list import ModelList
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import (
    Recorded,
    Script,
    UpstreamStub,
    Wait,
    chunk,
    completion,
    json_answer,
    sse,
)

MEBIBYTE = 1024 * 1024
SLACK = 8.0
"""Seconds that a busy machine may take longer; nothing may come sooner."""

Times = dict[str, float]


@pytest.fixture(scope="module")
def stub() -> Iterator[UpstreamStub]:
    stub = UpstreamStub(default=_silent_after_what_the_model_says)
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def proxy(stub: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {"OPENAI_BASE_URL": stub.base_url, "OPENAI_API_KEY": "k"}
    with live_proxy(environ) as running:
        yield running


@pytest.fixture(scope="module")
def times(proxy: LiveProxy) -> dict[str, Times]:
    """When each stream had its events, in seconds from the request."""
    streams = {model: gevent.spawn(_event_times, proxy, model) for model in _WAITED_FOR}
    return {model: stream.get() for model, stream in streams.items()}


_WAITED_FOR = {"nothing": "message_start", "text": "ping again", "finished": "message_stop"}
"""Streams by what their upstream sends before it falls silent, and the event that ends the test."""
_NO_HEAD = "no head"


def _silent_after_what_the_model_says(recorded: Recorded) -> Script:
    if not recorded.json.get("stream"):
        return json_answer(completion("Hello"))
    if recorded.json["model"] == _NO_HEAD:
        return (Wait(threading.Event()),)
    sent = {
        "nothing": [],
        "text": [chunk(content="Hello")],
        "finished": [chunk(content="Hello"), chunk("stop")],
    }
    return sse(*sent[recorded.json["model"]], Wait(threading.Event()))


def _event_times(proxy: LiveProxy, model: str) -> Times:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=90)
    body = {**_request(model), "stream": True}
    begun, seen = monotonic(), dict[str, float]()
    connection.request("POST", "/v1/messages", json.dumps(body), {"x-api-key": "c"})
    with connection.getresponse() as response:
        while _WAITED_FOR.get(model, "message_start") not in seen:
            name = response.readline().decode().partition("event: ")[2].strip()
            if name:
                seen[f"{name} again" if name in seen else name] = monotonic() - begun
    connection.close()
    return seen


def _request(model: str) -> dict[str, object]:
    turns = [{"role": "user", "content": "Hi"}]
    return {"model": model, "max_tokens": 9, "messages": turns}


def test_4_peek(times: dict[str, Times]) -> None:
    """The upstream's silence becomes a 200 after 5 s."""
    assert 5 <= times["nothing"]["message_start"] <= 5 + SLACK


def test_4_ping(times: dict[str, Times]) -> None:
    """The first one stands behind message_start, the next one after 15 s of silence."""
    silence = times["text"]["ping again"] - times["text"]["content_block_delta"]
    assert 14.5 <= silence <= 15 + SLACK


def test_4_silence_after_the_finish(times: dict[str, Times]) -> None:
    """The stream ends well 5 s after the finish where nothing else comes."""
    assert 5 <= times["finished"]["message_stop"] <= 5 + SLACK


@pytest.mark.long
def test_4_early_start(proxy: LiveProxy) -> None:
    """The stream begins 45 s after the request if no head came."""
    assert 45 <= _event_times(proxy, _NO_HEAD)["message_start"] <= 45 + SLACK


@pytest.mark.parametrize(("size", "status"), [(32 * MEBIBYTE, 200), (32 * MEBIBYTE + 1, 413)])
def test_5_own_body_limit(proxy: LiveProxy, size: int, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    body = json.dumps(_request("text")).encode()
    connection.putrequest("POST", "/v1/messages")
    connection.putheader("x-api-key", "c")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(size))
    # A body that is too large is refused before it is read.
    connection.endheaders(body + b" " * (size - len(body)) if status == 200 else b"")
    with connection.getresponse() as response:
        assert response.status == status
    connection.close()


def test_7_the_list_of_models_is_kept_for_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(model_list, "monotonic", lambda: now)
    lists = ModelList()
    assert lists.entries(b"key", lambda: [{"id": "first"}]) == [{"id": "first"}]
    now += 299
    assert lists.entries(b"key", list) == [{"id": "first"}]
    now += 1
    assert lists.entries(b"key", lambda: [{"id": "second"}]) == [{"id": "second"}]
