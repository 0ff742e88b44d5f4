"""Reads the numbers and literals of a JSON text that arrives in pieces.

Rule: a reader returns the part of its token that is certain. ``Token.end`` is -1 if more text is needed;
the result is None if the text cannot be JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Token(NamedTuple):
    """A part of a token as strict JSON."""

    text: str
    end: int
    """Where the next part begins; -1 if more text is needed."""
    done: bool = True
    """True if the token is complete."""
    repaired: bool = False


UNDECIDED = Token("", -1, done=False)

_FRACTION = r"(?P<fraction>\.[0-9]++)?+"
_EXPONENT = r"(?P<exponent>[eE][+-]?+[0-9]++)?+"
_NUMBER_FROM: Mapping[str, re.Pattern[str]] = {
    "start": re.compile(rf"-?+(?:(?P<zero>0)|[1-9][0-9]*+){_FRACTION}{_EXPONENT}"),
    "integer": re.compile(rf"[0-9]*+{_FRACTION}{_EXPONENT}"),
    "zero": re.compile(_FRACTION + _EXPONENT),
    "fraction": re.compile(rf"[0-9]*+{_EXPONENT}"),
    "exponent": re.compile(r"[0-9]*+"),
}
_UNFINISHED_FROM: Mapping[str, re.Pattern[str]] = {
    "start": re.compile(r"-\Z"),
    "integer": re.compile(r"(?:\.|[eE][+-]?)\Z"),
    "zero": re.compile(r"(?:\.|[eE][+-]?)\Z"),
    "fraction": re.compile(r"[eE][+-]?\Z"),
    "exponent": re.compile(r"(?!)"),
}
_NUMBER_CHARACTERS = frozenset("0123456789+-.eE")
_JSON_FOR_WORD: Mapping[str, str] = {
    "true": "true",
    "false": "false",
    "null": "null",
    "True": "true",
    "False": "false",
    "None": "null",
}
"""The literals of JSON and those of Python, which some models write together with single quotes."""
_WORD = re.compile("|".join(_JSON_FOR_WORD))
LONGEST_WORD = max(map(len, _JSON_FOR_WORD))


def read_number(text: str, at: int, part: str) -> tuple[Token | None, str]:
    """The number from ``at`` on, and the part of a number in which ``text`` ends.

    ``part``: the part in which the text before ended: ``start`` (no digit yet), ``zero``, ``integer``,
    ``fraction`` or ``exponent``.
    """
    match = _NUMBER_FROM[part].match(text, at)
    if match is None:
        return (UNDECIDED if _UNFINISHED_FROM[part].match(text, at) else None), part
    end = match.end()
    part = _part_after(match, part)
    if end == len(text):
        return Token(match.group(), end, done=False), part
    if end > at and text[end] in _NUMBER_CHARACTERS:
        return Token(match.group(), end, done=False), part
    if _UNFINISHED_FROM[part].match(text, end):
        return UNDECIDED, part
    if text[end] in _NUMBER_CHARACTERS:
        return None, part
    return Token(match.group(), end), part


def _part_after(match: re.Match[str], part: str) -> str:
    groups = match.groupdict()
    for name in ("exponent", "fraction"):
        if groups.get(name):
            return name
    if part == "start":
        return "zero" if groups.get("zero") else "integer"
    return part


def read_word(text: str, at: int) -> Token | None:
    """``true``, ``false`` or ``null``."""
    match = _WORD.match(text, at)
    if match is not None:
        json = _JSON_FOR_WORD[match.group()]
        return Token(json, match.end(), repaired=json != match.group())
    begun = text[at : at + LONGEST_WORD]
    return UNDECIDED if any(word.startswith(begun) for word in _JSON_FOR_WORD) else None
