"""How long a start takes: from the command to the first answer, with two workers."""

from __future__ import annotations

import time
from pathlib import Path

from bench.figures import Measurements
from bench.places import BIN
from bench.systems import ours

WORKERS = 2


def measure_start(
    upstream: int, measured: Measurements, number: int, *, name: str = "ours", programs: Path = BIN
) -> None:
    """Start claude-proxy as installed in ``programs`` once, and stop it again."""
    began = time.monotonic()
    system = ours(upstream, workers=WORKERS, name=name, programs=programs)
    measured.add(name, "start: seconds", number, time.monotonic() - began)
    if system.process:
        system.process.stop()
