"""Parse the JSON of upstreams, lone surrogates included.

Rule: for any text the result is a value or a ``ValueError``, in at most 100 ms: no function call can be
interrupted, and the parser holds the event loop.
"""

from __future__ import annotations

import json
import re

import orjson

from proxy.upstream.halves import HalfCharacters

SHORT_BYTES = 1 << 18
"""Text up to this length is parsed whatever it contains."""
MOST_BYTES = 16_000_000
"""Longest JSON text that is parsed; orjson reads a gigabyte of plain strings a second."""
MOST_MARKS = 250_000
"""Most commas and opening brackets in a longer text, which bound the number of its values. As many members
of an object take 70 ms. 128,000 tokens of ordinary JSON have a fifth of them."""
MENDED_BYTES = 1 << 20
"""Longest text in which lone surrogates are replaced, which takes 50 times as long as parsing."""
JOINED_BYTES = 1 << 16
"""Longest chunk in which a character's second half is looked for."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class TooMuch(ValueError):
    """JSON that is too long, or has too many values, to be parsed at once."""


def load_json(text: str | bytes, halves: HalfCharacters | None = None) -> object:
    """The value of a JSON text; lone surrogate escapes become U+FFFD, or wait in ``halves``.

    orjson refuses a lone ``"\\ud83d"``, but servers that split a text between two escapes send it, and
    skipping the chunk would lose the rest of its text. Raises ``TooMuch`` for a text that takes too long,
    and ``ValueError`` for any other text that orjson refuses: NaN, nesting above 1024, invalid UTF-8.
    """
    if len(text) > SHORT_BYTES:
        _check_size(text)
    if halves is not None and len(text) > JOINED_BYTES:
        halves = None
    try:
        value = orjson.loads(text)
        return _joined(value, halves) if halves is not None and halves.waiting else value
    except orjson.JSONDecodeError:
        escape = b"\\ud" if isinstance(text, bytes) else "\\ud"
        if len(text) > MENDED_BYTES or escape not in text.lower():  # type: ignore[operator]
            raise
    return orjson.loads(_LONE_SURROGATE.sub("\ufffd", _reescaped(text, halves)))


def _check_size(text: str | bytes) -> None:
    if len(text) > MOST_BYTES:
        raise TooMuch(f"more than {MOST_BYTES} bytes")
    if isinstance(text, bytes):
        marks = sum(map(text.count, (b",", b"[", b"{")))
    else:
        marks = sum(map(text.count, (",", "[", "{")))
    if marks > MOST_MARKS:
        raise TooMuch(f"more than {MOST_MARKS} values")


def _joined(value: object, halves: HalfCharacters) -> object:
    try:
        return halves.join(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _reescaped(text: str | bytes, halves: HalfCharacters | None) -> str:
    try:
        value = json.loads(text)
        if halves is not None:
            value = _joined(value, halves)
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
