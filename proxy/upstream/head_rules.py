"""Which response heads are refused, and the body framing of the others.

Rule: a head with ambiguous framing is refused (RFC 9112, sections 5 and 6.3). With a wrong body length
the proxy would wait for bytes that never arrive, or accept a truncated body as complete.
"""

from __future__ import annotations

import re
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http.client import HTTPException, HTTPMessage

# http.client treats a line that is not a header as the end of the head and ignores later headers.
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
    """Whether the body is chunked, and its length; None for a chunked body, or if none is given.

    A header line repeated with the same value counts once, and so does a length repeated within a
    line. ``http.client`` reads only the first line and urllib3 reads all, so their lengths could
    differ. Raises ``HTTPException`` for other transfer codings, differing values, and a length that
    is not a number.
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
