"""Files for the client to read, and readings of what came of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from itertools import count
from typing import Any

from tests.claude_code.client import Outcome
from tests.claude_code.strict_upstream import Answer

DONE = Answer("All done.")
MANY_SIGNS = "".join(
    f"Zeile {n}: naïve café 日本語のテキスト 🎉👩‍👩‍👧‍👦 ñ\n" for n in range(120)
).strip()


_COLOURS = count(0x2090F0)


def png(width: int = 8, height: int = 8) -> bytes:
    """A valid image of one colour, each another one: the proxy remembers those that an upstream refused."""
    colour = next(_COLOURS).to_bytes(3, "big")

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + colour * width) * height)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def pdf(text: str) -> bytes:
    """A valid document of one page."""
    drawing = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    whole, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(whole))
        whole += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    start = len(whole)
    whole += f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    whole += f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return whole.encode()


def messages_of(body: Mapping[str, Any], role: str) -> list[Any]:
    """Contents of the messages of one role, in order."""
    return [message["content"] for message in body["messages"] if message["role"] == role]


def assert_succeeded(outcome: Outcome) -> None:
    result = outcome.result
    assert (result["subtype"], result["is_error"]) == ("success", False), result
    assert result.get("terminal_reason") == "completed", result
