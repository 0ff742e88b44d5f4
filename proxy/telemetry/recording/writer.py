"""Writes recordings in a thread of its own, so that neither masking nor a slow disk delays a request.

Rule: ``put`` never waits and never raises. As in ``proxy.telemetry.log_writer`` the thread is a native
one and uses nothing of gevent's. What does not fit into the queue, or cannot be written, is lost and
counted; the recording that it belongs to is then incomplete and says so. The thread starts with the first
event, which is in a worker.
"""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

from gevent import monkey

from proxy.telemetry.recording.directory import RecordingDirectory
from proxy.telemetry.recording.file import RecordingFile
from proxy.telemetry.recording.format import Event

log = logging.getLogger(__name__)

_start_thread = monkey.get_original("_thread", "start_new_thread")
_new_lock = monkey.get_original("_thread", "allocate_lock")
_Queue: Any = monkey.get_original("queue", "SimpleQueue")

MOST_WAITING = 64 << 20
"""Bytes of events that may wait in one process; further ones are lost."""
EVENT_BYTES = 400
"""Bytes of an event without its data, about."""
BATCH_EVENTS = 256
EXIT_SECONDS = 3.0
"""Longest time for which a worker that ends waits for its last recordings."""


class RecordingWriter:
    """A bounded queue of events, and the thread that masks them and writes them to ``directory``."""

    def __init__(self, directory: RecordingDirectory, most_waiting: int = MOST_WAITING) -> None:
        self._directory = directory
        self._most_waiting = most_waiting
        self._queue: Any = _Queue()
        self._running: Any = _new_lock()
        """Locked while the thread runs."""
        # Each is changed by one side only, so no lock is needed.
        self._accepted = self._written = 0
        self.lost = 0
        """Events that did not fit into the queue."""
        self._unwritten = 0
        self._reason = ""
        self._told = False

    def put(self, file: RecordingFile, event: Event) -> bool:
        """Queue ``event`` for ``file``; false if it is lost."""
        size = EVENT_BYTES + len(event.get("data") or b"")
        waiting = self._accepted - self._written
        if waiting and waiting + size > self._most_waiting:
            self.lost += 1
            self._tell("they are not written as fast as they arrive")
            return False
        self._accepted += size
        self._queue.put((file, event, size))
        if not self._running.locked():
            self._start()
        if self._unwritten:
            self._tell(self._reason)
        return True

    def flush(self, seconds: float) -> bool:
        """Wait for ``seconds`` at most until the events put so far are written; whether they are."""
        if self._accepted == self._written:
            return True
        written = _new_lock()
        written.acquire()
        self._queue.put(written)
        if not self._running.locked():
            self._start()
        done: bool = written.acquire(True, seconds)
        return done

    def close(self) -> None:
        """Write what is queued and end the thread; logs how much was lost."""
        self.flush(EXIT_SECONDS)
        self._queue.put(None)
        lost = self.lost + self._unwritten
        if lost:
            log.warning("recordings: %d events were lost (%s)", lost, self._reason)

    def _tell(self, reason: str) -> None:
        self._reason = reason
        if not self._told:
            self._told = True
            log.warning("recordings are incomplete: %s", reason)

    def _start(self) -> None:
        if not self._running.acquire(False):
            return
        try:
            _start_thread(self._run, ())
        except RuntimeError:
            # No further thread can be started: the next event tries again.
            self._running.release()

    def _run(self) -> None:
        # Otherwise a signal might interrupt this thread, and the loop would handle it later.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while self._write_batch():
                pass
        finally:
            self._running.release()
            if self._queue.qsize():
                self._start()

    def _write_batch(self) -> bool:
        """Wait for events and write all that are queued; false at the end."""
        items = [self._queue.get()]
        items += [self._queue.get_nowait() for _ in range(min(self._queue.qsize(), BATCH_EVENTS))]
        batch: dict[RecordingFile, list[Event]] = {}
        size = 0
        flushed = []
        for item in items:
            if type(item) is tuple:
                batch.setdefault(item[0], []).append(item[1])
                size += item[2]
            elif item is not None:
                flushed.append(item)
        try:
            for file, events in batch.items():
                self._write(file, events)
        finally:
            # Also for what was not written: otherwise nothing would fit into the queue some day.
            self._written += size
        for lock in flushed:
            lock.release()
        return None not in items

    def _write(self, file: RecordingFile, events: list[Event]) -> None:
        try:
            file.write(self._directory, events)
        except OSError as error:
            # A full disk, or the file was removed because others are newer: its rest is of no use.
            file.given_up = True
            self._unwritten += len(events)
            self._reason = os.strerror(error.errno).lower() if error.errno else "cannot be written"
        except (TypeError, ValueError, RecursionError) as error:
            # What JSON cannot hold must not end the thread.
            file.given_up = True
            self._unwritten += len(events)
            self._reason = f"an event cannot be written: {type(error).__name__}"
