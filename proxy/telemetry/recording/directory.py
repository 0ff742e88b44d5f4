"""The directory of the recordings: names, modes and the number and size of the files.

Rule: only files whose names this module gave are removed. Several processes write into one directory,
each to files of its own; any of them removes the oldest ones.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime

from proxy.telemetry.recording.format import SUFFIX

MOST_FILES = 500
"""Recordings that are kept in the directory."""
MOST_BYTES = 1 << 30
"""Size of all recordings together, in bytes."""
SIZED_EVERY = 16
"""New files of a process after which it adds up the sizes; the number is checked for each."""

_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[A-Za-z0-9_]+" + re.escape(SUFFIX))
"""Names in the order of their times."""


def file_name(started: float, request_id: str) -> str:
    """The name of a recording that began ``started`` seconds after 1970."""
    return f"{datetime.fromtimestamp(started, UTC):%Y%m%dT%H%M%S.%f}Z-{request_id}{SUFFIX}"


class RecordingDirectory:
    """The files of this process in ``path``; used by one thread."""

    def __init__(
        self, path: str, *, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES
    ) -> None:
        self._path = path
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._begun = 0

    def create(self, name: str, data: bytes) -> None:
        """Write a new file of mode 0600, after removing the oldest ones; raises ``OSError``."""
        # The mode is the owner's choice if the directory exists.
        os.makedirs(self._path, mode=0o700, exist_ok=True)
        self._make_room()
        self._write(name, data, os.O_CREAT | os.O_EXCL)

    def append(self, name: str, data: bytes) -> None:
        """Append to a file; raises ``OSError``, also if another process has removed it."""
        self._write(name, data, 0)

    def _write(self, name: str, data: bytes, flags: int) -> None:
        flags |= os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(os.path.join(self._path, name), flags, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)

    def _make_room(self) -> None:
        names = sorted(filter(_NAME.fullmatch, os.listdir(self._path)))
        surplus = max(0, len(names) + 1 - self._most_files)
        if self._begun % SIZED_EVERY == 0:
            surplus = max(surplus, self._too_large(names))
        self._begun += 1
        for name in names[:surplus]:
            # Another process may have removed it.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._path, name))

    def _too_large(self, names: list[str]) -> int:
        """How many of the oldest files must go so that the others are small enough."""
        total = 0
        for number, name in enumerate(reversed(names)):
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(self._path, name)).st_size
            if total > self._most_bytes:
                return len(names) - number
        return 0
