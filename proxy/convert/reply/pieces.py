"""Pieces: the content of an upstream's answer, independent of the upstream's protocol.

Rule: readers of answers produce pieces in the order of docs/protocol.md section 3 and do not depend on
blocks. ``PieceWriter`` converts pieces to blocks and does not depend on deltas.
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
"""Where reasoning was found: a member of a delta, or parts of its content."""


class ContentPiece(NamedTuple):
    """A part of an answer's text or refusal."""

    kind: Literal["text", "refusal", "thinking"]
    text: str


class ReasoningPiece(NamedTuple):
    """A part of readable reasoning, or one encrypted item (``data``)."""

    form: Form
    text: str
    signature: str = ""
    part: int | None = None
    """Number of the item to which this part belongs; None if the spelling has no items."""
    data: str = ""
    detail: Mapping[str, Any] | None = None
    """The other members of the item, which the upstream must get back."""


class ToolFragment(NamedTuple):
    """A part of a tool call; members that are not known are ``""`` or None."""

    place: int | None
    """Its ``index``, if this is a number."""
    id: str
    name: str
    arguments: str
    custom: bool
    """True if ``arguments`` are free text, not JSON."""
    state: Mapping[str, Any] | None
    """Private state that the upstream must get back with the call (Gemini)."""
    whole: bool = False
    """True if this is a complete call, to which no other fragment belongs."""
    encoded: bool = True
    """False if ``arguments`` were a JSON value, not a string."""


class StatePiece(NamedTuple):
    """Private state of the whole message, by vendor."""

    state: Mapping[str, Any]


class MemberPiece(NamedTuple):
    """Members of the message that the upstream must get back unchanged."""

    members: Mapping[str, Any]


Piece = ContentPiece | ReasoningPiece | ToolFragment | StatePiece | MemberPiece
