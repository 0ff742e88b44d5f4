"""Bytes of an event stream -> chunks.

Rule: sans-IO; the chunks do not depend on how the bytes were split into reads, no input raises an error,
and the time is linear in the number of bytes. sseclient-py parses events; what it cannot process is
normalised or limited first: a byte order mark, CR and CRLF line ends, invalid UTF-8, events without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sseclient import SSEClient

from proxy.sse import Chunk, Signal
from proxy.upstream.decode import MENDED_BYTES, load_json
from proxy.upstream.halves import HalfCharacters

EVENT_BYTES = 16_000_000
"""Largest event; a larger one is skipped and reported as undecodable."""
MOST_LINES = 20_000
"""Most lines of an event; one with more is skipped too."""
HELD_BYTES = 65536
"""Longest incomplete event that ``release`` returns; a larger one would be copied at each read."""
EVENT_LINES = 64
"""Events with more lines are not parsed by sseclient-py, whose time is quadratic in the lines of an event."""
BOM = b"\xef\xbb\xbf"
RESPONSE_EVENTS = "response."
"""How names of Responses events begin; some servers name an event only there, not in its data."""
FIELDS = (b"data", b"event", b"id", b"retry", b":", b"error:")
"""How event streams begin; ``error:`` is llama.cpp's field for a failure."""


