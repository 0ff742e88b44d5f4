"""Processes under test: started bare, watched through /proc, stopped with all their children.

Rule: a process is measured with its whole tree. CPU time is read by the driver from the kernel's
own nanosecond clocks of the processes named here; memory is proportional set size.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.places import TESTED_CORES

STOP_SECONDS = 10.0
SETTLE_SECONDS = 15.0
_LOOK = 0.05
_IDLE_SHARE = 0.1


class NotStarted(Exception):
    """A program ended or did not become ready; the message contains the end of its log."""


class Process:
    """A program in a directory of its own, with a bare environment and its output in a file."""

    def __init__(
        self,
        command: Sequence[str | Path],
        directory: Path,
        environ: Mapping[str, str],
        cores: Iterable[int] = TESTED_CORES,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.log = directory / "output.log"
        bare = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory)}
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                list(map(str, command)),
                cwd=directory,
                env=bare | dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )

    def tree(self) -> list[int]:
        """Process ids of the program and all its descendants."""
        return _with_descendants(self._process.pid)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return as soon as ``ready()``; raises ``NotStarted`` when the program ends first."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None:
                raise NotStarted(f"it ended with {self._process.returncode}: {self._log_end()}")
            if time.monotonic() > deadline:
                raise NotStarted(f"not ready after {seconds:g} s: {self._log_end()}")
            time.sleep(0.005)

    def stop(self) -> None:
        """End the program and all processes that it has started."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        # Also processes that outlived it.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _log_end(self) -> str:
        return self.log.read_text("utf-8", "replace")[-600:].strip()


def _with_descendants(pid: int) -> list[int]:
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text("ascii").split()
        except OSError:
            continue
        for child in children:
            found += _with_descendants(int(child))
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """CPU time of all ``pids`` so far, as clock_getcpuclockid(3) finds it."""
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime((~pid << 3) | 2)
    return total


def wait_until_idle(pids: Sequence[int]) -> None:
    """Wait until the processes are idle, for at most ``SETTLE_SECONDS``."""
    deadline = time.monotonic() + SETTLE_SECONDS
    before = cpu_seconds(pids)
    while time.monotonic() < deadline:
        time.sleep(_LOOK)
        now = cpu_seconds(pids)
        if now - before < _IDLE_SHARE * _LOOK:
            return
        before = now


def pss_mb(pids: Sequence[int]) -> float:
    """Proportional set size of all ``pids`` together, in megabytes (10^6 bytes)."""
    return sum(map(_pss_kb, pids)) * 1024 / 1e6


def _pss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
