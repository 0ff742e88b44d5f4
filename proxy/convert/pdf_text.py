"""The text of a PDF file.

Rule: bytes in, text or None out; whatever is wrong with a file, or whether the optional library is
there at all, never reaches the caller as an exception (docs/protocol.md 10.8).
"""

from __future__ import annotations

from io import BytesIO
from struct import error as StructError
from typing import TYPE_CHECKING
from zlib import error as ZlibError

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MAX_BYTES = 32 * 1024 * 1024
MAX_PAGES = 100
"""What the Messages API itself reads of a document."""
MAX_CHARS = 500_000
"""About 125,000 tokens: more would not fit beside the question."""
MAX_DRAWING_BYTES = 4 * 1024 * 1024
"""Drawing instructions read in all. Text is a small part of a page that is mostly drawn, and each
megabyte takes seconds."""

_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    StructError,
    TypeError,
    ValueError,
    ZlibError,
)
"""What reading a broken file raises besides pypdf's own errors: it trusts what the file says."""


def pdf_to_text(file: bytes) -> str | None:
    """The text of a PDF, page after page; None without text, without pypdf or above 32 MB.

    At most 100 pages and 500,000 characters; a last line says what was left out. This takes up to
    some seconds, so a server calls it in a thread.
    """
    try:
        # The library is an extra of this distribution.
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        return None
    if len(file) > MAX_BYTES:
        return None
    try:
        return _text(PdfReader(BytesIO(file)))
    except (PyPdfError, *_BROKEN):
        return None


def _text(reader: PdfReader) -> str | None:
    total = len(reader.pages)
    texts: list[str] = []
    chars, drawing = MAX_CHARS, MAX_DRAWING_BYTES
    for index in range(min(total, MAX_PAGES)):
        page = reader.pages[index]
        drawing -= _drawing_bytes(page)
        if drawing < 0 or chars <= 0:
            break
        text = page.extract_text().strip()
        texts.append(text[:chars])
        chars -= len(text)
    whole = "\n\n".join(filter(None, texts))
    if not whole:
        return None
    if len(texts) < total or chars < 0:
        whole += f"\n[the text is cut here, on page {len(texts)} of {total}]"
    # What a file calls text may hold half a character.
    return whole.encode("utf-8", "replace").decode()


def _drawing_bytes(page: PageObject) -> int:
    contents = page.get_contents()
    return len(contents.get_data()) if contents is not None else 0
