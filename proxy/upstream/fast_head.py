"""Fast parsing of ordinary response heads.

Rule: the result is the same as that of ``http.client`` (compared by tests/upstream/test_fast_head.py).
A head is parsed here only if the buffer holds all of it and every line has the simplest form; any
other head stays in the buffer for ``http.client``.

Reason: ``http.client`` parses headers with the ``email`` package, which takes 75 microseconds longer
for six headers (docs/performance.md).
"""

from __future__ import annotations

import re
from http.client import HTTPMessage
from typing import NamedTuple

from proxy.upstream.reader import SocketReader

PLAIN_BYTES = 16384
"""The longest head that is parsed here."""
MAX_HEADERS = 99
"""The limit of ``http.client``, which counts the blank line too."""
_STATUS_LINE = re.compile(r"HTTP/1\.1 ([2-5]\d\d)(?: ([\x20-\x7e]*))?")


class PlainHead(NamedTuple):
    """What ``http.client`` reads from the head of an HTTP/1.1 response."""

    status: int
    reason: str
    headers: HTTPMessage
    chunked: bool
    length: int | None
    """Bytes of the body; None if the headers do not give it."""
    closes: bool
    """Whether the sender closes the connection after the body."""


def take_head(reader: SocketReader) -> PlainHead | None:
    """Consume the head at the start of the buffer of ``reader``.

    None, with nothing consumed, if the head is incomplete or not plain.
    """
    held, at = reader.held, reader.at
    end = held.find(b"\r\n\r\n", at, at + PLAIN_BYTES)
    if end < 0:
        return None
    text = held[at:end].decode("latin-1")
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or breaks > MAX_HEADERS:
        return None
    started = _STATUS_LINE.fullmatch(lines[0])
    headers = _headers(lines[1:]) if started else None
    if started is None or headers is None:
        return None
    framing = _framing(headers)
    if framing is None:
        return None
    reader.at = end + 4
    status, reason = int(started[1]), (started[2] or "").strip()
    closes = "close" in headers.get("connection", "").lower()
    return PlainHead(status, reason, headers, *framing, closes)


def _headers(lines: list[str]) -> HTTPMessage | None:
    headers = HTTPMessage()
    for line in lines:
        name, colon, value = line.partition(":")
        # Stricter than RFC 9110; the names in use are accepted.
        if not colon or not name.isascii() or not name.replace("-", "").isalnum():
            return None
        headers.set_raw(name, value.lstrip(" \t"))
    return headers


def _framing(headers: HTTPMessage) -> tuple[bool, int | None] | None:
    """Whether the body is chunked, and its length; None if the headers need a full check."""
    codings = headers.get_all("transfer-encoding", ())
    lengths = headers.get_all("content-length", ())
    if len(codings) + len(lengths) > 1:
        return None
    if codings:
        return (True, None) if codings[0].lower() == "chunked" else None
    if not lengths:
        return False, None
    length = lengths[0]
    plain = length.isascii() and length.isdigit()
    return (False, int(length)) if plain and len(length) < 16 else None
