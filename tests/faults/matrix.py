"""The matrix: every cell of every table."""

from __future__ import annotations

from itertools import chain

from tests.faults import (
    bodies,
    compression,
    content,
    forms,
    framing,
    heads,
    terminators,
    transport,
)
from tests.faults.cell import Cell

TABLES = (transport, heads, framing, compression, content, terminators, bodies, forms)

CELLS: tuple[Cell, ...] = tuple(chain.from_iterable(table.cells() for table in TABLES))
