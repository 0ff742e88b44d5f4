"""Whatever a client or an upstream repeats costs no more than its size, and holds nobody up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.growth import Application, Cost, Result, Row, Sample, application, measured, table
from bench.growth_rows import ROWS


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application() as running:
        # What is loaded at the first request is not counted.
        running.cost(ROWS[0].make(1))
        yield running


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_ten_times_as_much_costs_ten_times_as_much(app: Application, row: Row) -> None:
    result = measured(app, row)
    assert not result.fails, "\n".join(table([result]))


def test_names_are_unique() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("few", "many", "turn", "fails"),
    [
        pytest.param(0.01, 0.1, 0.09, False, id="linear"),
        pytest.param(0.01, 0.2, 0.05, True, id="more than linear"),
        pytest.param(0.0001, 0.004, 0.05, False, id="too little to be measured"),
        pytest.param(0.01, 0.1, 0.11, True, id="a long turn"),
    ],
)
def test_what_fails(few: float, many: float, turn: float, *, fails: bool) -> None:
    row = Row("x", lambda _: Sample(b""), 1)
    result = Result(row, Cost(few, 0.0, "200"), Cost(many, 0.0, "200"), Cost(1.0, turn, "502"))
    assert result.fails is fails
