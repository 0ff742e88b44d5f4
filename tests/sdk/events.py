"""Reading an Anthropic event stream, and what a legal one is.

Rule: written from docs/protocol.md section 4 alone; it shares no code with the translator.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

Event = dict[str, Any]

DELTAS_OF = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "server_tool_use": {"input_json_delta"},
    "redacted_thinking": set[str](),
    "web_search_tool_result": set[str](),
}
AFTER_THE_END = {"message_stop", "error"}


def parse_events(body: bytes) -> list[Event]:
    """The payloads of a complete stream; asserts that each is one named event with one line."""
    assert body.endswith(b"\n\n"), body[-80:]
    events = []
    for piece in body.decode("utf-8").removesuffix("\n\n").split("\n\n"):
        name, data = piece.split("\n")
        payload = json.loads(data.removeprefix("data: "))
        assert name == f"event: {payload['type']}"
        events.append(payload)
    return events


def assert_legal(events: Sequence[Event]) -> None:
    """One open block at a time, rising indexes, one ending, nothing behind it."""
    types = [event["type"] for event in events if event["type"] != "ping"]
    assert types[0] == "message_start"
    assert types.count("message_start") == 1
    assert types[-1] in AFTER_THE_END
    assert sum(kind in AFTER_THE_END for kind in types) == 1
    if types[-1] == "message_stop":
        assert types[-2] == "message_delta"
        assert types.count("message_delta") == 1
    _assert_blocks_in_order(events, may_stay_open=types[-1] == "error")


def _assert_blocks_in_order(events: Sequence[Event], *, may_stay_open: bool) -> None:
    index, kind = -1, None
    for event in events:
        if event["type"] == "content_block_start":
            assert kind is None, "a block starts while another is open"
            index, kind = index + 1, event["content_block"]["type"]
            assert event["index"] == index
        elif event["type"] == "content_block_delta":
            assert kind is not None
            assert event["index"] == index
            assert event["delta"]["type"] in DELTAS_OF[kind]
        elif event["type"] == "content_block_stop":
            assert kind is not None
            assert event["index"] == index
            kind = None
        elif event["type"] == "message_delta":
            assert kind is None
    assert kind is None or may_stay_open


def text_of(events: Iterable[Event]) -> str:
    """All text deltas in order."""
    return "".join(
        e["delta"]["text"] for e in events if e.get("delta", {}).get("type") == "text_delta"
    )
