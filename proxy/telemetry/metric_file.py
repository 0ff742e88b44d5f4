"""prometheus_client's file of a worker's metrics, whose space is allocated before it is used.

Rule: values without space in the file are counted in memory and stored once there is space again; one
warning is logged. A full file system ends no request and no worker.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from time import monotonic
from typing import Any

from prometheus_client.mmap_dict import MmapedDict

from proxy.providers.file_space import allocate

log = logging.getLogger(__name__)

FIRST_BYTES = 1 << 16
"""Size of a new file, as the library's."""
ENTRY_BYTES = 32
"""At least what an entry takes beside its key."""
RETRY_SECONDS = 10.0
"""Wait before the next attempt to allocate space."""


@dataclass(slots=True)
class _Space:
    """Whether the files of this process lack space."""

    lacking: bool = False


_SPACE = _Space()


class MetricFile(MmapedDict):
    """The library's file, whose ``read_value`` and ``write_value`` raise no ``OSError``."""

    write_value: Any

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self._name = filename
        self._f: Any = None
        self._in_memory: dict[str, tuple[float, float]] = {}
        self._retry_at = 0.0

    def read_value(self, key: str) -> tuple[float, float]:
        """Value and time of ``key``, zeros if it is new."""
        if key not in self._in_memory:
            try:
                return self._stored(key)
            except OSError as error:
                self._note_failure(error)
                self._in_memory[key] = (0.0, 0.0)
                # Not a method, which would be called for each of a request's twenty values.
                self.write_value = self._write_in_memory
        return self._in_memory[key]

    def _write_in_memory(self, key: str, value: float, timestamp: float) -> None:
        """Replaces ``write_value`` while values are in memory."""
        if key not in self._in_memory:
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]
            return
        self._in_memory[key] = (value, timestamp)
        if monotonic() >= self._retry_at:
            self._store()

    def _store(self) -> None:
        """Move what is in memory to the file."""
        try:
            for key, found in list(self._in_memory.items()):
                self._stored(key)
                super().write_value(key, *found)  # type: ignore[no-untyped-call]
                del self._in_memory[key]
        except OSError as error:
            self._note_failure(error)
        else:
            del self.write_value
            if _SPACE.lacking:
                log.warning("there is space for metrics again")
            _SPACE.lacking = False

    def _stored(self, key: str) -> tuple[float, float]:
        if self._f is None:
            self._open()
        found: tuple[float, float] = super().read_value(key)  # type: ignore[no-untyped-call]
        return found

    def _open(self) -> None:
        created = not os.path.exists(self._name)
        # A new file gets its name once it has its size: a reader of all files fails at an empty one.
        name = f"{self._name}.new" if created else self._name
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            # Also the file of a predecessor, which another version may have left sparse.
            allocate(descriptor, max(os.fstat(descriptor).st_size, FIRST_BYTES))
            if created:
                os.rename(name, self._name)
            super().__init__(self._name)  # type: ignore[no-untyped-call]
        except OSError:
            if self._f is not None:
                self._f.close()
                self._f = None
            if created:
                with contextlib.suppress(OSError):
                    os.unlink(name)
            raise
        finally:
            os.close(descriptor)

    # The only place at which the library's file grows; it would grow without allocated space.
    def _init_value(self, key: str) -> None:
        mapped = size = self._capacity
        while size < self._used + len(key.encode()) + ENTRY_BYTES:
            size *= 2
        if size > mapped:
            allocate(self._f.fileno(), size)
        try:
            super()._init_value(key)  # type: ignore[no-untyped-call]
        except OSError:
            self._capacity = mapped
            raise

    def _note_failure(self, error: OSError) -> None:
        self._retry_at = monotonic() + RETRY_SECONDS
        if not _SPACE.lacking:
            log.warning(
                "no space for metrics (%s): numbers are counted in memory and shown later",
                error.strerror,
            )
        _SPACE.lacking = True
