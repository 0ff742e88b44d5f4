"""The handler behind ``CLAUDE_PROXY_LOG_FILE``: appends whole lines to a file that may be turned over.

Rule: a line is in the file when the call that logs it returns; a file that was renamed or removed
is opened anew within ``LOOK_SECONDS``. What stays out is what costs every request: a look at the
file system for each line, and the lock of gevent's, which is written in Python: a line costs 5
microseconds instead of 9.
"""

from __future__ import annotations

from logging.handlers import WatchedFileHandler
from time import monotonic

from gevent.monkey import get_original

LOOK_SECONDS = 1.0

_thread_lock = get_original("threading", "RLock")


class LogFile(WatchedFileHandler):
    """A ``WatchedFileHandler`` that looks once a second whether its file is still there."""

    def __init__(self, filename: str) -> None:
        # Whatever the locale says: the token line holds an arrow.
        super().__init__(filename, encoding="utf-8")
        self._looked = monotonic()

    def createLock(self) -> None:
        """A lock between threads: greenlets need none, since nothing here waits for the loop."""
        super().createLock()
        self.lock = _thread_lock()

    def reopenIfNeeded(self) -> None:
        """Called before each record."""
        now = monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            super().reopenIfNeeded()

    def flush(self) -> None:
        """Called after each record, by one that holds the lock."""
        if self.stream is not None:
            self.stream.flush()
