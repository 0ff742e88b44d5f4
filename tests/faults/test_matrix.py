"""Every fault at every phase, for every kind of answer, in every framing (tests/faults/matrix.py).

The short part of the suite tries every fault once for each kind of answer. All selected cells run at once, before the first test; each test then compares its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import pytest
import trustme

from proxy.relay import stream, sweeper
from proxy.relay import translated_codec as codec
from tests.faults.cell import Cell, Outcome
from tests.faults.matrix import CELLS, representatives
from tests.faults.trial import run_all, stalls

pytestmark = pytest.mark.timeout(400)
"""The first test waits for all cells; half a minute of work for one core."""

SWEEP, PEEK, FINISH = 0.05, 0.5, 0.5
"""Seconds; the waits that no setting shortens."""


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Outcome | str]:
    wanted: list[Cell] = [
        cast(Cell, item.callspec.params["cell"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == test_cell.__name__
    ]
    authority = tmp_path_factory.mktemp("tls") / "authority.pem"
    # Reading the certificates of the whole world takes longer than a cell.
    trustme.CA().cert_pem.write_to_path(str(authority))
    found = run_all((cell for cell in wanted if not stalls(cell)), str(authority), at_once=8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeper, "SWEEP_SECONDS", SWEEP)
        patch.setattr(stream, "PEEK_SECONDS", PEEK)
        patch.setattr(codec, "FINISH_SECONDS", FINISH)
        return found | run_all(filter(stalls, wanted), str(authority), at_once=100)


def _parameters() -> list[Any]:
    short = representatives()
    return [
        pytest.param(cell, id=cell.id, marks=() if cell.id in short else pytest.mark.long)
        for cell in CELLS
    ]


@pytest.mark.parametrize("cell", _parameters())
def test_cell(cell: Cell, outcomes: Mapping[str, Outcome | str]) -> None:
    assert outcomes[cell.id] == cell.expected, cell.why


def test_the_short_part_has_every_fault_phase_kind_and_framing() -> None:
    short = representatives()
    tried = [cell for cell in CELLS if cell.id in short]
    for aspect in ("fault", "phase", "kind", "framing"):
        assert {getattr(cell, aspect) for cell in tried} == {
            getattr(cell, aspect) for cell in CELLS
        }


def test_every_cell_has_a_name_of_its_own() -> None:
    names = Counter(cell.id for cell in CELLS)
    assert [name for name, count in names.items() if count > 1] == []
