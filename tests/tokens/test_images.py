from __future__ import annotations

import base64
import math
import struct
import zlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tokens.images import MAX_IMAGE_TOKENS, base64_start, image_tokens, tokens_for_size


def data_url(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")


def gif(width: int, height: int, version: bytes = b"89a") -> bytes:
    return b"GIF" + version + struct.pack("<HH", width, height) + b"\x00\x00\x00;"


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def frame(width: int, height: int, marker: int = 0xC0) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, 3) + b"\x00" * 9)


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xd9"


def webp(kind: bytes, content: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def webp_lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 ", b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\x00")


def webp_lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14 | 1 << 28
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", bits) + b"\x00" * 8)


def webp_extended(width: int, height: int) -> bytes:
    edges = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return webp(b"VP8X", b"\x10\x00\x00\x00" + edges)


EXIF = segment(0xE1, b"Exif\x00\x00" + b"\x00" * 40_000)
QUANTIZATION = segment(0xDB, b"\x00" * 65)
HUFFMAN = segment(0xC4, b"\x00" * 20)


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        pytest.param(png(750, 2), 2, id="6 PNG"),
        pytest.param(png(200, 200), 54, id="6 the quotient is rounded up"),
        pytest.param(gif(75, 20), 2, id="6 GIF89a"),
        pytest.param(gif(75, 20, b"87a"), 2, id="6 GIF87a"),
        pytest.param(jpeg(frame(300, 5)), 2, id="6 JPEG"),
        pytest.param(jpeg(EXIF, QUANTIZATION, frame(300, 5)), 2, id="6 JPEG with a thumbnail"),
        pytest.param(jpeg(HUFFMAN, frame(300, 5, 0xC2)), 2, id="6 progressive JPEG"),
        pytest.param(jpeg(b"\xff", frame(300, 5)), 2, id="6 JPEG with a fill byte"),
        pytest.param(webp_lossy(300, 5), 2, id="6 WebP lossy"),
        pytest.param(webp_lossless(300, 5), 2, id="6 WebP lossless"),
        pytest.param(webp_extended(300, 5), 2, id="6 WebP extended"),
        pytest.param(png(1092, 1092), 1590, id="6 just below the cap"),
        pytest.param(png(1568, 1568), 1600, id="6 at most 1600"),
        pytest.param(png(3136, 150), 157, id="6 long edge scaled to 1568"),
        pytest.param(png(150, 3136), 157, id="6 long edge may be the height"),
        pytest.param(png(2**31 - 1, 1), 1, id="6 absurd width"),
        pytest.param(png(0, 100), 1600, id="6 width 0 is unknown"),
        pytest.param(png(100, 100)[:20], 1600, id="6 cut PNG header"),
        pytest.param(png(9, 2**30)[:22], 1600, id="6 PNG header cut within the height"),
        pytest.param(jpeg(frame(300, 5))[:10], 1600, id="6 JPEG cut within the width"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\x00" * 30, 1600, id="6 PNG without IHDR"),
        pytest.param(gif(9, 9)[:7], 1600, id="6 cut GIF header"),
        pytest.param(jpeg(EXIF, b"\x00\x00"), 1600, id="6 broken JPEG"),
        pytest.param(jpeg(EXIF)[:-2], 1600, id="6 JPEG without a frame"),
        pytest.param(jpeg(*[segment(0xFE, b"")] * 9000, frame(9, 9)), 1600, id="6 hostile JPEG"),
        pytest.param(webp(b"ALPH", b"\x00" * 20), 1600, id="6 unknown WebP"),
        pytest.param(webp_lossy(9, 9)[:28], 1600, id="6 cut WebP header"),
        pytest.param(b"RIFF\x00\x00\x00\x00WAVEfmt " + b"\x00" * 30, 1600, id="6 RIFF of sound"),
        pytest.param(b"<svg/>", 1600, id="6 unknown format"),
        pytest.param(b"", 1600, id="6 empty image"),
    ],
)
def test_tokens_by_the_size_in_the_header(content: bytes, tokens: int) -> None:
    assert image_tokens(data_url(content)) == tokens


@pytest.mark.parametrize(
    ("url", "tokens"),
    [
        pytest.param("https://example.com/a.png", 1600, id="6 URL image"),
        pytest.param(data_url(png(750, 2), "image/jpeg"), 2, id="6 the bytes decide, not the type"),
        pytest.param(data_url(png(750, 2)).replace("data:", "DATA:"), 2, id="6 DATA: in capitals"),
        pytest.param("data:image/png,abc", 1600, id="6 data URL without base64"),
        pytest.param("data:image/png;base64", 1600, id="6 data URL without a comma"),
        pytest.param("data:image/png;base64,****", 1600, id="6 bad base64"),
        pytest.param("data:image/png;base64,\u4e2d\u6587", 1600, id="6 base64 that is not ASCII"),
        pytest.param("", 1600, id="6 empty URL"),
    ],
)
def test_tokens_by_url(url: str, tokens: int) -> None:
    assert image_tokens(url) == tokens


def test_only_the_start_of_the_base64_is_decoded() -> None:
    """What follows the header is not even valid base64."""
    url = data_url(png(750, 2))
    assert image_tokens(url[:62] + "*" * 10_000_000) == 2


@given(width=st.integers(1, 16383), height=st.integers(1, 16383))
def test_all_formats_agree(width: int, height: int) -> None:
    makers = (png, gif, webp_lossy, webp_lossless, webp_extended)
    counts = {image_tokens(data_url(make(width, height))) for make in makers}
    counts.add(image_tokens(data_url(jpeg(QUANTIZATION, frame(width, height)))))
    assert counts == {tokens_for_size((width, height))}


@given(width=st.integers(1, 10**5), height=st.integers(1, 10**5))
def test_formula_of_section_6(width: int, height: int) -> None:
    scale = min(Fraction(1), Fraction(1568, max(width, height)))
    expected = min(math.ceil(width * scale * height * scale / 750), MAX_IMAGE_TOKENS)
    assert tokens_for_size((width, height)) == expected


@given(st.binary(max_size=60), st.sampled_from([b"\xff\xd8", b"GIF8", b"RIFF", b"\x89PNG\r\n"]))
def test_no_bytes_break_it(content: bytes, magic: bytes) -> None:
    assert 1 <= image_tokens(data_url(magic + content)) <= MAX_IMAGE_TOKENS


def test_base64_start() -> None:
    url = "data:application/pdf;base64,AAAA"
    assert base64_start(url) == url.index("AAAA")
    assert base64_start("http://example.com/,x") is None
