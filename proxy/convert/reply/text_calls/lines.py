"""Whether the end of a text is at the start of a line, or inside a code fence.

Rule: the first characters of a line decide whether it is a fence, as in Markdown: three or more backticks
or tildes, closed by at least as many of the same kind. Text is collected and is read only when a property
is used.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"[ \t]*(`{3,}+(?=[^`]*\Z)|~{3,}+)(.*)", re.DOTALL)

LINE_CHARS = 256
"""Characters at the start of a line that decide whether it is a fence."""
LAST_CHARS = 64
"""Characters at the end of the text that are kept."""
BATCH = 4096
"""Characters that are collected before they are read."""
MAX_INDENT = 3
"""Blanks that may precede the start of a line; more of them begin a code block in Markdown."""


class Lines:
    """The lines of a text that arrives in pieces."""

    __slots__ = ("_fence", "_last", "_line", "_unread", "_waiting")

    def __init__(self) -> None:
        self._line = ""
        """The start of the last line, which is not complete."""
        self._fence = ""
        """The characters that opened the present fence; empty outside a fence."""
        self._last = ""
        """The end of the text."""
        self._unread: list[str] = []
        self._waiting = 0

    def add(self, text: str) -> None:
        """Append ``text``."""
        self._unread.append(text)
        self._waiting += len(text)
        if self._waiting >= BATCH:
            self._read()

    @property
    def fenced(self) -> bool:
        """True inside a code fence, including the line that opens it."""
        self._read()
        return bool(self._fence) or _FENCE.match(self._line) is not None

    @property
    def at_start(self) -> bool:
        """True at the start of a line; up to ``MAX_INDENT`` blanks are ignored."""
        self._read()
        return len(self._line) <= MAX_INDENT and not self._line.strip(" ")

    def ends_with(self, *tags: str) -> bool:
        """True if the text ends with one of ``tags``; blanks after it are ignored."""
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
