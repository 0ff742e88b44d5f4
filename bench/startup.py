"""How long a start takes: from the command to the first answer, with two workers."""

from __future__ import annotations

import time

from bench.figures import Measurements
from bench.systems import ours

WORKERS = 2


def measure_start(upstream: int, measured: Measurements, number: int) -> None:
    """Start claude-proxy once, and stop it again."""
    began = time.monotonic()
    system = ours(upstream, workers=WORKERS)
    measured.add("ours", "start: seconds", number, time.monotonic() - began)
    if system.process:
        system.process.stop()
