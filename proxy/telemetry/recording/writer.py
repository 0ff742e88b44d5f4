"""Writes recordings in a thread of its own, so that neither masking nor a slow disk delays a request.

Rule: ``put`` never waits and never raises (``proxy.telemetry.native_queue``). What does not fit into the
queue, or cannot be written, is lost and counted; the recording that it belongs to is then incomplete and
says so. The thread starts with the first event, which is in a worker.
"""

from __future__ import annotations

import logging
import os

from proxy.telemetry.native_queue import NativeQueue
from proxy.telemetry.recording.directory import RecordingDirectory
from proxy.telemetry.recording.file import RecordingFile
from proxy.telemetry.recording.format import Event

log = logging.getLogger(__name__)

MOST_WAITING = 64 << 20
"""Bytes of events that may wait in one process; further ones are lost."""
EVENT_BYTES = 400
"""Bytes of an event without its data, about."""
EXIT_SECONDS = 3.0
"""Longest time for which a worker that ends waits for its last recordings."""


class RecordingWriter(NativeQueue):
    """A bounded queue of events, and the thread that masks them and writes them to ``directory``."""

    def __init__(self, directory: RecordingDirectory, most_waiting: int = MOST_WAITING) -> None:
        super().__init__(most_waiting)
        self._directory = directory
        self.lost = 0
        """Events that did not fit into the queue."""
        self._unwritten = 0
        self._reason = ""
        self._told = False

    def put(self, file: RecordingFile, event: Event) -> bool:
        """Queue ``event`` for ``file``; false if it is lost."""
        size = EVENT_BYTES + len(event.get("data") or b"")
        if not self._accept((file, event, size), size):
            self.lost += 1
            self._tell("they are not written as fast as they arrive")
            return False
        if self._unwritten:
            self._tell(self._reason)
        return True

    def close(self) -> None:
        """Write what is queued and end the thread; logs how much was lost."""
        self.flush(EXIT_SECONDS)
        super().close()
        lost = self.lost + self._unwritten
        if lost:
            log.warning("recordings: %d events were lost (%s)", lost, self._reason)

    def _tell(self, reason: str) -> None:
        self._reason = reason
        if not self._told:
            self._told = True
            log.warning("recordings are incomplete: %s", reason)

    def _write_batch(self, items: list[tuple[RecordingFile, Event, int]]) -> None:
        batch: dict[RecordingFile, list[Event]] = {}
        for file, event, _ in items:
            batch.setdefault(file, []).append(event)
        try:
            for file, events in batch.items():
                self._write(file, events)
        finally:
            # Also for what was not written: otherwise nothing would fit into the queue some day.
            self._written += sum(size for _, _, size in items)

    def _end(self) -> None:
        """Nothing: each batch leaves its files complete."""

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
