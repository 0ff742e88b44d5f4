"""``<think>...</think>`` at the very start of an answer's text -> thinking.

Rule: only the start of the content counts, after one whitespace character at most; later tags are
text. At most 8 characters are held back, while they could still become a tag
(docs/protocol.md sections 3 and 4).
"""

from __future__ import annotations

from proxy.convert.reply.pieces import ContentPiece

OPENING = "<think>"
CLOSING = "</think>"


class ThinkTags:
    """Splits content that arrives in fragments of any size; the split does not depend on them."""

    __slots__ = ("_held", "_inside", "done")

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self.done = False
        """True when everything from here on is text."""

    def feed(self, text: str) -> list[ContentPiece]:
        """The pieces that ``text`` decides; empty ones are left out."""
        if self.done:
            return [ContentPiece("text", text)] if text else []
        text = self._held + text
        self._held = ""
        if self._inside:
            return self._read_thinking(text)
        body = text[1:] if text[:1].isspace() else text
        if body.startswith(OPENING):
            self._inside = True
            return self._read_thinking(body[len(OPENING) :])
        if OPENING.startswith(body):
            self._held = text
            return []
        self.done = True
        return [ContentPiece("text", text)]

    def flush(self) -> list[ContentPiece]:
        """What was held back: no more content follows, or something else stands in between."""
        held, self._held = self._held, ""
        if self._inside:
            return [ContentPiece("thinking", held)] if held else []
        if held:
            self.done = True
        return [ContentPiece("text", held)] if held else []

    def _read_thinking(self, text: str) -> list[ContentPiece]:
        thinking, tag, rest = text.partition(CLOSING)
        if tag:
            self.done = True
            pieces = [ContentPiece("thinking", thinking), ContentPiece("text", rest)]
        else:
            keep = _tag_start(text)
            self._held = text[len(text) - keep :]
            pieces = [ContentPiece("thinking", text[: len(text) - keep])]
        return [piece for piece in pieces if piece.text]


def _tag_start(text: str) -> int:
    """How many characters at the end of ``text`` may be the start of the closing tag."""
    for length in range(min(len(text), len(CLOSING) - 1), 0, -1):
        if text.endswith(CLOSING[:length]):
            return length
    return 0
