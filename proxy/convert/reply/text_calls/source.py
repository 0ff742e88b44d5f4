"""Text that arrives in pieces, read token by token.

Rule: each method is a generator that stops where more text must come, so that what is read, and where
reading fails, does not depend on the pieces. Each character is looked at once.
"""

from __future__ import annotations

import re
from collections.abc import Generator

MAX_NAME = 256
"""Longest name of a tool or a parameter."""
MAX_DEPTH = 100
"""Levels of brackets in the arguments of a call."""

_BLANKS = re.compile(r"\s*")
_KEY = re.compile(r"[^<>\"\n]*")
_NAME = re.compile(r"[\w.:/-]*")
_STRUCTURE = re.compile(r'["{}\[\]<]')
_STRING_REST = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)

Reading = Generator[None, None, str]
"""A token that is being read: yields where more text must come, returns the token."""


class NotMarkup(Exception):
    """The text is not what is being read; it fails at the source's ``position``."""


class TextSource:
    """The text; ``feed`` it whenever a reading stops."""

    __slots__ = ("_at", "_text", "ended", "position")

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self.position = 0
        """Number of characters that were read."""
        self.ended = False
        """True when no more text follows; to be set by the owner."""

    def feed(self, text: str) -> None:
        self._text = self._text[self._at :] + text
        self._at = 0

    @property
    def empty(self) -> bool:
        """True when all text so far was read."""
        return self._at == len(self._text)

    def blanks(self) -> Reading:
        """White space, maybe none."""
        blanks: list[str] = []
        while True:
            blanks.append(self._take(_end(_BLANKS, self._text, self._at)))
            if not self.empty or self.ended:
                return "".join(blanks)
            yield

    def literal(self, *options: str) -> Reading:
        """Which of ``options`` comes next, ``""`` for none; none begins with another one."""
        while True:
            for option in options:
                if self._text.startswith(option, self._at):
                    return self._take(self._at + len(option))
            rest = self._text[self._at : self._at + MAX_NAME]
            if self.ended or not any(option.startswith(rest) for option in options):
                return ""
            yield

    def expect(self, *options: str) -> Reading:
        """As ``literal``; raises ``NotMarkup`` where none comes."""
        found = yield from self.literal(*options)
        if not found:
            raise NotMarkup
        return found

    def name(self) -> Reading:
        """The name of a tool, maybe with a namespace or a number; maybe empty."""
        return self._short(_NAME)

    def key(self) -> Reading:
        """The name of a parameter, maybe empty."""
        return self._short(_KEY)

    def peek(self) -> Reading:
        """The next character, which is not read; ``""`` at the end."""
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
        """The text before ``end``, which is read too."""
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
        """An object in JSON, of which only strings and brackets are looked at."""
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
        """A string without its first quote."""
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
        """Wait for a character."""
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
    """Where ``pattern``, which may match nothing, ends at ``at``."""
    match = pattern.match(text, at)
    return at if match is None else match.end()
