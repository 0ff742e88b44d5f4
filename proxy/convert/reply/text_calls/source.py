"""Text that arrives in pieces, read token by token.

Rule: each method that reads is a generator that yields when it needs more text, so that the result does
not depend on how the text is split. Each character is examined once.
"""

from __future__ import annotations

import re
from collections.abc import Generator

MAX_NAME = 256
"""Longest name of a tool or a parameter, in characters."""
MAX_DEPTH = 100
"""Maximum nesting of brackets in the arguments of a call."""

_BLANKS = re.compile(r"\s*")
_KEY = re.compile(r"[^<>\"\n]*")
_NAME = re.compile(r"[\w.:/-]*")
_STRUCTURE = re.compile(r'["{}\[\]<]')
_STRING_REST = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)

Reading = Generator[None, None, str]
"""Reads one token: yields when it needs more text, and returns the token."""


class NotMarkup(Exception):
    """The text at the source's ``position`` is not the expected markup."""


class TextSource:
    """The text so far; ``feed`` adds more when a ``Reading`` yields."""

    __slots__ = ("_at", "_text", "ended", "position")

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self.position = 0
        """Number of characters that were read."""
        self.ended = False
        """True if no more text follows; set from outside."""

    def feed(self, text: str) -> None:
        self._text = self._text[self._at :] + text
        self._at = 0

    @property
    def empty(self) -> bool:
        """True if all text so far was read."""
        return self._at == len(self._text)

    def blanks(self) -> Reading:
        """White space; may be empty."""
        blanks: list[str] = []
        while True:
            blanks.append(self._take(_end(_BLANKS, self._text, self._at)))
            if not self.empty or self.ended:
                return "".join(blanks)
            yield

    def literal(self, *options: str) -> Reading:
        """The one of ``options`` that comes next, or ``""``. No option may be a prefix of another."""
        while True:
            for option in options:
                if self._text.startswith(option, self._at):
                    return self._take(self._at + len(option))
            rest = self._text[self._at : self._at + MAX_NAME]
            if self.ended or not any(option.startswith(rest) for option in options):
                return ""
            yield

    def expect(self, *options: str) -> Reading:
        """As ``literal``; raises ``NotMarkup`` if none of them comes next."""
        found = yield from self.literal(*options)
        if not found:
            raise NotMarkup
        return found

    def name(self) -> Reading:
        """The name of a tool, with its namespace or number if it has one; may be empty."""
        return self._short(_NAME)

    def key(self) -> Reading:
        """The name of a parameter; may be empty."""
        return self._short(_KEY)

    def peek(self) -> Reading:
        """The next character, without reading it; ``""`` at the end."""
        while self.empty and not self.ended:
            yield
        return self._text[self._at : self._at + 1]

    def _short(self, pattern: re.Pattern[str]) -> Reading:
        name = ""
        while True:
            name += self._take(_end(pattern, self._text, self._at))
            if len(name) > MAX_NAME:
                raise NotMarkup
            if not self.empty:
                return name
            if self.ended:
                raise NotMarkup
            yield

    def until(self, end: str) -> Reading:
        """The text before the next ``end``; reads ``end`` too."""
        parts: list[str] = []
        while True:
            at = self._text.find(end, self._at)
            if at >= 0:
                parts.append(self._take(at))
                self._take(at + len(end))
                return "".join(parts)
            parts.append(self._take(max(self._at, len(self._text) - len(end) + 1)))
            if self.ended:
                raise NotMarkup
            yield

    def json_object(self) -> Reading:
        """A JSON object; only its strings and brackets are checked."""
        yield from self._present()
        if not self._text.startswith("{", self._at):
            raise NotMarkup
        parts: list[str] = []
        depth = 0
        while True:
            yield from self._present()
            match = _STRUCTURE.search(self._text, self._at)
            parts.append(self._take(match.start() if match else len(self._text)))
            if match is None:
                continue
            mark = match.group()
            if mark == "<":
                raise NotMarkup
            parts.append(self._take(match.end()))
            if mark == '"':
                parts.append((yield from self._string_rest()))
                continue
            depth += 1 if mark in "{[" else -1
            if not depth:
                return "".join(parts)
            if depth > MAX_DEPTH:
                raise NotMarkup

    def _string_rest(self) -> Reading:
        """The rest of a string whose first quote was read."""
        parts: list[str] = []
        while True:
            parts.append(self._take(_end(_STRING_REST, self._text, self._at)))
            if self._text.startswith('"', self._at):
                parts.append(self._take(self._at + 1))
                return "".join(parts)
            if self.ended:
                raise NotMarkup
            yield

    def _present(self) -> Generator[None, None, None]:
        """Yield until a character is there, or the text ends."""
        while self.empty:
            if self.ended:
                raise NotMarkup
            yield

    def _take(self, to: int) -> str:
        taken = self._text[self._at : to]
        self._at = to
        self.position += len(taken)
        return taken


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """The end of the match of ``pattern`` at ``at``; the pattern may match the empty string."""
    match = pattern.match(text, at)
    return at if match is None else match.end()
