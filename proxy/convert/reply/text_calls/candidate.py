"""Text that may consist of calls up to its end; it is held back until this is known.

Rule: the held text is limited, and each character is read once. If reading fails, the characters that
were read are text, and the next candidate can only begin after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxy.convert.reply.declared_tools import DeclaredTools
from proxy.convert.reply.text_calls.forms import calls_in
from proxy.convert.reply.text_calls.markup import Markup, WrittenCall
from proxy.convert.reply.text_calls.source import NotMarkup

MAX_CHARS = 256 * 1024
"""Longest markup in characters; longer markup is text."""


class Refused(NamedTuple):
    """Text that is not markup, and the rest, which was not read."""

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
        """Read ``text``; returns None while the candidate may still consist of calls."""
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
        """The text that is held back."""
        return "".join(self._parts)

    def end(self) -> Sequence[WrittenCall]:
        """The calls in the text, which is complete now; none if it is not markup."""
        self._markup.source.ended = True
        return () if self._fails() else self._markup.calls

    def markups(self, calls: Iterable[WrittenCall]) -> list[str]:
        """The markup of each of ``calls``."""
        text = self.text
        return [text[call.start : call.end] for call in calls]

    def _fails(self) -> bool:
        try:
            next(self._reading, None)
        except NotMarkup:
            return True
        return False
