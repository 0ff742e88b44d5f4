"""The content of a JSON string that arrives in pieces -> strict JSON.

Rule: raw control characters are escaped, a backslash before a character that needs no escape is doubled,
and an unpaired surrogate becomes U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from proxy.convert.reply.json_tokens import UNDECIDED, Token

ESCAPE = r'\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})'
"""One escape sequence of a JSON string, or the two of a surrogate pair."""
_DOUBLE = re.compile(rf'(?:[^"\\\x00-\x1f]++|{ESCAPE})*+')
_SINGLE = re.compile(rf"(?:[^\"'\\\x00-\x1f]++|{ESCAPE})*+")
_HALF = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_UNFINISHED = re.compile(
    r"\\(?:u(?:[0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?)?\Z"
)
_BLANKS = re.compile(r"[ \t\r\n]*+")
LONGEST_WAIT = 1000
"""Blanks after a single quote, at most, that may be followed by the end of its string."""
_ESCAPED: Mapping[str, str] = {
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
    '"': '\\"',
}


def read_double(text: str, at: int) -> Token:
    """The string from ``at`` on, up to its closing quote or the end of ``text``."""
    match = _DOUBLE.match(text, at)
    end = match.end() if match else at
    if end == len(text):
        return Token(text[at:end], end, done=False)
    if text[end] == '"':
        return Token(text[at:end], end + 1)
    return _with_odd(text, at, end)


def read_single(text: str, at: int, closed_before: str) -> Token:
    """As ``read_double``, for a string in single quotes.

    A quote closes the string only if one of ``closed_before`` follows; otherwise it is an apostrophe.
    """
    match = _SINGLE.match(text, at)
    end = match.end() if match else at
    if end == len(text):
        return Token(text[at:end], end, done=False, repaired=True)
    if text[end] != "'":
        return _with_odd(text, at, end)
    blanks = _BLANKS.match(text, end + 1)
    following = blanks.end() if blanks else end + 1
    if following == len(text) and following - end <= LONGEST_WAIT:
        return Token(text[at:end], end, done=False) if end > at else UNDECIDED
    if following < len(text) and text[following] in closed_before:
        return Token(text[at:end], end + 1, repaired=True)
    return Token(text[at : end + 1], end + 1, done=False, repaired=True)


def _with_odd(text: str, at: int, end: int) -> Token:
    """The string up to ``end``, and the special character there once it can be decoded."""
    if text[end] != "\\":
        odd = _ESCAPED.get(text[end]) or f"\\u{ord(text[end]):04x}"
        return Token(text[at:end] + odd, end + 1, done=False, repaired=True)
    if _UNFINISHED.match(text, end):
        return Token(text[at:end], end, done=False) if end > at else UNDECIDED
    if _HALF.match(text, end):
        return Token(text[at:end] + "\\ufffd", end + 6, done=False, repaired=True)
    if text[end + 1] == "'":
        return Token(text[at:end] + "'", end + 2, done=False, repaired=True)
    return Token(text[at:end] + "\\\\", end + 1, done=False, repaired=True)


def decoded(written: str, wanted: type) -> str | None:
    """The JSON text in the JSON string ``written``; None if it is not of type ``wanted``."""
    try:
        inner = orjson.loads(written).strip()
        value = orjson.loads(inner)
        orjson.dumps(value)
    except (orjson.JSONDecodeError, TypeError, UnicodeEncodeError):
        return None
    return inner if isinstance(value, wanted) else None
