"""Writes log lines in a thread of its own, so that a slow or broken log delays no request.

Rule: ``put`` never waits and never raises (``proxy.telemetry.native_queue``). A forked process starts its
own thread and has none of its parent's lines, which the parent writes.
"""

from __future__ import annotations

import atexit
import os
from collections import Counter
from time import monotonic
from typing import Protocol
from weakref import WeakSet

from proxy.telemetry.native_queue import NativeQueue, sleep

MOST_BYTES = 4 << 20
"""Bytes of lines that may wait in one process; further lines are dropped and counted."""
LINE_OVERHEAD = 64
"""Bytes that a waiting line takes in addition to its text."""
RETRY_SECONDS = 1.0
BUSY_SECONDS = 0.05
"""Pause where the reader of a non-blocking descriptor is slow."""
PAUSE_SECONDS = 0.01
"""Pause after each batch: under load the thread wakes a hundred times a second, not for each line."""
EXIT_SECONDS = 1.0
"""Longest time for which a process that ends waits for its last lines."""
LEAST_SECONDS = 0.1
"""Least part of it that each writer may use."""


class Output(Protocol):
    """Where lines are written."""

    kind: str
    """``file``, ``stderr`` or ``stdout``: the label of the metric."""
    chunk_bytes: int
    """Longest write of several lines; a longer one might mix with those of other processes."""

    def renew(self) -> None:
        """Called before each batch; must not raise."""

    def write(self, data: memoryview) -> int:
        """Write a part of ``data`` and return its size in bytes; raises ``OSError``."""
        ...

    def failed(self, error: OSError) -> None:
        """Called after a failed write, which is repeated."""

    def worked(self) -> None:
        """Called after each successful batch."""

    def abandoned(self, size: int) -> None:
        """Called if the process ends before the last ``size`` bytes of lines are written."""

    def close(self) -> None:
        """Called after the last batch; a later write opens it again."""


class _Dropped:
    """Lines that this process dropped."""

    def __init__(self) -> None:
        self.lines = 0
        self.by_kind: Counter[str] = Counter()

    def add(self, kind: str) -> None:
        self.lines += 1
        self.by_kind[kind] += 1


DROPPED = _Dropped()


class LogWriter(NativeQueue):
    """A bounded queue of lines and the thread that writes them to ``output`` in their order."""

    pause_seconds = PAUSE_SECONDS

    def __init__(self, output: Output, most_bytes: int = MOST_BYTES) -> None:
        self.output = output
        super().__init__(most_bytes)
        _WRITERS.add(self)

    def begin(self) -> None:
        """As for any queue; what was dropped is not reported again."""
        super().begin()
        self._dropped = self._reported = 0

    def put(self, line: bytes) -> None:
        """Queue ``line``, which ends with a newline; if the queue is full, drop and count it."""
        if not self._accept(line, len(line) + LINE_OVERHEAD):
            self._dropped += 1
            DROPPED.add(self.output.kind)

    def dropped_to_report(self) -> int:
        """The number of lines that were dropped since the last report, once there is room for it."""
        unreported = self._dropped - self._reported
        if not unreported or self.waiting > self._most_bytes // 2:
            return 0
        self._reported = self._dropped
        return unreported

    def _write_batch(self, items: list[bytes]) -> None:
        self.output.renew()
        chunk: list[bytes] = []
        size = 0
        for line in items:
            if size + len(line) > self.output.chunk_bytes:
                self._write(chunk)
                chunk, size = [], 0
            chunk.append(line)
            size += len(line)
        self._write(chunk)
        self.output.worked()

    def _end(self) -> None:
        self.output.close()

    def _write(self, lines: list[bytes]) -> None:
        """Write ``lines``, however long it takes."""
        data, at = memoryview(b"".join(lines)), 0
        while at < len(data):
            try:
                at += self.output.write(data[at:])
            except BlockingIOError:
                sleep(BUSY_SECONDS)
            except OSError as error:
                data, at = _remainder(bytes(data), at), 0
                self.output.failed(error)
                sleep(RETRY_SECONDS)
                self.output.renew()
        self._written += sum(map(len, lines)) + LINE_OVERHEAD * len(lines)


def _remainder(data: bytes, at: int) -> memoryview:
    """The data that is left after a failure at byte ``at``, with the whole of a line that was cut.

    That begins on a new line, because another process may have written in between.
    """
    start = data.rfind(b"\n", 0, at) + 1
    return memoryview(data[start:] if start == at else b"\n" + data[start:])


_WRITERS: WeakSet[LogWriter] = WeakSet()


def flush_all(seconds: float = EXIT_SECONDS) -> None:
    """Wait until all lines of this process are written, about ``seconds`` at most."""
    end = monotonic() + seconds
    # Files first: messages about them go to stderr.
    for writer in sorted(_WRITERS, key=lambda each: each.output.kind):
        if not writer.flush(max(end - monotonic(), LEAST_SECONDS)):
            writer.output.abandoned(writer.waiting)


def _begin_in_child() -> None:
    DROPPED.lines = 0
    DROPPED.by_kind.clear()
    for writer in _WRITERS:
        writer.begin()


os.register_at_fork(after_in_child=_begin_in_child)
atexit.register(flush_all)
