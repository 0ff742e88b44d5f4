"""The table of docs/reliability.md is what the matrix says."""

from __future__ import annotations

from tests.faults.matrix import CELLS
from tests.faults.table import BEGIN, END, GROUPS, group_of, section
from tests.paths import DOCS

RELIABILITY = DOCS / "reliability.md"


def test_the_documents_table_is_generated() -> None:
    text = RELIABILITY.read_text("utf-8")
    assert BEGIN + text.partition(BEGIN)[2].partition(END)[0] + END == section()


def test_every_row_counts_something() -> None:
    counted = {group_of(cell.fault) for cell in CELLS}
    assert counted == {name for name, _ in GROUPS}
