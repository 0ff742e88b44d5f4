"""A native event stream, watched on its way through.

Rule: bytes go on in the read in which they came; only the event that names the model is awaited in
full, and only where the name has to change (docs/protocol.md section 8). However the stream is cut
into reads, the same bytes come out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from proxy.convert.usage import MAX_COUNT
from proxy.direct.model_name import replaced, string_spans

HELD_BYTES = 1_000_000
"""Longest event that is looked into; a longer one passes unread."""

_DETAILS = "output_tokens_details"
_LINE_END = rb"(?>\r\n|\n|\r)"
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,49}")
"""What may be the type of an error; it is logged and counted by, so the upstream's own words
cannot be."""
_TELLING = (b"message_", b"error", b"\r", b"\n\n\n")
"""What a read holds that has to be looked into, or cut into events, with care."""
_EVENT_END = re.compile(_LINE_END + _LINE_END)


class EventScan:
    """State of one stream: the incomplete event at its end, and what the events so far told.

    ``model`` is the name that the client shall read, None where the upstream's own is right.
    ``on_event`` is called with every decoded event; without it only those that matter are decoded.
    """

    def __init__(
        self, model: str | None, *, on_event: Callable[[Mapping[str, Any]], None] | None = None
    ) -> None:
        self._model = model
        self._on_event = on_event
        self._tail = b""
        self._skipping = False
        self.content_seen = False
        self.ended = False
        """A ``message_stop`` or ``error`` event was seen: the stream does not look cut."""
        self.error: str | None = None
        """The type of the upstream's own ``error`` event."""
        self.stop_reason: str | None = None
        self.usage: dict[str, Any] = {}

    @property
    def inside_event(self) -> bool:
        """Whether the last event is incomplete, so that nothing can follow it as it is."""
        return self._skipping or bool(self._tail.strip(b"\r\n"))

    def feed(self, data: bytes) -> bytes:
        """What of this read, and of what was held back before it, goes to the client now."""
        if self._model is None:
            if not self._nothing_matters(data):
                for event in self._complete(data):
                    self._read(event)
            passed = data
        else:
            passed = b"".join([self._passed(event) for event in self._complete(data)])
            if self._model is None or len(self._tail) > HELD_BYTES:
                self._model = None
                passed += self._tail
        if len(self._tail) > HELD_BYTES:
            self._skipping = True
            # What the end of the event may begin with.
            self._tail = self._tail[-2:]
        return passed

    def finish(self) -> bytes:
        """What was held back when the stream ended; its event counts without its blank line too."""
        held = self._tail
        if self._model is not None:
            return self._passed(held)
        if not self._skipping:
            self._read(held)
        return b""

    def _nothing_matters(self, data: bytes) -> bool:
        """Pass over all events that ``data`` completes where none can matter, as most reads.

        Nothing but a short cut: three searches of a whole read in the place of five for each event.
        """
        if not self.content_seen or self._on_event is not None or self._skipping:
            return False
        text = self._tail + data if self._tail else data
        if any(word in text for word in _TELLING):
            return False
        self._tail = text[text.rfind(b"\n\n") + 2 :] if b"\n\n" in text else text
        return True

    def _complete(self, data: bytes) -> list[bytes]:
        """The events that ``data`` completes, with the blank lines that end them."""
        # Only what is new is searched, and before it what an end may begin with.
        at, look = 0, max(0, len(self._tail) - 3)
        text = self._tail + data if self._tail else data
        events = []
        while match := _EVENT_END.search(text, look):
            events.append(text[at : match.end()])
            at = look = match.end()
        self._tail = text[at:] if at else text
        if events and self._skipping:
            self._skipping = False
            del events[0]
        return events

    def _passed(self, event: bytes) -> bytes:
        """``event`` with the client's name for the model, where it is the one that names it."""
        model, kind = self._model, self._read(event)
        if kind == "message_start" or self.content_seen:
            self._model = None
        if model is None or kind != "message_start":
            return event
        return replaced(event, string_spans(_json_in(event), "message", "model"), model)

    def _read(self, event: bytes) -> str | None:
        """Note what ``event`` tells; its type, or None where nobody wants to know it."""
        if not self._matters(event):
            return None
        try:
            value = orjson.loads(_json_in(event))
        except orjson.JSONDecodeError:
            return None
        kind = value.get("type") if type(value) is dict else None
        if type(kind) is not str:
            return None
        if self._on_event is not None:
            self._on_event(value)
        if kind.startswith("content_block_"):
            self.content_seen = True
        elif note := _NOTED.get(kind):
            note(self, value)
        return kind

    def _matters(self, event: bytes) -> bool:
        if b"message_" in event or b"error" in event or self._on_event is not None:
            return True
        return not self.content_seen and b"content_block_" in event

    def _start(self, value: Mapping[str, Any]) -> None:
        message = value.get("message")
        if type(message) is dict:
            self._count(message.get("usage"))

    def _delta(self, value: Mapping[str, Any]) -> None:
        self._count(value.get("usage"))
        delta = value.get("delta")
        reason = delta.get("stop_reason") if type(delta) is dict else None
        if type(reason) is str:
            self.stop_reason = reason

    def _stop(self, _: Mapping[str, Any]) -> None:
        self.ended = True

    def _failed(self, value: Mapping[str, Any]) -> None:
        self.ended = True
        told = value.get("error")
        kind = told.get("type") if type(told) is dict else None
        self.error = kind if type(kind) is str and _TYPE.fullmatch(kind) else "api_error"

    def _count(self, usage: object) -> None:
        self.usage |= token_counts(usage)


_NOTED: Mapping[str, Callable[[EventScan, Mapping[str, Any]], None]] = {
    "message_start": EventScan._start,
    "message_delta": EventScan._delta,
    "message_stop": EventScan._stop,
    "error": EventScan._failed,
}


def token_counts(usage: object) -> dict[str, Any]:
    """The counts of an Anthropic usage object, those of believable size; empty for anything else.

    ``output_tokens_details`` is an object of counts; it is left out where it holds none.
    """
    if type(usage) is not dict:
        return {}
    counts: dict[str, Any] = _counts_in(usage)
    if details := _counts_in(usage.get(_DETAILS)):
        counts[_DETAILS] = details
    return counts


def _counts_in(value: object) -> dict[str, int]:
    if type(value) is not dict:
        return {}
    return {
        name: count
        for name, count in value.items()
        if type(count) is int and 0 <= count <= MAX_COUNT
    }


def _json_in(event: bytes) -> bytes:
    """The data of an event at its own place: all else of it is blanked, so offsets stay true."""
    lines = event.splitlines(keepends=True)
    return b"".join(
        [b"     " + line[5:] if line.startswith(b"data:") else b" " * len(line) for line in lines]
    )
