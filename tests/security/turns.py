"""A gunicorn worker that notes how long its event loop was kept from going on.

Rule: a greenlet sleeps for the shortest time again and again, and the CPU time of the whole process in
between is a turn. So a busy machine does not count, and a thread does that keeps the loop from going on.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import process_time

import gevent

from proxy.server.worker import ProxyWorker

FILE = "TURNS_FILE"
"""Variable with the path of the file to which each turn of at least ``NOTED`` seconds is added."""
NOTED = 0.01
BEAT_SECONDS = 0.001
WORKER = "tests.security.turns.TurnsWorker"


class TurnsWorker(ProxyWorker):
    """The worker of the program, watched."""

    def run(self) -> None:
        gevent.spawn(_beat, Path(os.environ[FILE]))
        super().run()


def _beat(notes: Path) -> None:
    before = process_time()
    while True:
        gevent.sleep(BEAT_SECONDS)
        now = process_time()
        if now - before >= NOTED:
            with notes.open("a", encoding="ascii") as file:
                file.write(f"{now - before:.4f}\n")
        before = process_time()


def longest_turn(path: Path) -> float:
    """Seconds of CPU of the longest turn since the last call; 0 if each was below ``NOTED``."""
    turns = [float(line) for line in path.read_text("ascii").split()] if path.exists() else []
    path.write_text("")
    return max(turns, default=0.0)
