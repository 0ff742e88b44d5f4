"""The ``content`` of an answer, whatever its form -> pieces of text, refusal and reasoning.

Rule: a string and a list of parts that say the same give the same pieces, in the order sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.convert.reply.pieces import ContentPiece


def content_pieces(content: object) -> Iterator[ContentPiece]:
    """Pieces of a ``content`` member: a string, parts, or one part; empty ones are left out.

    ``thinking`` parts are Mistral's, whose reasoning travels within the content.
    """
    for part in content if isinstance(content, list) else [content]:
        piece = _piece(part)
        if piece.text:
            yield piece


def text_of(value: object) -> str:
    """The text in a string, a ``{"text"}`` or a list of them; ``""`` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_plain_text(item) for item in value)
    return _plain_text(value)


def _piece(part: object) -> ContentPiece:
    if not isinstance(part, dict):
        return ContentPiece("text", part if isinstance(part, str) else "")
    kind = part.get("type")
    if kind == "refusal":
        return ContentPiece("refusal", text_of(part.get("refusal")))
    if kind == "thinking":
        return ContentPiece("thinking", text_of(part.get("thinking")))
    return ContentPiece("text", _plain_text(part))


def _plain_text(part: object) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, dict) else None
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else ""


def string_in(source: Mapping[str, Any], key: str) -> str:
    """The string at ``key``, ``""`` where there is none."""
    value = source.get(key)
    return value if isinstance(value, str) else ""
