"""An error answer that a gateway quotes in its message: ``Error code: 400 - {'error': {...}}``.

Rule: pure and bounded. An object counts only directly after a status, so that text of the request that a
message quotes is not read.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

import orjson

LONGEST = 16 * 1024
"""Maximum number of characters of a quoted object that are read."""
EARLY = 300
"""Characters of a message in which the status is searched."""

_STATUS = re.compile(
    r"(?:\b(?:error code|status[ _]?code|http(?:/[\d.]+)?(?: status| error)?|(?:api|upstream) error"
    r"|(?:failed|responded|answered) with(?: status)?|returned(?: status)?|status)\W{1,4}(?:code\W{1,3})?"
    r"|^(?=[45]\d\d (?:client error|server error|bad|un|forbidden|not|payment|too|internal|service|gateway)))"
    r"([45]\d\d)\b(?! ?(?:tokens|bytes|ms\b|s\b|\.\d))",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"[^{]{0,80}(?=\{)")


class QuotedError(NamedTuple):
    """The quoted status and body of another answer."""

    status: int
    body: object
    """The decoded body; None if only the status is quoted."""


def quoted_error(message: str) -> QuotedError | None:
    """The status and body of the answer that ``message`` quotes."""
    found = _STATUS.search(message[:EARLY])
    if found is None:
        return None
    start = _OBJECT.match(message, found.end())
    body = _decoded(message[start.end() : start.end() + LONGEST]) if start else None
    return QuotedError(int(found[1]), body)


def _decoded(text: str) -> object:
    """The object at the start of ``text``: JSON, or a Python ``repr``."""
    text = text[: text.rfind("}") + 1]
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
