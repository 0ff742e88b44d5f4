"""Anthropic stream events -> the bytes of a server-sent event stream.

Rule: each event is an ``event:`` line, one ``data:`` line and a blank line; official SDKs skip
events without a name, and a last event without its blank line (docs/protocol.md section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import orjson

HEADERS: Mapping[str, str] = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}
"""Headers of a streamed answer; they keep caches and nginx from buffering events."""

PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def encode_events(events: Iterable[Mapping[str, Any]]) -> bytes:
    """All ``events`` as bytes for one write."""
    dumps = orjson.dumps
    return b"".join(
        [b"event: %b\ndata: %b\n\n" % (event["type"].encode(), dumps(event)) for event in events]
    )


class Signal(Enum):
    """Stream items that are not JSON."""

    DONE = "done"
    """``data: [DONE]``."""
    UNDECODABLE = "undecodable"
    """A data line that is not JSON, or an event above the size cap."""


Chunk = Any
"""A decoded JSON value or a ``Signal``."""
