"""Text of others as one line that a terminal does not act on."""

from __future__ import annotations

LONGEST = 160
"""Characters of an upstream's message in a report."""


def printable(text: str) -> str:
    """``text`` with a space in place of each control character."""
    return "".join(char if char.isprintable() else " " for char in text)


def escaped(text: str) -> str:
    """``text`` with an escape such as ``\\x1b`` in place of each character that is not printable."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def shortened(text: str, longest: int = LONGEST) -> str:
    """``text`` on one printable line of at most ``longest`` characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
