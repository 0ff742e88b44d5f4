"""What each mistake in a stream is called; a scripted Messages API makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.cli.smoke.messages_server import (
    IDENTITY,
    Event,
    MessagesServer,
    events_of,
    message,
    named,
    served,
    stream_of,
    text,
)
from tests.cli.smoke.runs import smoke
from tests.upstream_stub import Close, Script, Sleep, json_answer

Capture = pytest.CaptureFixture[str]
SONNET = "claude-sonnet-5"


def without(kind: str) -> Callable[[list[Event]], list[Event]]:
    return lambda events: [event for event in events if event["type"] != kind]


def swapped(events: list[Event]) -> list[Event]:
    """A delta before the start of its block."""
    found = [n for n, event in enumerate(events) if event["type"] == "content_block_start"]
    first = found[0]
    return [*events[:first], events[first + 1], events[first], *events[first + 2 :]]


def renamed(events: list[Event]) -> list[Event]:
    start = events[0]
    told = {**start, "message": {**start["message"], "model": "gpt-4o"}}
    return [told, *events[1:]]


def uncounted(events: list[Event]) -> list[Event]:
    nothing = {"input_tokens": 0, "output_tokens": 0}
    start = {**events[0], "message": {**events[0]["message"], "usage": nothing}}
    delta = {**events[-2], "usage": nothing}
    return [start, *events[1:-2], delta, events[-1]]


def error_event() -> Event:
    return {"type": "error", "error": {"type": "overloaded_error", "message": "Too busy"}}


BROKEN_STREAMS: Sequence[Any] = (
    pytest.param(
        lambda events: [*events[:4], Close()],
        "the stream was cut without message_stop after 4 events",
        id="cut inside a chunked answer",
    ),
    pytest.param(
        lambda events: events[:-1],
        "the stream ended without message_stop after 7 events",
        id="no message_stop",
    ),
    pytest.param(
        lambda events: [*events[:3], named(events[3])[:-9]],
        "the stream ended without message_stop after 3 events",
        id="ended inside an event",
    ),
    pytest.param(
        swapped,
        "content_block_delta for index 0 which is not open",
        id="a delta before its block",
    ),
    pytest.param(
        without("content_block_stop"),
        "message_delta while block 0 is still open",
        id="a block that is not closed",
    ),
    pytest.param(
        without("message_start"), "content_block_start before message_start", id="no start"
    ),
    pytest.param(
        lambda events: [*events, *events[-1:]],
        "message_stop after message_stop",
        id="two ends",
    ),
    pytest.param(
        lambda events: [*events[:-2], {**events[-2], "delta": {"usage": 5}}, events[-1]],
        "the answer cannot be read: TypeError",
        id="an event of an unforeseen form",
    ),
    pytest.param(uncounted, "no usage: it counts no input tokens", id="no usage"),
    pytest.param(
        renamed,
        "the answer names the model 'gpt-4o', not 'claude-sonnet-5'",
        id="another model's name",
    ),
    pytest.param(
        lambda events: [*events[:3], error_event()],
        "the stream ended with an error after 3 events: overloaded_error: Too busy",
        id="an error in the stream",
    ),
    pytest.param(
        lambda events: [*events[:-1], b"event: message_stop\ndata: {}\n\n"],
        "event 8 is named 'message_stop', but its type is None",
        id="an event without its type",
    ),
    pytest.param(
        lambda events: [*events, b"data: [DONE]\n\n"],
        "event 9 (message) does not hold a JSON object",
        id="OpenAI's end",
    ),
    pytest.param(
        lambda events: [*events[:-1], b'event: message_stop\ndata: {"type":"message_stop"}\n'],
        "there is no blank line after message_stop: SDKs drop it",
        id="no blank line at the end",
    ),
    pytest.param(
        lambda events: [*events[:3], Sleep(3)],
        "it sent nothing for 0.5 s",
        id="silence",
    ),
    pytest.param(
        lambda events: [*events[:2], *[Sleep(0.1), {"type": "ping"}] * 8],
        "it sent nothing but pings for 0.5 s",
        id="pings only",
        marks=pytest.mark.long,
    ),
)


@pytest.mark.parametrize(("events", "words"), BROKEN_STREAMS)
def test_a_broken_stream_is_named(
    events: Callable[[list[Event]], Sequence[object]], words: str, capsys: Capture
) -> None:
    broken = stream_of(events(events_of(message(SONNET, text("Hello")))))
    with served(OneStream(broken)) as stub:
        seconds = "0.5" if "sent nothing" in words else "30"
        found = smoke(capsys, stub.origin, "--timeout", seconds)
    assert found.code == 1
    assert found.said("stream") == f"failed: {words}"
    assert found.errors.endswith("claude-proxy: failed: stream of claude-sonnet-5\n")


class OneStream(MessagesServer):
    """Sends one broken stream, to the check of streams, and is right otherwise."""

    def __init__(self, broken: Script) -> None:
        super().__init__()
        self._broken: Script | None = broken

    def _post(self, path: str, request: Any) -> Script:
        if self._broken and b'"stream": true' in request.body:
            broken, self._broken = self._broken, None
            return broken
        return super()._post(path, request)


def test_a_stream_that_is_no_stream_is_named(capsys: Capture) -> None:
    with served(OneStream(json_answer(message(SONNET, text("Hello")), headers=IDENTITY))) as stub:
        found = smoke(capsys, stub.origin)
    words = "failed: a stream was asked for, the answer is application/json"
    assert found.said("stream") == words
