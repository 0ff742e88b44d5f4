"""``python -m bench --against DIR``: this checkout beside another one, such as an earlier commit.

Rule: in each round both run every workload one directly after the other, in alternating order. A row
of the table is the median, over the rounds, of the ratio within a round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench.comparison import compare
from bench.figures import Measurements, Spread, brief
from bench.isolation import measure_isolation
from bench.memory import measure_fresh
from bench.places import BIN
from bench.progress import say
from bench.startup import measure_start
from bench.systems import System, mock_upstream, ours
from bench.workloads import Pace

ROUNDS = 9
TOLERANCE = 1.03
"""A median ratio beyond this, in the bad direction, is marked."""
_MORE_IS_BETTER = "delivered"
_DERIVED = ("cpu_us_per_kb", "delivered_share")
"""Computed from other figures, so their ratios are the same."""

_Item = TypeVar("_Item")


def measure_against(checkout: Path, pace: Pace, isolation_seconds: float) -> Measurements:
    """Every figure of the system ``ours`` (this checkout) and of ``before`` (``checkout``).

    ``checkout`` has the service installed in its own ``.venv``. Raises ``NotStarted``.
    """
    measured = Measurements()
    programs = {"before": checkout.resolve() / ".venv" / "bin", "ours": BIN}
    with mock_upstream() as upstream:
        for number in range(pace.rounds):
            say(f"fresh systems, round {number + 1} of {pace.rounds}")
            for name, directory in _alternating([*programs.items()], number):
                measure_start(upstream, measured, number, name=name, programs=directory)
                starter = partial(ours, name=name, programs=directory)
                measure_fresh(name, starter, upstream, measured, number)
        with ExitStack() as stack:
            systems = [_running(upstream, *item, stack) for item in programs.items()]
            compare(systems, pace, measured)
            for number in range(pace.rounds):
                for system in _alternating(systems, number):
                    measure_isolation(system, isolation_seconds, measured, number)
    return measured


def _running(upstream: int, name: str, programs: Path, stack: ExitStack) -> System:
    system = ours(upstream, name=name, programs=programs)
    if system.process:
        stack.callback(system.process.stop)
    return system


def _alternating(items: Sequence[_Item], number: int) -> Sequence[_Item]:
    return items[::-1] if number % 2 else items


def table(measured: Measurements) -> str:
    """The rows as Markdown, then how many are worse, then what went wrong."""
    rows, worse = ["| | before | now | now / before | |", "|---|---|---|---|---|"], 0
    for name, ratio in _ratios(measured):
        mark = "worse" if is_worse(name, ratio) else ""
        worse += bool(mark)
        before, now = _median(measured, "before", name), _median(measured, "ours", name)
        rows.append(f"| {name} | {before} | {now} | {_shown(ratio)} | {mark} |")
    last = f"{worse} of {len(rows) - 2} rows more than {TOLERANCE - 1:.0%} worse"
    return "\n".join([*rows, "", last, *measured.troubles]) + "\n"


def _ratios(measured: Measurements) -> Iterator[tuple[str, Spread]]:
    for name in measured.figures.get("ours", {}):
        ratio = measured.ratio(name, "before")
        if ratio is not None and not name.endswith(_DERIVED):
            yield name, ratio


def is_worse(name: str, ratio: Spread) -> bool:
    """Whether the figure ``name`` is more than the tolerance worse than before."""
    if name.endswith(_MORE_IS_BETTER):
        return ratio.median < 1 / TOLERANCE
    return ratio.median > TOLERANCE


def _median(measured: Measurements, system: str, name: str) -> str:
    found = measured.spread(system, name)
    return brief(found.median) if found else "-"


def _shown(ratio: Spread) -> str:
    return f"{ratio.median:.3f} ({ratio.least:.2f}..{ratio.most:.2f})"
