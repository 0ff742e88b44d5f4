"""Tokens of an image.

Rule: pixels are never decoded; from the base64 only the bytes that contain the size are. An image
whose size cannot be read counts as the largest one (docs/protocol.md section 6).
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Callable
from dataclasses import dataclass

MAX_IMAGE_TOKENS = 1600
LONG_EDGE = 1568
"""Pixels: larger images are scaled down to it before they are counted."""
PIXELS_PER_TOKEN = 750

_MAX_JPEG_SEGMENTS = 500
"""Real files have a few dozen before the size; a crafted file could have millions."""

Size = tuple[int, int]
"""Width and height in pixels."""


def image_tokens(url: str) -> int:
    """Tokens of the image at ``url``: by its size for a base64 data URL, else the maximum."""
    base64_from = base64_start(url)
    if base64_from is None:
        return MAX_IMAGE_TOKENS
    size = _image_size(_Base64View(url, base64_from))
    return tokens_for_size(size) if size else MAX_IMAGE_TOKENS


def tokens_for_size(size: Size) -> int:
    """min(ceil(w*h/750), 1600) after scaling the long edge to at most 1568 pixels."""
    width, height = size
    edge = max(width, height)
    # Scaling multiplies the area by (LONG_EDGE / edge) squared; integers avoid rounding errors.
    scale, full = (LONG_EDGE**2, edge**2) if edge > LONG_EDGE else (1, 1)
    tokens = -(-width * height * scale // (full * PIXELS_PER_TOKEN))
    return min(tokens, MAX_IMAGE_TOKENS)


def base64_start(url: str) -> int | None:
    """Where the base64 of a ``data:`` URL begins; None for any other URL."""
    if url[:5].lower() != "data:":
        return None
    comma = url.find(",", 0, 200)
    return comma + 1 if url[:comma].lower().endswith(";base64") else None


@dataclass(frozen=True, slots=True)
class _Base64View:
    """Random access to base64 text; a read past the end, or of invalid base64, returns fewer bytes."""

    text: str
    start: int

    def read(self, offset: int, count: int) -> bytes:
        group, skip = divmod(offset, 3)
        begin = self.start + 4 * group
        end = begin + 4 * -(-(skip + count) // 3)
        try:
            return a2b_base64(self.text[begin:end])[skip : skip + count]
        except (Error, ValueError):
            return b""


def _image_size(view: _Base64View) -> Size | None:
    head = view.read(0, 30)
    for magic, reader in _SIZE_READERS:
        if head.startswith(magic):
            size = reader(head, view)
            return size if size and all(size) else None
    return None


def _png_size(head: bytes, _: _Base64View) -> Size | None:
    if head[12:16] != b"IHDR" or len(head) < 24:
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _gif_size(head: bytes, _: _Base64View) -> Size | None:
    return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")


def _jpeg_size(_: bytes, view: _Base64View) -> Size | None:
    offset = 2
    for _segment in range(_MAX_JPEG_SEGMENTS):
        # FF marker, length (2), and in a frame header: precision (1), height (2), width (2).
        segment = view.read(offset, 9)
        if len(segment) < 9 or segment[0] != 0xFF:
            return None
        marker = segment[1]
        if marker == 0xFF:
            offset += 1  # fill byte
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big")
        else:
            offset += 2 + int.from_bytes(segment[2:4], "big")
    return None


def _webp_size(head: bytes, _: _Base64View) -> Size | None:
    if head[8:12] != b"WEBP" or len(head) < 30:
        return None
    reader = _WEBP_READERS.get(head[12:16])
    return reader(head) if reader else None


def _webp_lossy_size(head: bytes) -> Size:
    mask = 0x3FFF
    return (
        int.from_bytes(head[26:28], "little") & mask,
        int.from_bytes(head[28:30], "little") & mask,
    )


def _webp_lossless_size(head: bytes) -> Size:
    bits = int.from_bytes(head[21:25], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _webp_extended_size(head: bytes) -> Size:
    return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1


_WEBP_READERS: dict[bytes, Callable[[bytes], Size]] = {
    b"VP8 ": _webp_lossy_size,
    b"VP8L": _webp_lossless_size,
    b"VP8X": _webp_extended_size,
}

_SIZE_READERS: tuple[tuple[bytes, Callable[[bytes, _Base64View], Size | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png_size),
    (b"\xff\xd8", _jpeg_size),
    (b"GIF8", _gif_size),
    (b"RIFF", _webp_size),
)
