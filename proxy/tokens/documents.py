"""Tokens of a PDF file.

Rule: page markers are counted in the raw bytes, without a PDF library; a file has at least one page
(docs/protocol.md section 6).
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

from proxy.tokens.images import base64_start

TOKENS_PER_PAGE = 2000

SAMPLE_CHARS = 1 << 18
"""Base64 characters read for a quick estimate, which is extrapolated to a longer file."""

_PAGE = re.compile(rb"/Type\s*/Page(?=[^A-Za-z])")
_WINDOW_CHARS = 1 << 16
_OVERLAP_BYTES = 64
"""Longest page marker that may span two windows."""


def pdf_tokens(url: str) -> int:
    """2000 for each page of the PDF in a base64 data URL; one page if the URL cannot be read."""
    return TOKENS_PER_PAGE * max(1, _count_pages(url, len(url)))


def quick_pdf_tokens(url: str) -> int:
    """As ``pdf_tokens``, but never reads more than the first SAMPLE_CHARS."""
    pages = _count_pages(url, SAMPLE_CHARS)
    return TOKENS_PER_PAGE * max(1, pages * max(len(url), SAMPLE_CHARS) // SAMPLE_CHARS)


def _count_pages(url: str, chars: int) -> int:
    start = base64_start(url)
    if start is None:
        return 0
    pages = 0
    tail = b""
    # In windows, so that other threads get the GIL in between.
    for begin in range(start, min(len(url), start + chars), _WINDOW_CHARS):
        try:
            window = tail + a2b_base64(url[begin : begin + _WINDOW_CHARS])
        except (Error, ValueError):
            return pages
        last = 0
        for match in _PAGE.finditer(window):
            pages += 1
            last = match.end()
        tail = window[max(last, len(window) - _OVERLAP_BYTES) :]
    return pages
