"""The files of the benchmark, and the cores on which its programs run.

Rule: everything that a run creates, except its results, is below ``bench/.build``.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
BUILD = BENCH / ".build"
PEERS = ROOT / ".venv" / "peers"
BIN = Path(sys.executable).parent
RESULTS = BENCH / "RESULTS.md"
PLOT = BENCH / "cost.png"


ALL_CORES = frozenset(os.sched_getaffinity(0))
TESTED_CORES = frozenset({max(ALL_CORES)})
"""Cores for the system under test. Without this the kernel wakes a plain reverse proxy now on the core
of its peer, now on an idle one, and that alone doubles its cost."""
LOAD_CORES = ALL_CORES - TESTED_CORES or ALL_CORES
"""Cores for the mock upstream and the load driver."""


def tool(name: str) -> Path:
    """One of the two C programs, compiled when its source is newer; raises CalledProcessError."""
    target = BUILD / name
    command = ["make", "--no-print-directory", "--silent", f"bench/.build/{name}"]
    subprocess.run(command, cwd=ROOT, check=True)
    return target


def free_port() -> int:
    """An unused port on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