class ChunkDecoder:
    """State of one event stream: the incomplete event at its end.

    Pass the bytes of every read to ``feed``, in order; call ``finish`` once at the end of the stream.
    """

    def __init__(self, *, event_bytes: int = EVENT_BYTES) -> None:
        self._limit = event_bytes
        self._least = min(event_bytes, MOST_LINES)
        """Events up to this length are not too large."""
        self._held = bytearray()
        self._started = False
        self._after_cr = False
        self._skipping = False
        self._halves = HalfCharacters()

    @property
    def holds_half(self) -> bool:
        """True while half a character waits for the next chunk, which must then be fed."""
        return self._halves.waiting

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks of all events that ``data`` completes, in order."""
        data = self._normal(data)
        held = self._held
        seen = len(held)
        held += data
        # Search only the new bytes and the one before them: a blank line may be split.
        end = held.rfind(b"\n\n", max(seen - 1, 0))
        if end < 0:
            return self._bounded()
        complete = bytes(held[: end + 2])
        del held[: end + 2]
        if self._skipping:
            self._skipping = False
            complete = complete.partition(b"\n\n")[2]
        chunks = list(self._chunks(complete))
        return chunks + self._bounded()

    def release(self, data: bytes) -> bytes | None:
        """Remove the incomplete event from this decoder and return it with ``data`` appended.

        The caller parses these bytes itself, and passes to ``feed``, in order, those that it does
        not consume. None, with nothing removed, if ``feed`` would not parse them unchanged.
        """
        held = self._held
        if not self._started and not held and data[:1].isascii():
            # The stream does not begin with a byte order mark.
            self._started = True
        odd = self._skipping or self._after_cr or not self._started
        if odd or len(held) > HELD_BYTES or b"\r" in data:
            return None
        if not held:
            return data
        whole = bytes(held) + data
        held.clear()
        return whole

    def finish(self) -> list[Chunk]:
        """The chunk of an unterminated last event, if its data is complete JSON or ``[DONE]``."""
        last, self._held = bytes(self._held), bytearray()
        if self._skipping:
            return []
        return [chunk for chunk in self._chunks(last) if chunk is not Signal.UNDECODABLE]

    def _normal(self, data: bytes) -> bytes:
        """``data`` with LF line ends only and, at the start, without byte order mark."""
        if not self._started:
            data = bytes(self._held) + data
            self._held.clear()
            if len(data) < len(BOM) and BOM.startswith(data):
                self._held += data
                return b""
            self._started = True
            data = data.removeprefix(BOM)
        if self._after_cr and data:
            # The LF of a CRLF that was split.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _bounded(self) -> list[Chunk]:
        """Start to skip an incomplete event that is too large; keep its last byte to find its end."""
        held = self._held
        if self._skipping:
            del held[:-1]
            return []
        while held.startswith(b"\n"):
            del held[:1]
        if len(held) - held.endswith(b"\n") <= self._limit:
            return []
        self._skipping = True
        del held[:-1]
        return [Signal.UNDECODABLE]

    def _chunks(self, complete: bytes) -> Iterator[Chunk]:
        if b"error:" in complete:
            complete = _with_named_errors(complete)
        for block in complete.split(b"\n\n"):
            event = self._text(block)
            if event is None:
                yield Signal.UNDECODABLE
                continue
            name, data = _event(event)
            text = data.strip()
            if text:
                yield _chunk(name, text, self._halves)

    def _text(self, block: bytes) -> str | None:
        """The lines of one event, bytes that are not UTF-8 replaced; None if it is too large for that."""
        if len(block) > self._least and self._is_too_large(block):
            return None
        try:
            return block.decode()
        except UnicodeDecodeError:
            return None if len(block) > MENDED_BYTES else block.decode("utf-8", "replace")

    def _is_too_large(self, block: bytes) -> bool:
        return len(block.strip(b"\n")) > self._limit or block.count(b"\n") > MOST_LINES


def sniff(data: bytes, content_type: str | None) -> Literal["sse", "json", "other"]:
    """The format of a body with a success status, by its first bytes and then by its content type.

    ``data`` is the first non-blank read. Some upstreams answer a stream request with JSON, or a
    plain one with an event stream, also with the wrong content type (docs/edge-cases.md 38).
    """
    start = data.removeprefix(BOM).lstrip()
    if start.startswith((b"{", b"[")):
        return "json"
    if start.startswith(FIELDS):
        return "sse"
    label = (content_type or "").lower()
    if "text/event-stream" in label and not start.startswith(b"<"):
        return "sse"
    if not start and "json" in label:
        return "json"
    # The first read may contain only a part of the first field's name.
    return "sse" if start and any(field.startswith(start) for field in FIELDS) else "other"


def _with_named_errors(events: bytes) -> bytes:
    """``events`` with lines ``error: {...}`` as the data of events that are named ``error``."""
    return (b"\n" + events).replace(b"\nerror:", b"\nevent: error\ndata:")[1:]


def _event(block: str) -> tuple[str, str]:
    """Name and data of one event: ``message`` and no data if it has none.

    sseclient-py parses it, unless it is one line of data, with or without a line with its name before, as
    most are, or has many lines, for which its time is quadratic.
    """
    if block.startswith("data:") and "\n" not in block:
        return "message", block[5:].removeprefix(" ")
    if block.startswith("event:") and block.count("\n") == 1:
        name, data = block.split("\n")
        if data.startswith("data:"):
            return name[6:].removeprefix(" ") or "message", data[5:].removeprefix(" ")
    if block.count("\n") > EVENT_LINES:
        return _long_event(block)
    event = next(SSEClient(iter([block.encode() + b"\n\n"])).events(), None)
    return (event.event, event.data) if event else ("message", "")


def _long_event(block: str) -> tuple[str, str]:
    """As ``_event``, in linear time."""
    name, values = "message", []
    for line in block.split("\n"):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            values.append(value)
        elif field == "event":
            name = value or "message"
    return name, "\n".join(values)


def _chunk(name: str, text: str, halves: HalfCharacters) -> Chunk:
    if text == "[DONE]":
        return Signal.DONE
    try:
        value = load_json(text, halves)
    except ValueError:
        return {"error": text} if name == "error" else Signal.UNDECODABLE
    if name == "error" and not (isinstance(value, dict) and "error" in value):
        return {"error": value}
    if name.startswith(RESPONSE_EVENTS) and isinstance(value, dict) and "type" not in value:
        return {"type": name, **value}
    return value
