"""Reasoning in tags, ``<think>...</think>`` and the like, at the start of an answer's text -> thinking.

Rule: only the start of the content counts, after one whitespace character at most; later tags are
text. What is held back could still become a tag and is shorter than one (docs/protocol.md
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
"""The commonest of the tags, and its end."""
CLOSING = CLOSING_FOR_OPENING[OPENING]


class ThinkTags:
    """Splits content that arrives in fragments of any size; the split does not depend on them.

    Content that is ``marked`` as a thought is one until its tag ends, with or without a tag at its
    start.
    """

    __slots__ = ("_between", "_closing", "_held", "_marked", "done")

    def __init__(self, *, marked: bool = False) -> None:
        self._held = ""
        self._marked = marked
        self._closing = ""
        """The tag that ends the thinking; ``""`` outside of it."""
        self._between = False
        """True after a tag that more thinking may follow."""
        self.done = False
        """True when everything from here on is text."""

    @property
    def inside(self) -> bool:
        """True while what comes is thinking."""
        return bool(self._closing)

    def feed(self, text: str) -> list[ContentPiece]:
        """The pieces that ``text`` decides; empty ones are left out."""
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
        """What was held back: no more content follows, or something else stands in between."""
        held, self._held = self._held, ""
        if self._closing or self._marked:
            return [ContentPiece("thinking", held)] if held else []
        if held:
            self.done = True
        return [ContentPiece("text", held)] if held else []

    def feed_unmarked(self, text: str) -> list[ContentPiece]:
        """``text`` that follows a marked thought: it holds the end of the tag, or is all text."""
        if self.done or (self._closing and self._closing in self._held + text):
            return self.feed(text)
        pieces = self.flush()
        self.done = True
        return [*pieces, *self.feed(text)]

    def _read_opening(self, text: str) -> str:
        """What is left of ``text`` to be read."""
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
        """The thinking at the start of ``text``, and what is left to be read."""
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
        """What is left of ``text``, which stands after a tag that more thinking may follow."""
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
    """How many characters at the end of ``text`` may be the start of ``tag``."""
    for length in range(min(len(text), len(tag) - 1), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0
