"""Which headers an operator may add to upstream requests.

Rule: a header that frames the connection is the connection's own; everything else that HTTP can
carry is the operator's.
"""

from __future__ import annotations

import re

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
FRAMING_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that the upstream connection has to choose itself."""


def is_header_name(name: str) -> bool:
    """Whether HTTP takes ``name`` for a header."""
    return _HEADER_NAME.fullmatch(name) is not None


def is_header_value(text: str) -> bool:
    """Whether a header can carry ``text``."""
    return all(c == "\t" or " " <= c <= "~" or "\xa0" <= c <= "\xff" for c in text)
