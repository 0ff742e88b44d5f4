"""A plain reader of a complete chunked body: the reference for ``EagerResponse``.

Rule: RFC 9112, section 7.1, with what docs/edge-cases.md forgives: bare line feeds behind sizes and
trailers, blanks around a size, an end without its empty line. Written for plainness, not speed.
"""

from __future__ import annotations

import string
from typing import Literal, NamedTuple

Ending = Literal["complete", "cut short", "bad"]


class Unchunked(NamedTuple):
    """What a chunked body holds, how it ends, and how many of its bytes belong to it."""

    data: bytes
    ending: Ending
    length: int


def unchunked(body: bytes) -> Unchunked:
    """The body that ``body``, behind which the connection ends, is or begins with."""
    data, at = b"", 0
    while True:
        line, found, _ = body[at:].partition(b"\n")
        if not found:
            return Unchunked(data, "cut short", len(body))
        digits = line.split(b";")[0].strip()
        if not digits or digits.strip(string.hexdigits.encode()):
            return Unchunked(data, "bad", at)
        size, start = int(digits, 16), at + len(line) + 1
        if size == 0:
            return Unchunked(data, "complete", _end_of_trailers(body, start))
        data += body[start : start + size]
        ending = body[start + size : start + size + 2]
        if ending != b"\r\n":
            cut = ending in (b"", b"\r")
            return Unchunked(data, "cut short" if cut else "bad", start + size)
        at = start + size + 2


def _end_of_trailers(body: bytes, at: int) -> int:
    while b"\n" in body[at:]:
        line, _, _ = body[at:].partition(b"\n")
        at += len(line) + 1
        if not line.rstrip(b"\r"):
            return at
    return len(body)
