"""The generated sections of documents that come from code of the tests or of the API.

``python -m tests.docs.generated`` writes them; ``make docs`` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.docs import endpoints
from tests.faults import table
from tests.paths import DOCS

Section = tuple[Path, str, str, Callable[[], str]]
SECTIONS: tuple[Section, ...] = (
    (DOCS / "endpoints.md", endpoints.BEGIN, endpoints.END, endpoints.section),
    (DOCS / "reliability.md", table.BEGIN, table.END, table.section),
)
"""Document, the two markers, and what stands between them with the markers."""


def renewed() -> Iterator[tuple[Path, str]]:
    """Each document with its whole new text; raises ValueError without the markers."""
    for path, begin, end, section in SECTIONS:
        before, found, rest = path.read_text("utf-8").partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"{path}: the markers {begin!r} and {end!r} are missing")
        yield path, before + section() + after


if __name__ == "__main__":
    for path, text in renewed():
        path.write_text(text, "utf-8")
