"""Where in a text one stands: at the start of a line, inside a code fence.

Rule: a line counts as a fence by its first characters, as in Markdown: three or more backticks or
tildes, closed by as many of the same kind. Text is only collected, and read when it is asked for.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"[ \t]*(`{3,}+(?=[^`]*\Z)|~{3,}+)(.*)", re.DOTALL)

LINE_CHARS = 256
"""So much of a line decides what it is."""
LAST_CHARS = 64
"""Characters of the end that are kept."""
BATCH = 4096
"""Characters that are collected before they are read."""
MAX_INDENT = 3
"""Blanks before the start of a line; more of them begin a code block in Markdown."""


class Lines:
    """The lines of a text that arrives in pieces."""

    __slots__ = ("_fence", "_last", "_line", "_unread", "_waiting")

    def __init__(self) -> None:
        self._line = ""
        """The beginning of the last line, which is not complete."""
        self._fence = ""
        """What opened the fence one is in."""
        self._last = ""
        """The end of the text."""
        self._unread: list[str] = []
        self._waiting = 0

    def add(self, text: str) -> None:
        """The text goes on with ``text``."""
        self._unread.append(text)
        self._waiting += len(text)
        if self._waiting >= BATCH:
            self._read()

    @property
    def fenced(self) -> bool:
        """True inside a code fence, also in the line that opens one."""
        self._read()
        return bool(self._fence) or _FENCE.match(self._line) is not None

    @property
    def at_start(self) -> bool:
        """True at the start of a line, but for some blanks."""
        self._read()
        return len(self._line) <= MAX_INDENT and not self._line.strip(" ")

    def ends_with(self, *tags: str) -> bool:
        """True where one of ``tags`` was last, but for some blanks."""
        self._read()
        return self._last.rstrip().endswith(tags)

    def _read(self) -> None:
        if not self._unread:
            return
        text = "".join(self._unread)
        self._unread.clear()
        self._last = (self._last + text[-LAST_CHARS:])[-LAST_CHARS:]
        text = self._line + text
        self._waiting = 0
        start = text.rfind("\n") + 1
        if start and ("```" in text or "~~~" in text):
            for line in text[: start - 1].split("\n"):
                self._read_line(line[:LINE_CHARS])
        self._line = text[start : start + LINE_CHARS]

    def _read_line(self, line: str) -> None:
        match = _FENCE.match(line)
        if match is None:
            return
        fence, rest = match.groups()
        if not self._fence:
            self._fence = fence
        elif fence.startswith(self._fence) and not rest.strip():
            self._fence = ""
