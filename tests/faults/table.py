"""The table of docs/reliability.md: ``python -m tests.faults.table`` prints it, ``make docs`` writes it.

Rule: counted from the matrix. Each cell is a test, which fails where its outcome is not exactly the
expected one: a green run survived all that the table counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.cell import Cell
from tests.faults.matrix import CELLS

BEGIN, END = "<!-- fault matrix -->", "<!-- end of the fault matrix -->"

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("refused, not accepted, reset at once", ("refused", "not accepted", "reset at accept")),
    ("closed too early", ("close",)),
    ("reset", ("reset",)),
    ("comments, pings or white space without end", ("stall: ",)),
    ("stalled", ("stall",)),
    ("a byte at a time", ("drip",)),
    ("no HTTP, endless or malformed heads", ("no HTTP", "endless", "odd header", "chunked twice")),
    ("answers of HTTP/1.0, whole, cut and stalled", ("HTTP/1.0",)),
    ("unknown transfer codings", ("unknown transfer",)),
    ("interim (1xx) answers, also endless", ("1xx",)),
    ("redirects, 204, 205, 304", ("redirect", "204", "205", "304")),
    ("wrong and invalid lengths", ("length:",)),
    ("bad chunk sizes and framing", ("chunk size",)),
    ("garbled, mislabelled and bomb-like compression", ("gzip",)),
    ("bytes after the end", ("extra bytes",)),
    ("error chunks", ("error chunk",)),
    ("errors with status 200", ("error with 200",)),
    ("undecodable, odd and empty events", ()),
    ("missing, repeated and early terminators", ("end:",)),
    ("events and bodies of 5 MB and more", ("5 MB", "17 MB", "65 MB")),
    (
        "invalid UTF-8, other line ends, byte order marks",
        ("invalid UTF-8", "written", "byte order"),
    ),
    (
        "HTML, text, garbage, broken JSON, empty bodies",
        (
            "HTML",
            "plain text",
            "garbage",
            "truncated",
            "JSON and",
            "two JSON",
            "NaN",
            "nested",
            "UTF-16",
            "empty body",
        ),
    ),
    (
        "other forms and labels than asked for",
        ("JSON ", "events ", "labelled", "blank lines around"),
    ),
    ("completions without what they should hold", ("completion:",)),
)
"""The rows, and how the names of their faults begin; the one without takes what is left."""


def group_of(fault: str) -> str:
    """The row that counts ``fault``."""
    for name, beginnings in GROUPS:
        if fault.startswith(beginnings) and beginnings:
            return name
    return next(name for name, beginnings in GROUPS if not beginnings)


def rows(cells: Sequence[Cell] = CELLS) -> list[str]:
    """The table, line by line."""
    lines = ["| what the upstream does | faults | cells tried and survived |", "|---|---|---|"]
    for name, _ in GROUPS:
        lines.append(_row(name, [cell for cell in cells if group_of(cell.fault) == name]))
    return [*lines, _row("**all**", cells)]


def _row(name: str, cells: Sequence[Cell]) -> str:
    return f"| {name} | {len({cell.fault for cell in cells})} | {len(cells)} |"


def section() -> str:
    """What stands between the markers, markers included."""
    return "\n".join([BEGIN, *rows(), END])


if __name__ == "__main__":
    import sys

    sys.stdout.write(section() + "\n")
