"""An answer that a gateway quotes in words: ``Error code: 400 - {'error': {...}}``.

Rule: pure and bounded; an object counts only directly behind the status that it came with, so that
what a message quotes of a request is not read.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

import orjson

LONGEST = 16 * 1024
"""Characters of a quoted object that are read."""
EARLY = 300
"""The status stands in so many characters."""

_STATUS = re.compile(
    r"(?:\b(?:error code|status[ _]?code|http(?:/[\d.]+)?(?: status| error)?|(?:api|upstream) error"
    r"|(?:failed|responded|answered) with(?: status)?|returned(?: status)?|status)\W{1,4}(?:code\W{1,3})?"
    r"|^(?=[45]\d\d (?:client error|server error|bad|un|forbidden|not|payment|too|internal|service|gateway)))"
    r"([45]\d\d)\b(?! ?(?:tokens|bytes|ms\b|s\b|\.\d))",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"[^{]{0,80}(?=\{)")


class QuotedError(NamedTuple):
    """What a message quotes of another answer."""

    status: int
    body: object
    """Its decoded body; None where only the status is quoted."""


def quoted_error(message: str) -> QuotedError | None:
    """The status and body of the answer that ``message`` quotes."""
    found = _STATUS.search(message[:EARLY])
    if found is None:
        return None
    start = _OBJECT.match(message, found.end())
    body = _decoded(message[start.end() : start.end() + LONGEST]) if start else None
    return QuotedError(int(found[1]), body)


def _decoded(text: str) -> object:
    """The object with which ``text`` begins: JSON, or the form in which Python prints one."""
    text = text[: text.rfind("}") + 1]
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
