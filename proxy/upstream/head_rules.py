"""Which response heads are refused, and the body framing of the others.

Rule: a head with ambiguous framing is refused (RFC 9112, sections 5 and 6.3). A guess at where its
body ends leads to waiting for bytes that never arrive, or to a truncated body taken for a whole one.
"""

from __future__ import annotations

import re
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http.client import HTTPException, HTTPMessage

# http.client takes a line that is not a header for the end of the head and drops what follows.
_DEFECTS = (
    FirstHeaderLineIsContinuationDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
_LENGTH = re.compile(r"[0-9]{1,18}")
_BLANKS = " \t"
"""``str.strip`` without arguments would remove control characters too."""
_CODINGS = frozenset({"", "identity", "chunked"})


def refuse_bad_head(headers: HTTPMessage) -> None:
    """Raise ``HTTPException`` for a malformed header line."""
    if any(isinstance(defect, _DEFECTS) for defect in headers.defects):
        raise HTTPException("malformed header line")


def body_framing(headers: HTTPMessage) -> tuple[bool, int | None]:
    """Whether the body is chunked, and its length where one is given; a chunked body has none.

    A header line repeated with the same value counts once, and so does a length repeated within a
    line: ``http.client`` reads only the first line and urllib3 reads all, so they could disagree.
    Raises ``HTTPException`` for other transfer codings, and for a length that is not a number.
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
