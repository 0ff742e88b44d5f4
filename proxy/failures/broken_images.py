"""Which images are incomplete, and the key by which one is left out of a request.

Rule: only what costs little is read, the first and the last bytes: whether the base64 is whole, and
whether the file begins and ends as one of its format does (PNG, JPEG, GIF and WebP specifications).
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Collection
from hashlib import sha1

KEY_LENGTH = 16
"""Hexadecimal digits of a hash."""
HEAD = 64
"""Characters of base64; a multiple of four."""
TAIL = 64

_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]*+={0,2}+\s*+")
_ENDS = {
    b"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82",
    b"\xff\xd8\xff": b"\xff\xd9",
    b"GIF8": b"\x3b",
}
"""First bytes of a format -> what stands near the end of a whole file."""
_RIFF, _WEBP = b"RIFF", b"WEBP"


def image_key(url: str) -> str:
    """A short name for the image at ``url``, which may be a data URL: a hash and its length."""
    digest = sha1(url.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return f"{digest[:KEY_LENGTH]}.{len(url)}"


def is_among(url: str, keys: Collection[str]) -> bool:
    """Whether ``image_key(url)`` is one of ``keys``; only an image of the right length is hashed."""
    length = f".{len(url)}"
    return any(key.endswith(length) for key in keys) and image_key(url) in keys


def is_damaged(url: str) -> bool:
    """Whether the data URL ``url`` holds no whole image; False for any other URL."""
    if not url.startswith("data:"):
        return False
    data = url.partition(",")[2]
    if not _BASE64.fullmatch(data):
        return True
    data = "".join(data.split())
    try:
        head, tail = a2b_base64(data[:HEAD]), a2b_base64(data[-TAIL - len(data) % 4 :])
    except Error:
        return True
    if len(data) % 4:
        return True
    if head.startswith(_RIFF):
        return head[8:12] != _WEBP or int.from_bytes(head[4:8], "little") + 8 > _size(data)
    end = next((end for start, end in _ENDS.items() if head.startswith(start)), None)
    return end is None or end not in tail


def _size(data: str) -> int:
    """Bytes of the file in ``data``, base64 with padding."""
    return len(data) // 4 * 3 - data[-2:].count("=")
