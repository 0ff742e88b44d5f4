"""One recording: its events masked, limited in size, and written.

Rule: used by the writer's thread, except ``secrets``, to which the request adds before its first event.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.telemetry.recording.directory import RecordingDirectory
from proxy.telemetry.recording.format import Event, line_of
from proxy.telemetry.recording.masking import MaskedStream, Secrets

FILE_BYTES = 16 << 20
"""Longest recording; what exceeds it is left out, and the recording is marked as truncated."""
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_ENDS = frozenset({"end", "closed", "failure"})
"""Events that end the body of a call."""


class RecordingFile:
    """The file ``name`` with the events of one exchange."""

    def __init__(self, name: str, secrets: Secrets, most_bytes: int = FILE_BYTES) -> None:
        self.name = name
        self.secrets = secrets
        self.given_up = False
        """True if nothing more is written."""
        self._most_bytes = most_bytes
        self._size = 0
        self._created = False
        self._truncated = False
        self._bodies: dict[Any, MaskedStream] = {}
        """The bodies that have begun: that of each call by its number, the client's under None."""

    def write(self, directory: RecordingDirectory, events: list[Event]) -> None:
        """Write ``events``; raises ``OSError``."""
        if self.given_up:
            return
        lines = b"".join(line for event in events for line in self._lines(event))
        if not lines:
            return
        if self._created:
            directory.append(self.name, lines)
        else:
            directory.create(self.name, lines)
            self._created = True

    def _lines(self, event: Event) -> Iterator[bytes]:
        """The lines for ``event``: after a truncation only that the exchange is over."""
        if self._truncated:
            if event["event"] == "done":
                yield line_of(event)
            return
        for masked in self._masked(event):
            line = b"" if self._exceeds(masked) else line_of(masked)
            if self._size + len(line) > self._most_bytes or not line:
                self._truncated = True
                yield line_of({"event": "truncated", "t": event["t"], "limit": self._most_bytes})
                if event["event"] == "done":
                    yield line_of(event)
                return
            self._size += len(line)
            yield line

    def _exceeds(self, event: Event) -> bool:
        return self._size + len(event.get("data") or b"") > self._most_bytes

    def _masked(self, event: Event) -> Iterator[Event]:
        """``event`` with its credentials masked, after what was still held back before it."""
        kind, body = event["event"], event.get("call")
        if kind in ("piece", "sent"):
            masked = self._bodies.setdefault(body, MaskedStream(self.secrets)).feed(event["data"])
            if masked:
                yield {**event, "data": masked}
            return
        if kind == "done" or kind in _ENDS:
            held = self._bodies.pop(body, None)
            rest = held.rest() if held is not None else b""
            if held is not None and held.masked:
                event = {**event, "masked": True}
            if rest:
                yield {**event_start(event, "sent" if kind == "done" else "piece"), "data": rest}
        yield self._masked_members(event)

    def _masked_members(self, event: Event) -> Event:
        secrets, made = self.secrets, dict(event)
        answered = event["event"] in ("head", "answer")
        for name, value in event.items():
            if name == "headers":
                made[name] = secrets.in_headers(value, answered=answered)
            elif name in ("url", "target"):
                made[name] = secrets.in_url(value)
            elif name == "data":
                made |= self._body(event)
            elif name not in ("event", "t"):
                made[name] = secrets.in_value(value)
        return made

    def _body(self, event: Event) -> Event:
        """A whole body, decompressed, because nothing can be masked in a compressed one."""
        data, encoding = event["data"], event.get("encoding")
        if self._exceeds(event):
            return {}
        if encoding not in (None, "", "identity"):
            plain = _decompressed(data, encoding, self._most_bytes)
            if plain is None:
                return {"data": b"", "unreadable": True}
            data = plain
        masked = self.secrets.in_bytes(data)
        return {"data": masked} if masked == data else {"data": masked, "masked": True}


def event_start(event: Mapping[str, Any], kind: str) -> Event:
    """The first members of an event of ``kind`` at the time and for the call of ``event``."""
    call = {"call": event["call"]} if "call" in event else {}
    return {"event": kind, "t": event["t"], **call}


def _decompressed(data: bytes, encoding: str, limit: int) -> bytes | None:
    """The content of ``data``, at most a little more than ``limit`` bytes; None if it is not valid."""
    try:
        return zlib.decompressobj(_WINDOW_BITS[encoding]).decompress(data, limit + 1)
    except (KeyError, zlib.error):
        return None
