"""The places that log lines are written to: a file that may be renamed, and a stream of the process.

Rule: used by the thread of a ``LogWriter`` only, so that waiting here delays no request. Messages
about a log file go to stderr, once for each outage.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
from functools import cache
from time import monotonic
from typing import TextIO

from proxy.telemetry.log_writer import RETRY_SECONDS, LogWriter

ENCODING = ("utf-8", "backslashreplace")
"""Independent of the locale, because the token line contains an arrow."""
FILE_CHUNK_BYTES = 1 << 18
"""Longest write to a regular file, where the kernel appends each write as a whole."""
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_MODE = 0o666


def _chunk_bytes(file: os.stat_result) -> int:
    """The longest write that does not mix with those of other processes."""
    return FILE_CHUNK_BYTES if stat.S_ISREG(file.st_mode) else select.PIPE_BUF


class StreamOutput:
    """A stream of this process, such as stderr."""

    def __init__(self, kind: str, descriptor: int) -> None:
        self.kind = kind
        self._descriptor = descriptor
        self.chunk_bytes = _chunk_bytes(os.fstat(descriptor))

    def renew(self) -> None:
        """Does nothing: a stream has no name."""

    def write(self, data: memoryview) -> int:
        return os.write(self._descriptor, data)

    def failed(self, error: OSError) -> None:
        """Does nothing: there is no other place to report it."""

    def worked(self) -> None:
        """Does nothing."""

    def abandoned(self, size: int) -> None:
        """Does nothing, as ``failed``."""

    def close(self) -> None:
        """Does nothing: the stream belongs to the process."""


class FileOutput:
    """The file at ``path``, opened again after it was renamed or deleted.

    The old file remains in use until the new one is open.
    """

    kind = "file"

    def __init__(self, path: str, warnings: LogWriter) -> None:
        self._path = path
        self._warnings = warnings
        self._descriptor = -1
        self.chunk_bytes = FILE_CHUNK_BYTES
        self._opened: tuple[int, int] | None = None
        """Device and inode of the open file."""
        self._next_try = 0.0
        self._failing = False
        self.renew()

    def renew(self) -> None:
        """Open the file at the path if that is not the open one, at most once in ``RETRY_SECONDS``."""
        if self._opened is not None and monotonic() < self._next_try:
            return
        try:
            if self._opened is None or self._found() != self._opened:
                self._open()
        except OSError as error:
            self._next_try = monotonic() + RETRY_SECONDS
            self._report("cannot be opened", error)

    def write(self, data: memoryview) -> int:
        return os.write(self._descriptor, data)

    def failed(self, error: OSError) -> None:
        if self._opened is not None:
            self._report("cannot be written", error)

    def worked(self) -> None:
        self._failing = monotonic() < self._next_try

    def abandoned(self, size: int) -> None:
        self._warn(f"lacks the last lines ({size} bytes), which could not be written")

    def close(self) -> None:
        # Forgotten first: after the attempt, which may fail, the number may belong to a connection.
        descriptor, self._descriptor, self._opened = self._descriptor, -1, None
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> None:
        descriptor = os.open(self._path, _FLAGS, _MODE)
        self.close()
        found = os.fstat(descriptor)
        self._descriptor, self._opened = descriptor, (found.st_dev, found.st_ino)
        # The path may be /dev/stdout, which is a pipe in a container.
        self.chunk_bytes = _chunk_bytes(found)

    def _report(self, what: str, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            self._warn(f"{what} ({error.strerror}): it is tried again each second")

    def _warn(self, text: str) -> None:
        self._warnings.put(f"claude-proxy: the log file {self._path} {text}\n".encode(*ENCODING))


class PrintStream(io.TextIOBase):
    """A text stream whose whole lines are queued in ``writer``; writing never waits."""

    encoding, errors = ENCODING

    def __init__(self, writer: LogWriter, original: TextIO | None) -> None:
        super().__init__()
        self._writer = writer
        self._original = original
        self._begun = ""

    def write(self, text: str, /) -> int:
        whole, newline, rest = (self._begun + text).rpartition("\n")
        self._begun = rest
        if newline:
            self._writer.put((whole + newline).encode(*ENCODING))
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """The descriptor that is written to in the end."""
        if self._original is None:
            raise io.UnsupportedOperation("no descriptor")
        return self._original.fileno()

    def isatty(self) -> bool:
        return self._original is not None and self._original.isatty()


@cache
def stream_writer(kind: str) -> LogWriter:
    """The writer of this process's ``stderr`` or ``stdout``, and of its forks."""
    stream = sys.__stderr__ if kind == "stderr" else sys.__stdout__
    try:
        descriptor = -1 if stream is None else stream.fileno()
        return LogWriter(StreamOutput(kind, descriptor))
    except (OSError, ValueError):
        # The process was started without it.
        return LogWriter(StreamOutput(kind, os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)))


def queue_standard_streams() -> None:
    """Make everything that Python code prints go through the writers, in this process and its forks.

    gunicorn prints the reason why a worker failed to stderr, and the start line goes to stdout.
    """
    sys.stderr = PrintStream(stream_writer("stderr"), sys.__stderr__)
    sys.stdout = PrintStream(stream_writer("stdout"), sys.__stdout__)
