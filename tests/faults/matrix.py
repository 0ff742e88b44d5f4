"""The matrix: every cell of every table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from tests.faults import (
    bodies,
    compression,
    content,
    forms,
    framing,
    heads,
    keepalives,
    old_http,
    terminators,
    transport,
)
from tests.faults.cell import Cell

TABLES = (
    transport,
    heads,
    framing,
    compression,
    content,
    terminators,
    bodies,
    forms,
    keepalives,
    old_http,
)

CELLS: tuple[Cell, ...] = tuple(chain.from_iterable(table.cells() for table in TABLES))


def representatives(cells: Sequence[Cell] = CELLS) -> frozenset[str]:
    """Ids of a few cells: for each kind of answer every fault, every phase and every framing."""
    chosen: list[Cell] = []
    for aspect in ("fault", "phase", "framing"):
        groups: dict[tuple[str, str], list[Cell]] = {}
        for cell in cells:
            groups.setdefault((getattr(cell, aspect), cell.kind), []).append(cell)
        for number, group in enumerate(groups.values()):
            if not any(cell in group for cell in chosen):
                chosen.append(group[number % len(group)])
    return frozenset(cell.id for cell in chosen)
