"""Reasoning in tags such as ``<think>...</think>`` at the start of an answer's text -> thinking.

Rule: only a tag at the start of the content counts, after at most one white space character; later tags
are text. Only text that may become a tag is held back, so it is shorter than a tag (docs/protocol.md
sections 3 and 4).
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.convert.reply.pieces import ContentPiece
from proxy.convert.reply.spellings import (
    CLOSING_FOR_NEXT,
    CLOSING_FOR_OPENING,
    MARKED_CLOSING,
)

OPENING = "<think>"
"""The most common tag and its end tag."""
CLOSING = CLOSING_FOR_OPENING[OPENING]


class ThinkTags:
    """Splits content into thinking and text, independent of the size of its fragments.

    Content that is ``marked`` as a thought is thinking up to the end tag, with or without a start tag.
    """

    __slots__ = ("_between", "_closing", "_held", "_marked", "done")

    def __init__(self, *, marked: bool = False) -> None:
        self._held = ""
        self._marked = marked
        self._closing = ""
        """The tag that ends the thinking; ``""`` outside of it."""
        self._between = False
        """True after an end tag that more thinking may follow."""
        self.done = False
        """True if all further content is text."""

    @property
    def inside(self) -> bool:
        """True while further content is thinking."""
        return bool(self._closing)

    def feed(self, text: str) -> list[ContentPiece]:
        """The pieces that are certain after ``text``; empty ones are left out."""
        rest = self._held + text
        self._held = ""
        pieces: list[ContentPiece] = []
        while rest and not self.done:
            thinking = ""
            if self._closing:
                thinking, rest = self._read_thinking(rest)
            elif self._between:
                rest = self._read_next(rest)
            else:
                rest = self._read_opening(rest)
            if thinking:
                pieces.append(ContentPiece("thinking", thinking))
        if rest:
            pieces.append(ContentPiece("text", rest))
        return pieces

    def flush(self) -> list[ContentPiece]:
        """The held text, at the end or before content of another kind."""
        held, self._held = self._held, ""
        if self._closing or self._marked:
            return [ContentPiece("thinking", held)] if held else []
        if held:
            self.done = True
        return [ContentPiece("text", held)] if held else []

    def feed_unmarked(self, text: str) -> list[ContentPiece]:
        """The pieces of ``text`` after a marked thought: it contains the end tag, or is only text."""
        if self.done or (self._closing and self._closing in self._held + text):
            return self.feed(text)
        pieces = self.flush()
        self.done = True
        return [*pieces, *self.feed(text)]

    def _read_opening(self, text: str) -> str:
        """Read a start tag; returns the rest of ``text``."""
        body = text[1:] if text[:1].isspace() else text
        for opening, closing in CLOSING_FOR_OPENING.items():
            if body.startswith(opening):
                self._closing = closing
                return body[len(opening) :]
        if _may_become(body, CLOSING_FOR_OPENING):
            self._held = text
            return ""
        if self._marked:
            self._closing = MARKED_CLOSING
        else:
            self.done = True
        return text

    def _read_thinking(self, text: str) -> tuple[str, str]:
        """The thinking at the start of ``text``, and the rest."""
        thinking, tag, rest = text.partition(self._closing)
        if not tag:
            keep = _tag_start(text, self._closing)
            self._held = text[len(text) - keep :]
            return text[: len(text) - keep], ""
        self._between = self._closing in CLOSING_FOR_NEXT.values()
        self.done = not self._between
        self._closing = ""
        self._marked = False
        return thinking, rest

    def _read_next(self, text: str) -> str:
        """Read the tokens after an end tag that more thinking may follow; returns the rest of ``text``."""
        for opening, closing in CLOSING_FOR_NEXT.items():
            if text.startswith(opening):
                self._closing = closing
                self.done = not closing
                return text[len(opening) :]
        if _may_become(text, CLOSING_FOR_NEXT):
            self._held = text
            return ""
        self.done = True
        return text


def _may_become(text: str, tags: Iterable[str]) -> bool:
    return any(tag.startswith(text) for tag in tags)


def _tag_start(text: str, tag: str) -> int:
    """The number of characters at the end of ``text`` that may be the start of ``tag``."""
    for length in range(min(len(text), len(tag) - 1), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0
