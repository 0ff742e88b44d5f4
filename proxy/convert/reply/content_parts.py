"""The ``content`` of an answer, in any form -> pieces of text, refusal and reasoning.

Rule: a string and a list of parts with the same text give the same pieces, in the order sent. A part of
an unknown kind is always reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proxy.convert.reply.limits import MOST_PARTS, too_many
from proxy.convert.reply.pieces import ContentPiece, Form, ReasoningPiece
from proxy.convert.reply.spellings import PART_SIGNATURES, PART_STATES, PART_TEXTS, PART_TYPES

TEXT_TYPES = ("text", "output_text", "refusal")
"""Types of parts that may be empty."""
MAX_DEPTH = 4
"""Maximum nesting of reasoning parts that is read."""


def content_pieces(content: object) -> Iterator[ContentPiece | ReasoningPiece | None]:
    """Pieces of a ``content`` member: a string, parts, or one part; empty ones are left out.

    None represents a part without known content. Raises ``UpstreamError`` for more than MOST_PARTS.
    """
    for part in entries(content, "content parts"):
        if isinstance(part, str):
            if part:
                yield ContentPiece("text", part)
        elif isinstance(part, dict):
            yield from _part_pieces(part)
        elif part is not None:
            yield None


def entries(value: object, what: str) -> list[Any]:
    """The entries of a list, or the only one, which was sent instead of a list.

    Raises ``UpstreamError`` for more than MOST_PARTS; ``what`` names them.
    """
    if not isinstance(value, list):
        return [value]
    if len(value) > MOST_PARTS:
        raise too_many(what, MOST_PARTS)
    return value


def text_of(value: object) -> str:
    """The text in a string, a ``{"text"}`` or a list of them; ``""`` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join([_plain_text(item) for item in entries(value, "content parts")])
    return _plain_text(value)


def reasoning_text(value: object, depth: int = MAX_DEPTH) -> str:
    """The readable reasoning in a string, a part of reasoning or a list of them."""
    if isinstance(value, str):
        return value
    if not depth:
        return ""
    if isinstance(value, list):
        items = entries(value, "parts of reasoning")
        return "".join([reasoning_text(item, depth - 1) for item in items])
    if isinstance(value, dict):
        texts = (reasoning_text(value.get(name), depth - 1) for name in PART_TEXTS)
        return next(filter(None, texts), "")
    return ""


def reasoning_part(form: Form, part: Mapping[str, Any]) -> ReasoningPiece:
    """The piece for a content part or an item with reasoning, readable or encrypted."""
    inner = part.get("reasoning_content")
    source = inner if isinstance(inner, dict) else part
    return ReasoningPiece(
        form,
        reasoning_text(part),
        signature=_first_string(source, PART_SIGNATURES),
        data=_first_string(source, PART_STATES),
    )


def string_in(source: Mapping[str, Any], key: str) -> str:
    """The string at ``key``; ``""`` if there is none."""
    value = source.get(key)
    return value if isinstance(value, str) else ""


def _part_pieces(part: dict[str, Any]) -> Iterator[ContentPiece | ReasoningPiece | None]:
    kind = part.get("type")
    if part.get("thought") is True or (isinstance(kind, str) and kind in PART_TYPES):
        yield from _readable_and_not(reasoning_part("parts", part))
        return
    if kind == "refusal":
        piece = ContentPiece("refusal", text_of(part.get("refusal")))
    else:
        piece = ContentPiece("text", _plain_text(part))
    if piece.text:
        yield piece
    elif not _is_empty_text(part, kind):
        yield None


def _readable_and_not(piece: ReasoningPiece) -> Iterator[ReasoningPiece]:
    """``piece`` split into a piece with its text and a piece with its encrypted data."""
    if piece.text or piece.signature:
        yield piece._replace(data="")
    if piece.data:
        yield ReasoningPiece(piece.form, "", data=piece.data)


def _is_empty_text(part: Mapping[str, Any], kind: object) -> bool:
    member = "refusal" if kind == "refusal" else "text"
    if kind is None:
        return not part or part.get(member, kind) == ""
    return kind in TEXT_TYPES and part.get(member) in (None, "")


def _plain_text(part: object) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, dict) else None
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else ""


def _first_string(source: Mapping[str, Any], names: Iterable[str]) -> str:
    return next(filter(None, (string_in(source, name) for name in names)), "")
