"""Writes log lines in a thread of its own, so that a slow or broken log delays no request.

Rule: ``put`` never waits and never raises. The thread is a native one, because gevent's patched threads
are greenlets of the loop that must not wait. It uses no lock, timer or queue of gevent. A forked process
starts its own thread and has none of its parent's lines, which the parent writes.
"""

from __future__ import annotations

import atexit
import os
import signal
from collections import Counter
from time import monotonic
from typing import Any, Protocol
from weakref import WeakSet

from gevent import monkey

_start_thread = monkey.get_original("_thread", "start_new_thread")
_new_lock = monkey.get_original("_thread", "allocate_lock")
_sleep = monkey.get_original("time", "sleep")
_Queue: Any = monkey.get_original("queue", "SimpleQueue")

MOST_BYTES = 4 << 20
"""Bytes of lines that may wait in one process; further lines are dropped and counted."""
LINE_OVERHEAD = 64
"""Bytes that a waiting line takes in addition to its text."""
BATCH_LINES = 256
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


class LogWriter:
    """A bounded queue of lines and the thread that writes them to ``output`` in their order."""

    def __init__(self, output: Output, most_bytes: int = MOST_BYTES) -> None:
        self.output = output
        self._most_bytes = most_bytes
        self.begin()
        _WRITERS.add(self)

    def begin(self) -> None:
        """Begin with an empty queue and without a thread; to be called in a forked process too."""
        # Lines, locks that are released when all lines before them are written, and None: the end.
        self._queue: Any = _Queue()
        self._running: Any = _new_lock()
        """Locked while the thread runs."""
        # Two sums, because each is changed by one side only and no lock is needed.
        self._accepted = 0
        self._written = 0
        self._dropped = self._reported = 0

    @property
    def waiting(self) -> int:
        """The size in bytes of the lines that are not written yet."""
        return self._accepted - self._written

    def put(self, line: bytes) -> None:
        """Queue ``line``, which ends with a newline; if the queue is full, drop and count it."""
        size, waiting = len(line) + LINE_OVERHEAD, self._accepted - self._written
        if waiting and waiting + size > self._most_bytes:
            self._dropped += 1
            DROPPED.add(self.output.kind)
            return
        self._accepted += size
        self._queue.put(line)
        if not self._running.locked():
            self._start()

    def dropped_to_report(self) -> int:
        """The number of lines that were dropped since the last report, once there is room for it."""
        unreported = self._dropped - self._reported
        if not unreported or self.waiting > self._most_bytes // 2:
            return 0
        self._reported = self._dropped
        return unreported

    def flush(self, seconds: float) -> bool:
        """Wait for ``seconds`` at most until the lines put so far are written; returns whether they are."""
        if not self.waiting:
            return True
        written = _new_lock()
        written.acquire()
        self._queue.put(written)
        if not self._running.locked():
            self._start()
        done: bool = written.acquire(True, max(0.0, seconds))
        return done

    def close(self) -> None:
        """End the thread after the lines put so far; a later line starts it again."""
        self._queue.put(None)

    def _start(self) -> None:
        if not self._running.acquire(False):
            return
        try:
            _start_thread(self._run, (self._queue, self._running))
        except RuntimeError:
            # No further thread can be started: the next line tries again.
            self._running.release()

    def _run(self, queue: Any, running: Any) -> None:
        # Otherwise a signal might interrupt this thread, and the loop would handle it later.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while self._write_batch(queue):
                _sleep(PAUSE_SECONDS)
            self.output.close()
        finally:
            running.release()
            if queue.qsize():
                self._start()

    def _write_batch(self, queue: Any) -> bool:
        """Wait for lines and write all that are queued; false at the end."""
        items = [queue.get()]
        items += [queue.get_nowait() for _ in range(min(queue.qsize(), BATCH_LINES))]
        self.output.renew()
        chunk: list[bytes] = []
        size = 0
        for item in items:
            if type(item) is bytes and size + len(item) <= self.output.chunk_bytes:
                chunk.append(item)
                size += len(item)
                continue
            self._write(chunk)
            chunk, size = [], 0
            if type(item) is bytes:
                chunk, size = [item], len(item)
            elif item is not None:
                item.release()
        self._write(chunk)
        self.output.worked()
        return None not in items

    def _write(self, lines: list[bytes]) -> None:
        """Write ``lines``, however long it takes."""
        data, at = memoryview(b"".join(lines)), 0
        while at < len(data):
            try:
                at += self.output.write(data[at:])
            except BlockingIOError:
                _sleep(BUSY_SECONDS)
            except OSError as error:
                data, at = _remainder(bytes(data), at), 0
                self.output.failed(error)
                _sleep(RETRY_SECONDS)
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
