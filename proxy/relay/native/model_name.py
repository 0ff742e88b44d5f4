"""Replaces the model's name in JSON bytes.

Rule: no other byte changes. The JSON is not serialized again, so a client's numbers, escapes, spaces and
the prefix that an upstream caches stay as they were sent (docs/protocol.md section 8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import orjson

Span = tuple[int, int]

_KEY = b'"model"'
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")


def with_model(body: bytes, model: str) -> bytes:
    """``body`` with ``model`` as the value of its top-level ``model``.

    ``body`` must be a valid JSON object whose ``model`` is a string. A member given twice is
    replaced twice: parsers differ in which one they use.
    """
    only = _only_span(body)
    return replaced(body, string_spans(body, "model") if only is None else [only], model)


def replaced(text: bytes, spans: Sequence[Span], value: str) -> bytes:
    """``text`` with ``value`` as a JSON string in place of each span, in order."""
    if not spans:
        return text
    new = orjson.dumps(value)
    pieces: list[bytes] = []
    at = 0
    for start, end in spans:
        pieces += (text[at:start], new)
        at = end
    return b"".join((*pieces, text[at:]))


def string_spans(text: bytes, *path: str) -> list[Span]:
    """The spans of the string values at ``path``, quotes included, in a valid JSON object.

    The path leads through objects only. The time is proportional to the length of ``text``.
    """
    # Has the same length; the only quotes left are those that begin or end a string.
    plain = text.replace(rb"\\", b"  ").replace(rb"\"", b"  ") if b"\\" in text else text
    return list(_spans(plain, 0, len(plain), path))


def _only_span(body: bytes) -> Span | None:
    """The span of the value if the bytes ``"model"`` occur only once, so that they are the member.

    Takes a tenth of the time of the search that tracks the levels.
    """
    if body.count(_KEY) != 1 or rb"\u00" in body:
        return None
    colon = _COLON.match(body, body.find(_KEY) + len(_KEY))
    if colon is None or body[colon.end() : colon.end() + 1] != b'"':
        return None
    end = body.index(b'"', colon.end() + 1) + 1
    return None if b"\\" in body[colon.end() : end] else (colon.end(), end)


def _spans(plain: bytes, start: int, end: int, path: Sequence[str]) -> Iterator[Span]:
    for value in _values(plain, start, end, path[0]):
        opening = plain[value : value + 1]
        if len(path) > 1 and opening == b"{":
            yield from _spans(plain, value, _object_end(plain, value), path[1:])
        elif len(path) == 1 and opening == b'"':
            yield value, plain.index(b'"', value + 1) + 1


def _values(plain: bytes, start: int, end: int, name: str) -> Iterator[int]:
    """Where the values of the members ``name`` begin, in the object between ``start`` and ``end``."""
    at, depth = start, 0
    for found in _key(name, plain).finditer(plain, start, end):
        depth += _opened(plain[at : found.start()])
        at = found.start()
        colon = _COLON.match(plain, found.end()) if depth == 1 else None
        if colon is not None:
            yield colon.end()


def _key(name: str, plain: bytes) -> re.Pattern[bytes]:
    """Every way to write ``name`` as a JSON string."""
    if rb"\u00" not in plain:
        return re.compile(b'"%b"' % name.encode())
    letters = [rb"(?:%c|\\u00(?i:%02x))" % (letter, letter) for letter in name.encode()]
    return re.compile(b'"%b"' % b"".join(letters))


def _opened(piece: bytes) -> int:
    """Levels that open in ``piece`` minus those that close; ``piece`` begins outside of a string."""
    glyphs = b"".join(piece.split(b'"')[::2])
    return glyphs.count(b"{") + glyphs.count(b"[") - glyphs.count(b"}") - glyphs.count(b"]")


def _object_end(plain: bytes, start: int) -> int:
    """A place after the object that begins at ``start`` and before the next string outside of it."""
    at, depth = start, 0
    while True:
        quote = plain.find(b'"', at)
        if quote < 0:
            return len(plain)
        depth += _opened(plain[at:quote])
        if depth <= 0:
            return quote
        at = plain.index(b'"', quote + 1) + 1
