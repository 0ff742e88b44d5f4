"""Progress of a command with several steps.

Rule: on a terminal it is one line that is overwritten; elsewhere, and on one that cannot clear a line,
one line for each step.
"""

from __future__ import annotations

import os
from typing import TextIO

CLEARED_LINE = "\r\x1b[K"


class Progress:
    """Writes the progress of ``total`` steps to ``stream``."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream = stream
        self._total = total
        self._terminal = stream.isatty() and os.environ.get("TERM") != "dumb"

    def begin(self, number: int, name: str) -> None:
        """On a terminal, show the step that is running; the first has ``number`` 1."""
        if self._terminal:
            self._write(f"{CLEARED_LINE}[{number}/{self._total}] {name} ...")

    def end(self, number: int, name: str, result: str) -> None:
        """Without a terminal, write a line with the step's result."""
        if not self._terminal:
            self._write(f"[{number}/{self._total}] {name}: {result}\n")

    def clear(self) -> None:
        """Clear the terminal's line."""
        if self._terminal:
            self._write(CLEARED_LINE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
