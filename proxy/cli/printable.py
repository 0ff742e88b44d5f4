"""Foreign text for a terminal.

Rule: pure. A terminal obeys control characters: what a server or a file wrote must not move the cursor,
rename the window or reverse the line.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` on one line, with everything but printable characters as escapes."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
