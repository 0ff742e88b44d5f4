"""Interleaved rounds: every system runs every workload once in each round, in changing order.

Rule: a ratio is never taken between figures of different rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.driver import run
from bench.figures import Measurements
from bench.processes import wait_until_idle
from bench.progress import say
from bench.systems import System
from bench.workloads import WORKLOADS, Pace, Unusable, Workload, timed, warming

OURS_ONLY = {"direct", "nginx", "ours", "before"}


def compare(systems: Sequence[System], pace: Pace, measured: Measurements) -> None:
    """Measure all ``systems`` for ``pace.rounds`` rounds into ``measured``."""
    for system in systems:
        for workload in _of(system):
            if workload.load.connections <= 4:
                run(system, warming(workload, pace))
    for number in range(pace.rounds):
        say(f"round {number + 1} of {pace.rounds}")
        for workload in WORKLOADS:
            shift = number % len(systems)
            for system in (*systems[shift:], *systems[:shift]):
                if workload in _of(system):
                    _measure(system, workload, pace, measured, number)


def _of(system: System) -> Iterator[Workload]:
    for workload in WORKLOADS:
        latency = workload.name.startswith(("ttft", "paced"))
        if system.name == "direct" and not latency:
            continue
        if (system.name in OURS_ONLY or workload.peers) and workload.load.route in system.routes:
            yield workload


def _measure(
    system: System, workload: Workload, pace: Pace, measured: Measurements, number: int
) -> None:
    load = timed(workload, pace)
    wait_until_idle(system.pids())
    outcome = run(system, load)
    if outcome.failures:
        measured.trouble(f"{system.name}, {workload.name}: {outcome.failures} failed")
        measured.trouble(f"  the first: {(outcome.first_failure or '')[:300]!r}")
    try:
        for name, value in workload.read(load, outcome).items():
            measured.add(system.name, f"{workload.name}: {name}", number, value)
    except Unusable as error:
        measured.trouble(f"{system.name}, {workload.name}: {str(error)[:300]!r}")
