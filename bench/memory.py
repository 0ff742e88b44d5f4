"""Memory: idle, and for each open stream.

Rule: proportional set size of the whole process tree, read while the system has no other load.
"""

from __future__ import annotations

import subprocess
import sys
import time

from bench.driver import Load, outcome, run, start
from bench.figures import Measurements
from bench.places import ROOT
from bench.processes import pss_mb
from bench.systems import Starter, System

STREAMS = 200
_OPEN = Load(
    "small",
    "paced-1000ms-100000",
    connections=STREAMS,
    seconds=1.0,
    ramp=0.5,
    await_open=10,
    deltas=100_000,
    drain=0,
)
_FIRST_USE = (
    Load("small", "small", seconds=0.25),
    Load("small", "text-100", deltas=100, seconds=0.25),
)

_TABLES = """
from bench.processes import pss_mb
import gc, os
import proxy.app
from config.registry.values import registry_in_force
from config.settings import Settings
from proxy.providers.routing import Router
from proxy.tokens import load_tables
needed = Router(Settings(), registry_in_force(Settings())).encodings
gc.collect()
before = pss_mb([os.getpid()])
load_tables(needed)
gc.collect()
print(pss_mb([os.getpid()]) - before)
"""


def measure_fresh(
    name: str, starter: Starter, upstream: int, measured: Measurements, number: int
) -> None:
    """Idle memory and memory for each stream of a system that has just been started."""
    system = starter(upstream)
    try:
        for load in _FIRST_USE:
            run(system, load)
        time.sleep(0.5)
        idle = pss_mb(system.pids())
        measured.add(name, "memory: idle_mb", number, idle)
        kilobytes = _for_each_stream(system, idle, measured)
        if kilobytes is not None:
            measured.add(name, "memory: stream_kb", number, kilobytes)
    finally:
        if system.process:
            system.process.stop()


def _for_each_stream(system: System, idle: float, measured: Measurements) -> float | None:
    driver = start(system, _OPEN)
    highest = 0.0
    while driver.poll() is None:
        highest = max(highest, pss_mb(system.pids()))
        time.sleep(0.2)
    seen = outcome(driver.communicate()[0])
    if seen.opened < STREAMS:
        measured.trouble(f"{system.name}, memory: {seen.opened} of {STREAMS} streams opened")
        return None
    return (highest - idle) * 1000 / STREAMS


def tables_mb() -> float:
    """What the tokenizer tables of the default settings take in a process; all workers share them."""
    done = subprocess.run(
        [sys.executable, "-c", _TABLES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
