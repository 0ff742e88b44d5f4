"""The grammar of streams (proxy/cli/smoke/grammar.py) and what a client makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from proxy.cli.smoke.assembly import Assembly
from proxy.cli.smoke.grammar import Grammar, Violation
from tests.cli.smoke.messages_server import Event, call, events_of, message, text

THOUGHT = {"type": "thinking", "thinking": "Well ...", "signature": "sig"}
WHOLE = message("m", THOUGHT, text("Hello"), call("get_time", 1), stop_reason="tool_use")
START, PING, *BLOCK = events_of(message("m", text("Hello")))
OPEN, DELTA, _, CLOSE, END, STOP = BLOCK


def check(events: Sequence[Event], *, cut: bool = False) -> None:
    grammar = Grammar()
    for event in events:
        grammar.take(event.get("type", ""), event)
    grammar.end(cut=cut)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(events_of(WHOLE), id="three blocks"),
        pytest.param(events_of(message("m")), id="no block"),
        pytest.param([PING, START, PING, OPEN, PING, CLOSE, PING, END, PING, STOP], id="pings"),
        pytest.param([START, OPEN, CLOSE, END, END, STOP], id="two message_delta"),
        pytest.param([START, {"type": "new_kind"}, OPEN, CLOSE, END, STOP], id="an unknown event"),
        pytest.param(
            [
                START,
                {**OPEN, "content_block": {"type": "new_kind"}},
                {**DELTA, "delta": {"type": "new_delta"}},
                CLOSE,
                END,
                STOP,
            ],
            id="an unknown block",
        ),
    ],
)
def test_a_legal_stream(events: Sequence[Event]) -> None:
    check(events)


def other(event: Event, **members: Any) -> Event:
    return {**event, **members}


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "the stream ended without an event"),
        ([START], "the stream ended without message_stop after 1 event"),
        ([START, OPEN, DELTA], "the stream ended without message_stop after 3 events"),
        ([OPEN], "content_block_start before message_start"),
        ([START, START], "a second message_start"),
        ([other(START, message=None)], "message_start holds no message"),
        (
            [other(START, message={"content": [text("Hi")], "usage": {}})],
            "the message of message_start has content; it comes in blocks",
        ),
        ([other(START, message={"content": []})], "the message of message_start has no usage"),
        ([START, other(OPEN, index=1)], "content_block_start for index 1 where 0 is next"),
        ([START, other(OPEN, index=False)], "content_block_start for index False where 0 is next"),
        (
            [START, OPEN, other(OPEN, index=1)],
            "content_block_start for index 1 while 0 is still open",
        ),
        (
            [START, other(OPEN, content_block={})],
            "content_block_start for index 0 without a content_block",
        ),
        (
            [START, OPEN, other(DELTA, index=1)],
            "content_block_delta for index 1 which is not open",
        ),
        (
            [START, OPEN, CLOSE, DELTA],
            "content_block_delta for index 0 which is not open",
        ),
        ([START, OPEN, CLOSE, CLOSE], "content_block_stop for index 0 which is not open"),
        (
            [START, OPEN, other(DELTA, delta={"type": "thinking_delta", "thinking": ""})],
            "thinking_delta in a block of type text",
        ),
        ([START, OPEN, other(DELTA, delta=None)], "None in a block of type text"),
        (
            [START, OPEN, other(DELTA, delta={"type": "text_delta"})],
            "text_delta without its text 'text'",
        ),
        ([START, OPEN, END], "message_delta while block 0 is still open"),
        ([START, other(END, usage=None)], "message_delta without usage"),
        ([START, other(END, delta=None)], "message_delta without a delta"),
        ([START, END, OPEN], "content_block_start for index 0 after message_delta"),
        ([START, STOP], "message_stop without a message_delta before it"),
        ([START, OPEN, STOP], "message_stop while block 0 is still open"),
        ([START, END, STOP, PING], "ping after message_stop"),
        (
            [START, {"type": "error", "error": {"type": "api_error", "message": "gone"}}],
            "the stream ended with an error after 1 event: api_error: gone",
        ),
        ([{"type": "error"}], "the stream ended with an error after 0 events: None: None"),
    ],
)
def test_an_illegal_stream_is_named(events: Sequence[Event], words: str) -> None:
    with pytest.raises(Violation) as found:
        check(events)
    assert str(found.value) == words


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([START, OPEN], "the stream was cut without message_stop after 2 events"),
        ([START, END, STOP], "the connection was cut after message_stop, inside the HTTP answer"),
    ],
)
def test_a_cut_connection_is_named(events: Sequence[Event], words: str) -> None:
    with pytest.raises(Violation) as found:
        check(events, cut=True)
    assert str(found.value) == words


def test_a_name_that_is_not_the_type_is_named() -> None:
    with pytest.raises(Violation) as found:
        Grammar().take("message", START)
    assert str(found.value) == "event 1 is named 'message', but its type is 'message_start'"


def test_events_become_the_message_that_they_describe() -> None:
    assembly = Assembly()
    for event in events_of(WHOLE):
        assembly.take(event)
    assert assembly.finished() == WHOLE
