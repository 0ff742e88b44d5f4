"""A bounded queue that a thread of its own empties, so that a slow disk or reader delays no request.

Rule: putting never waits and never raises. The thread is a native one, because gevent's patched threads
are greenlets of the loop that must not wait. It uses no lock, timer or queue of gevent. It starts with
the first item, and again with the next one if it has ended.
"""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from typing import Any

from gevent import monkey

_start_thread = monkey.get_original("_thread", "start_new_thread")
_new_lock = monkey.get_original("_thread", "allocate_lock")
_Lock = type(_new_lock())
_Queue: Any = monkey.get_original("queue", "SimpleQueue")
sleep = monkey.get_original("time", "sleep")
"""Pauses the thread that calls it, also in a patched process."""

BATCH_ITEMS = 256


class NativeQueue(ABC):
    """The queue and its thread; a subclass says what is done with a batch."""

    pause_seconds = 0.0
    """Pause after each batch."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.begin()

    def begin(self) -> None:
        """Begin with an empty queue and without a thread; to be called in a forked process too."""
        # Items, locks that are released when all items before them are written, and None: the end.
        self._queue: Any = _Queue()
        self._running: Any = _new_lock()
        """Locked while the thread runs."""
        # Two sums, because each is changed by one side only and no lock is needed.
        self._accepted = 0
        self._written = 0

    @property
    def waiting(self) -> int:
        """The size in bytes of what is not written yet."""
        return self._accepted - self._written

    def _accept(self, item: object, size: int) -> bool:
        """Queue ``item`` of ``size`` bytes; false if there is no room for it."""
        waiting = self._accepted - self._written
        if waiting and waiting + size > self._most_bytes:
            return False
        self._accepted += size
        self._queue.put(item)
        if not self._running.locked():
            self._start()
        return True

    def flush(self, seconds: float) -> bool:
        """Wait for ``seconds`` at most until what was put so far is written; returns whether it is."""
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
        """End the thread after what was put so far; a later item starts it again."""
        self._queue.put(None)

    @abstractmethod
    def _write_batch(self, items: list[Any]) -> None:
        """Called in the thread with items in their order; adds their sizes to ``_written``."""

    @abstractmethod
    def _end(self) -> None:
        """Called in the thread after the last batch."""

    def _start(self) -> None:
        if not self._running.acquire(False):
            return
        try:
            _start_thread(self._run, (self._queue, self._running))
        except RuntimeError:
            # No further thread can be started: the next item tries again.
            self._running.release()

    def _run(self, queue: Any, running: Any) -> None:
        # Otherwise a signal might interrupt this thread, and the loop would handle it later.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while self._next_batch(queue):
                if self.pause_seconds:
                    sleep(self.pause_seconds)
            self._end()
        finally:
            running.release()
            if queue.qsize():
                self._start()

    def _next_batch(self, queue: Any) -> bool:
        """Wait for items and write all that are queued; false at the end."""
        taken = [queue.get()]
        taken += [queue.get_nowait() for _ in range(min(queue.qsize(), BATCH_ITEMS))]
        locks = [item for item in taken if type(item) is _Lock]
        self._write_batch([i for i in taken if i is not None and type(i) is not _Lock])
        for lock in locks:
            lock.release()
        return None not in taken
