"""Pieces: what an upstream's answer says, apart from how its protocol spells it.

Rule: readers of answers make pieces, in the order of docs/protocol.md section 3, and know no
blocks; ``PieceWriter`` makes blocks of pieces and knows no deltas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Form = Literal[
    "reasoning_details",
    "thinking_blocks",
    "reasoning_content",
    "reasoning_text",
    "reasoning",
    "thinking",
    "parts",
]
"""Where reasoning stands: the member of a delta, or parts of its content."""


class ContentPiece(NamedTuple):
    """A stretch of an answer's content."""

    kind: Literal["text", "refusal", "thinking"]
    text: str


class ReasoningPiece(NamedTuple):
    """A stretch of readable reasoning, or one encrypted item (``data``)."""

    form: Form
    text: str
    signature: str = ""
    part: int | None = None
    """Number of the item this stretch belongs to; None where the spelling has no items."""
    data: str = ""
    detail: Mapping[str, Any] | None = None
    """The other members of the item, which must go back to the upstream with it."""


class ToolFragment(NamedTuple):
    """A piece of a tool call; ``""`` and None stand for what it does not say."""

    place: int | None
    """Its ``index``, where that is a number."""
    id: str
    name: str
    arguments: str
    custom: bool
    """True when ``arguments`` are free text, not JSON."""
    state: Mapping[str, Any] | None
    """Private state of the upstream that must come back with the call (Gemini)."""
    whole: bool = False
    """True when this is a complete call, to which no other fragment belongs."""
    encoded: bool = True
    """False when ``arguments`` came as JSON itself, not as a string."""


class StatePiece(NamedTuple):
    """Private state of the whole message, by vendor."""

    state: Mapping[str, Any]


class MemberPiece(NamedTuple):
    """Members of the message that must come back to the upstream in the same members."""

    members: Mapping[str, Any]


Piece = ContentPiece | ReasoningPiece | ToolFragment | StatePiece | MemberPiece
