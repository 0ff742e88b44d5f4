"""Estimate tokens without a tokenizer.

Rule: no table is loaded and no Python loop runs over the characters of a text; an estimate takes about
as long as copying the text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from proxy.tokens.documents import quick_pdf_tokens
from proxy.tokens.response_pieces import body_pieces

BYTES_PER_TOKEN = 4

CHARS_PER_TOKEN: Mapping[int, float] = {1: 4.0, 2: 2.5, 3: 1.2, 4: 0.5}
"""By a character's length in UTF-8: 1 is ASCII; 2 other alphabets; 3 Chinese, Japanese, Korean and
similar scripts; 4 emoji. Text that is three quarters ASCII has 2.5 on average (docs/features.md)."""

_LEAD_BYTES: Mapping[int, range] = {
    1: range(0x80),
    2: range(0xC0, 0xE0),
    3: range(0xE0, 0xF0),
    4: range(0xF0, 0x100),
}
_ALL_BUT_LEAD: Mapping[int, bytes] = {
    width: bytes(byte for byte in range(256) if byte not in leads)
    for width, leads in _LEAD_BYTES.items()
}


def estimate_tokens(text: str) -> int:
    """Tokens of ``text`` by docs/features.md's ratios, rounded up."""
    if text.isascii():
        return math.ceil(len(text) / CHARS_PER_TOKEN[1])
    encoded = text.encode("utf-8", "surrogatepass")
    # Deleting all bytes but one kind of lead byte leaves one byte for each such character.
    return math.ceil(
        sum(
            len(encoded.translate(None, others)) / CHARS_PER_TOKEN[width]
            for width, others in _ALL_BUT_LEAD.items()
        )
    )


def cheap_estimate(chat_body: Mapping[str, Any]) -> int:
    """EST of docs/protocol.md section 4: bytes of the converted text / 4, plus images and PDFs.

    For ``message_start`` and for limits. The number of pages of a long PDF is extrapolated.
    """
    pieces = body_pieces(chat_body)
    size = sum(_utf8_length(text) for text in pieces.texts)
    media = pieces.image_tokens + sum(quick_pdf_tokens(url) for url in pieces.pdfs)
    return -(-size // BYTES_PER_TOKEN) + media


def _utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
