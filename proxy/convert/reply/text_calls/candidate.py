"""Text that may be calls up to its end, held back until something in it decides.

Rule: what is held is limited, and each character is read once: where reading fails, what was read is
text, and another candidate can only begin behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxy.convert.reply.declared_tools import DeclaredTools
from proxy.convert.reply.text_calls.forms import calls_in
from proxy.convert.reply.text_calls.markup import Markup, WrittenCall
from proxy.convert.reply.text_calls.source import NotMarkup

MAX_CHARS = 256 * 1024
"""Longest markup; beyond it all of it is text."""


class Refused(NamedTuple):
    """Text that is no markup after all, and what follows it, which was not read."""

    text: str
    rest: str


class Candidate:
    """One stretch of text that begins as markup."""

    __slots__ = ("_markup", "_parts", "_reading", "_room")

    def __init__(self, declared: DeclaredTools) -> None:
        self._markup = Markup(declared)
        self._reading = calls_in(self._markup)
        self._parts: list[str] = []
        self._room = MAX_CHARS

    def feed(self, text: str) -> Refused | None:
        """Take ``text``; None while all may be calls."""
        beyond = text[self._room :]
        text = text[: self._room]
        self._room -= len(text)
        self._parts.append(text)
        self._markup.source.feed(text)
        if self._fails():
            held, at = self.text, self._markup.source.position
            return Refused(held[:at], held[at:] + beyond)
        return Refused(self.text, beyond) if beyond else None

    @property
    def text(self) -> str:
        """All that is held."""
        return "".join(self._parts)

    def end(self) -> Sequence[WrittenCall]:
        """The calls in the text, to which nothing is added; none where it is no markup."""
        self._markup.source.ended = True
        return () if self._fails() else self._markup.calls

    def markups(self, calls: Iterable[WrittenCall]) -> list[str]:
        """The text of each of ``calls``."""
        text = self.text
        return [text[call.start : call.end] for call in calls]

    def _fails(self) -> bool:
        try:
            next(self._reading, None)
        except NotMarkup:
            return True
        return False
