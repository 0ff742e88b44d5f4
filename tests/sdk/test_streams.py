"""What a streaming client sees while time passes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.live import LiveProxy
from tests.sdk.clients import message_request, raw_client
from tests.sdk.events import assert_legal, parse_events, text_of
from tests.upstream_stub import (
    Close,
    Framing,
    Recorded,
    Script,
    Sleep,
    UpstreamStub,
    Wait,
    byte_by_byte,
    chunk,
    sse,
    text_stream,
    tool_call,
    usage_chunk,
)


def fragment(index: int, arguments: str, **names: str) -> dict[str, Any]:
    return chunk(tool_calls=[tool_call(index, arguments, **names)])


EVERYTHING = [
    chunk(role="assistant"),
    chunk(reasoning_content="hm, schön 日本"),
    chunk(content="He"),
    chunk(content="llo 🎉"),
    chunk(content=" wörld"),
    fragment(0, "", id="call_a", name="look"),
    fragment(1, "", id="call_b", name="listen"),
    fragment(0, '{"at": "the'),
    fragment(1, '{"to": "m'),
    fragment(0, ' moon 🌕"}'),
    fragment(1, 'usic"}'),
    chunk("tool_calls"),
    usage_chunk(),
]


def answer(proxy: LiveProxy, text: str = "hello") -> list[dict[str, Any]]:
    """The events of one streamed answer."""
    with raw_client(proxy) as client:
        client.send(message_request(text=f"say {text}"))
        client.read_all(30)
        return parse_events(client.events())


def told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events without pings and without what is new in every answer."""
    kept = [event for event in events if event["type"] != "ping"]
    for event in kept:
        event.get("message", {}).pop("id", None)
    return kept


@pytest.mark.parametrize("framing", ["chunked", "close", "length"])
def test_pieces_do_not_matter(framing: Framing, proxy: LiveProxy, upstream: UpstreamStub) -> None:
    head, *steps = sse(*EVERYTHING, framing=framing)
    whole = b"".join(step for step in steps if isinstance(step, bytes))
    upstream.default = (head, whole, *([Close()] if framing == "close" else []))
    expected = answer(proxy)
    upstream.default = byte_by_byte(sse(*EVERYTHING, framing=framing))
    assert told(answer(proxy)) == told(expected)
    assert_legal(expected)
    assert text_of(expected) == "Hello 🎉 wörld"
    assert expected[-2]["delta"]["stop_reason"] == "tool_use"


def test_the_first_text_does_not_wait_for_the_second_chunk(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    arrived = threading.Event()
    upstream.default = text_stream("first", Wait(arrived), " second")
    with raw_client(proxy) as client:
        client.send(message_request())
        so_far = client.read_until(b'"text":"first"')
        assert b"second" not in so_far
        arrived.set()
        client.read_all()
        assert text_of(parse_events(client.events())) == "first second"


def test_a_stream_begins_with_a_ping(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    upstream.default = text_stream("a")
    assert [event["type"] for event in answer(proxy)[:2]] == ["message_start", "ping"]


@pytest.mark.long
def test_silence_is_filled_with_pings(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    """Two streams at once, silent for 16 s: from the start, and after some text."""
    upstream.default = _silent_answer
    with ThreadPoolExecutor(2) as pool:
        streams = list(pool.map(lambda text: answer(proxy, text), ["", "so far"]))
    for events, text in zip(streams, [" the end", "so far the end"], strict=True):
        assert_legal(events)
        assert [event["type"] for event in events].count("ping") == 2
        assert text_of(events) == text


def _silent_answer(request: Recorded) -> Script:
    text = request.json["messages"][0]["content"].removeprefix("say ")
    return text_stream(*([text] if text else []), Sleep(16), " the end")
