"""Lines that fit a terminal of 80 columns.

Rule: pure.
"""

from __future__ import annotations

import textwrap

WIDTH = 78


def wrapped(text: str) -> str:
    """``text`` in lines of a terminal's width; words, such as URLs, are not broken."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def cut(line: str) -> str:
    """``line`` cut to a terminal's width; its spaces are kept."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."
