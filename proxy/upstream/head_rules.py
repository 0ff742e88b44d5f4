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


def refuse_bad_head(headers: HTTPMessage) -> None:
    """Raise ``HTTPException`` for a malformed header line, and for a length that is no number.

    A length that is repeated with the same value counts as one; none is needed beside chunks.
    """
    if any(isinstance(defect, _DEFECTS) for defect in headers.defects):
        raise HTTPException("malformed header line")
    given = headers.get_all("content-length")
    if given is None or "transfer-encoding" in headers:
        return
    lengths = {value.strip() for value in ",".join(given).split(",")}
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise HTTPException("bad Content-Length")
