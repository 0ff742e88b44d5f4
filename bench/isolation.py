"""Whether a slow client or upstream delays others.

Rule: the same hundred paced streams are measured alone and beside the disturbance. The figure is the
time from the mock's write of a delta to the driver's read.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.driver import Load, run, start
from bench.figures import Measurements
from bench.systems import System
from bench.workloads import ENDLESS

STALLED = 10
GOAL_P99_MS = 10.0
_QUIET_P99_MS = 3.0
"""Alone, on a core of its own, it is 0.5 ms."""
_HOLD = 3600.0

_STREAMS = Load(
    "small",
    f"paced-20ms-{ENDLESS}",
    connections=100,
    ramp=0.3,
    await_open=10,
    deltas=ENDLESS,
    drain=0,
)
_CLIENTS_THAT_STOP_READING = Load(
    "small", f"text-{ENDLESS}", connections=STALLED, seconds=_HOLD, stall=True
)
_UPSTREAMS_THAT_STOP_SENDING = Load(
    "small", "paced-3600000ms-9", connections=STALLED, seconds=_HOLD, deltas=9
)
_COUNTS = Load("1MB", "small", "count", connections=1, seconds=_HOLD, deltas=0)


def measure_isolation(system: System, seconds: float, measured: Measurements, number: int) -> None:
    """Add the added delay of a hundred streams, alone and disturbed."""
    _measure(system, "alone", seconds, measured, number)
    with _disturbed(system):
        _measure(system, "disturbed", seconds, measured, number)


def _measure(system: System, how: str, seconds: float, measured: Measurements, number: int) -> None:
    outcome = run(system, replace(_STREAMS, seconds=seconds))
    if outcome.added_ms is None or outcome.failures:
        measured.trouble(f"isolation, {how}: {outcome.failures} failed: {outcome.first_failure}")
        return
    if how == "alone" and outcome.added_ms.p99 > _QUIET_P99_MS:
        measured.trouble(
            f"isolation, round {number + 1}: p99 of {outcome.added_ms.p99:.1f} ms with nothing "
            "beside: something else runs on this core, the figures of the round are its delays too"
        )
    measured.add(system.name, f"isolation {how}: added_p50_ms", number, outcome.added_ms.p50)
    measured.add(system.name, f"isolation {how}: added_p99_ms", number, outcome.added_ms.p99)


@contextmanager
def _disturbed(system: System) -> Iterator[None]:
    disturbances = (_CLIENTS_THAT_STOP_READING, _UPSTREAMS_THAT_STOP_SENDING, _COUNTS)
    drivers = [start(system, load) for load in disturbances]
    try:
        yield
    finally:
        for driver in drivers:
            _end(driver)


def _end(driver: subprocess.Popen[str]) -> None:
    driver.terminate()
    driver.communicate()
