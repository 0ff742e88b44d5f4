"""Reasoning of an answer in all spellings, and the signature of thinking blocks.

Rule: reasoning that an upstream sends in several spellings is passed on once (docs/protocol.md
section 3), in the spelling that ``FORMS`` names first.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from proxy.convert.reply.arguments import is_writable
from proxy.convert.reply.content_parts import entries, reasoning_part, reasoning_text, string_in
from proxy.convert.reply.limits import MOST_MEMBERS
from proxy.convert.reply.pieces import Form, ReasoningPiece
from proxy.convert.reply.spellings import FORMS, ITEM_FORMS, TEXT_FORMS

SIGNATURE_PREFIX = "cp1."
"""Prefix of the signatures and the ``redacted_thinking`` data that this proxy creates."""
SIGNATURE_CHARS = 22

KEPT_CHARS = 256 * 1024
"""Characters of reasoning that are kept to compare spellings; after them a second spelling counts as a
copy."""
_IN_BLOCKS = frozenset({"text", "summary", "signature", "data"})
_PLAIN_TYPES = ("reasoning.text", "reasoning.encrypted", None)

BATCH = 64
"""Number of fragments that are hashed together."""


def reasoning_pieces(source: Mapping[str, Any]) -> list[ReasoningPiece]:
    """The pieces of the preferred spelling in a message or delta, and every encrypted item."""
    pieces: list[ReasoningPiece] = []
    for form in ITEM_FORMS:
        pieces += _item_pieces(form, source.get(form))
        if any(piece.text for piece in pieces):
            return pieces
    for form in TEXT_FORMS:
        text = reasoning_text(source.get(form))
        if text:
            return [ReasoningPiece(form, text), *pieces]
    return pieces


def forms_in(source: Mapping[str, Any]) -> list[Form]:
    """The spellings that are not empty in ``source``."""
    return [form for form in FORMS if source.get(form)]


def _item_pieces(form: Form, value: object) -> list[ReasoningPiece]:
    pieces = [
        _detail_piece(item) if form == "reasoning_details" else reasoning_part(form, item)
        for item in entries(value, form)
        if isinstance(item, dict)
    ]
    return [piece for piece in pieces if piece.text or piece.signature or piece.data]


def _detail_piece(item: Mapping[str, Any]) -> ReasoningPiece:
    detail = _detail_of(item)
    if item.get("type") == "reasoning.encrypted":
        return ReasoningPiece("reasoning_details", "", data=string_in(item, "data"), detail=detail)
    number = item.get("index")
    return ReasoningPiece(
        "reasoning_details",
        string_in(item, "text") or string_in(item, "summary"),
        signature=string_in(item, "signature"),
        part=number if isinstance(number, int) else None,
        detail=detail,
    )


def _detail_of(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The members of ``item`` that a thinking block has no member for; None if there are none.

    The number, which distinguishes the items of one answer, is included only together with others. Of
    more than MOST_MEMBERS the others are left out.
    """
    detail = {
        name: value
        for name, value in islice(item.items(), MOST_MEMBERS)
        if name not in _IN_BLOCKS and value is not None and is_writable(value)
    }
    if detail.keys() <= {"type", "index"} and detail.get("type") in _PLAIN_TYPES:
        return None
    return detail


class ReasoningForms:
    """Separates new reasoning from the same reasoning in another spelling, one chunk at a time.

    Each spelling has a position in the same text. What repeats the text at this position is a copy; what
    exceeds it or differs from it is new.
    """

    __slots__ = ("_kept", "_length", "_read", "_sole")

    def __init__(self) -> None:
        self._sole: Form | None = None
        self._read: dict[Form, int] = {}
        self._kept: list[str] = []
        self._length = 0

    @property
    def sole(self) -> Form | None:
        """The spelling in use, if it is the only one."""
        return self._sole

    def fresh(self, form: Form, text: str) -> str:
        """The part of ``text`` that is new."""
        if self._sole is None and not self._read:
            self._sole = form
        if form == self._sole:
            self.add(text)
            return text
        self._count_readers()
        at = self._read.get(form, 0)
        new = text if at == self._length else self._beyond(at, text)
        self.add(new)
        self._read[form] = self._length if new else at + len(text)
        return new

    def cover(self, forms: Sequence[Form]) -> None:
        """Note that ``forms`` repeated all reasoning so far with different text."""
        if list(forms) == [self._sole]:
            return
        self._count_readers()
        for form in forms:
            self._read[form] = self._length

    def add(self, text: str) -> None:
        """Note ``text``, all of it new."""
        if self._length < KEPT_CHARS:
            self._kept.append(text)
        self._length += len(text)

    def _count_readers(self) -> None:
        if self._sole is not None:
            self._read[self._sole] = self._length
            self._sole = None

    def _beyond(self, at: int, text: str) -> str:
        """``text`` without its repetition of the reasoning from ``at`` on; all of it if it differs.

        Reasoning that was not kept counts as repeated.
        """
        kept = "".join(self._kept)
        self._kept = [kept]
        repeated = text[: self._length - at]
        if repeated.startswith(kept[at : at + len(repeated)]):
            return text[len(repeated) :]
        return text


class ThinkingDigest:
    """The signature of a thinking block that an upstream did not sign."""

    __slots__ = ("_hash", "_waiting")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._waiting: list[str] = []

    def add(self, text: str) -> None:
        self._waiting.append(text)
        if len(self._waiting) >= BATCH:
            self._update()

    def signature(self) -> str:
        """``cp1.`` + 22 characters of base64url(sha256(all text))."""
        self._update()
        encoded = urlsafe_b64encode(self._hash.digest()).decode()
        return SIGNATURE_PREFIX + encoded[:SIGNATURE_CHARS]

    def _update(self) -> None:
        # A lone surrogate is only possible if the text was not decoded from UTF-8.
        self._hash.update("".join(self._waiting).encode("utf-8", "surrogatepass"))
        self._waiting.clear()
