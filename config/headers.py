"""Checks for headers that an operator configures, for upstreams and for the trace collector.

Rule: upstream requests may get every valid header except those that the HTTP client sets itself.
"""

from __future__ import annotations

import re

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
CLIENT_SET_HEADERS = frozenset(
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
"""Headers that the HTTP client sets for each upstream connection."""


def is_header_name(name: str) -> bool:
    """Whether ``name`` is a field name (RFC 9110 section 5.1)."""
    return _HEADER_NAME.fullmatch(name) is not None


def is_header_value(text: str) -> bool:
    """Whether ``text`` is a field value (RFC 9110 section 5.5)."""
    return all(c == "\t" or " " <= c <= "~" or "\xa0" <= c <= "\xff" for c in text)
