"""Which response heads are refused.

Rule: a head whose framing cannot be trusted is no HTTP (RFC 9112, sections 5 and 6.3): guessing where
its body ends means to wait for bytes that never come, or to take a part for the whole.
"""

from __future__ import annotations

import re
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http.client import HTTPException, HTTPMessage

# http.client takes a line that is no header for the end of the head: what follows is lost.
_DEFECTS = (
    FirstHeaderLineIsContinuationDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
_LENGTH = re.compile(r"[0-9]{1,18}")
_BLANKS = " \t"
"""``str.strip`` alone takes control characters for blanks too."""
_CODINGS = frozenset({"", "identity", "chunked"})


def refuse_bad_head(headers: HTTPMessage) -> None:
    """Raise ``HTTPException`` for a malformed header line."""
    if any(isinstance(defect, _DEFECTS) for defect in headers.defects):
        raise HTTPException("malformed header line")


def body_framing(headers: HTTPMessage) -> tuple[bool, int | None]:
    """Whether the body is chunked, and its length where that is given; none is needed beside chunks.

    A line that is repeated with the same value counts as one, and so does a length within a line:
    ``http.client`` looks at the first line only and urllib3 at all, so they may not agree. Raises
    ``HTTPException`` for codings that cannot be undone here, and for a length that is no number.
    """
    codings = {value.strip(_BLANKS).lower() for value in headers.get_all("transfer-encoding", ())}
    if len(codings) > 1 or not codings <= _CODINGS:
        raise HTTPException("unknown transfer encoding")
    if "chunked" in codings:
        return True, None
    given = headers.get_all("content-length")
    if given is None:
        return False, None
    length, *others = {value.strip(_BLANKS) for value in ",".join(given).split(",")}
    if others or not _LENGTH.fullmatch(length):
        raise HTTPException("bad Content-Length")
    return False, int(length)
