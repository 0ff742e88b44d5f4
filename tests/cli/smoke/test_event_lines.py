"""Reading the lines of a stream (proxy/cli/smoke/event_lines.py)."""

from __future__ import annotations

import pytest

from proxy.cli.smoke.event_lines import EventLines
from proxy.cli.smoke.grammar import Violation

STREAM = "event: ping\ndata: {}\n\n: comment\n\ndata: é\ndata:two\nid: 3\n\n".encode()
EVENTS = [("ping", "{}"), ("message", "é\ntwo")]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("stream", [STREAM, STREAM.replace(b"\n", b"\r\n")])
def test_events_do_not_depend_on_the_pieces(stream: bytes, size: int) -> None:
    lines = EventLines()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [event for piece in pieces for event in lines.feed(piece)] == EVENTS
    assert lines.unfinished is None


@pytest.mark.parametrize(
    ("rest", "name"),
    [
        (b"data: {}", "message"),
        (b"event: ping\ndata: {}\n", "ping"),
        (b"event: ping\ndata: {}", "ping"),
        (b"even", "message"),
    ],
)
def test_an_event_without_its_blank_line_is_dropped(rest: bytes, name: str) -> None:
    lines = EventLines()
    assert list(lines.feed(STREAM + rest)) == EVENTS
    assert lines.unfinished == name


def test_a_line_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(Violation, match="a line of the stream is not UTF-8"):
        list(EventLines().feed(b"data: \xff\n\n"))
