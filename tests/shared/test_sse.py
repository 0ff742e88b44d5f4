"""Events -> bytes (docs/protocol.md section 4)."""

from __future__ import annotations

from typing import Any

from proxy.sse import HEADERS, PING, encode_events


def test_each_event_has_its_name_one_data_line_and_a_blank_line() -> None:
    events: list[dict[str, Any]] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "é\n"}},
        {"type": "message_stop"},
    ]
    assert (
        encode_events(events)
        == (
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            '"delta":{"type":"text_delta","text":"é\\n"}}\n\n'
            'event: message_stop\ndata: {"type":"message_stop"}\n\n'
        ).encode()
    )


def test_a_ping_is_what_encoding_it_gives() -> None:
    assert encode_events([{"type": "ping"}]) == PING


def test_headers_keep_everybody_from_buffering() -> None:
    assert HEADERS == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }
