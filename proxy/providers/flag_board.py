"""Memory in which the workers of a machine share what healing learned.

Rule: the master creates it before it forks, so that workers inherit it; nothing is left on a disk.
Readers compare a number and take no lock. A writer holds the lock without yielding, and the kernel
releases it if the worker is killed; a half-written content fails its checksum and is replaced by the
next write. If memory or lock cannot be had, each worker learns for itself.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import struct
import tempfile
import zlib
from dataclasses import dataclass
from weakref import finalize

import gevent

from proxy.providers.file_space import allocate
from proxy.providers.learned_entry import (
    Entries,
    Learned,
    Pair,
    decoded_entry,
    encoded_entry,
    encoded_pair,
)

log = logging.getLogger(__name__)

SIZE = 1 << 20
"""Bytes; those that are never written take no memory."""
HEAD = struct.Struct("<QII")
"""Number of the last change, length and CRC-32 of the content."""
NUMBER_BYTES = 8
LOCK_ATTEMPTS = 50
LOCK_SECONDS = 0.002
"""Wait between two attempts; a writer holds the lock for about a millisecond."""
Lines = dict[bytes, tuple[Pair, Learned]]
"""The lines of the content, and what they hold."""


class FlagBoard:
    """The shared entries; raises OSError if the memory cannot be had."""

    def __init__(self, size: int = SIZE) -> None:
        self._descriptor = _unnamed_file()
        # A master creates one at each reload.
        finalize(self, os.close, self._descriptor)
        os.ftruncate(self._descriptor, size)
        allocate(self._descriptor, HEAD.size)
        self._map = mmap.mmap(self._descriptor, size)
        self._room = size - HEAD.size
        self._seen = self._map[:NUMBER_BYTES]
        self._lines: Lines = {}

    def has_changed(self) -> bool:
        """Whether anything was written since the last ``read``; costs a tenth of a microsecond."""
        return self._map[:NUMBER_BYTES] != self._seen

    def read(self, now: float) -> list[tuple[Pair, Learned]]:
        """All entries that are valid; ``now`` is in seconds since 1970."""
        # The number first: a change during the read is read again at the next call.
        self._seen = self._map[:NUMBER_BYTES]
        return list(self._entries(now).items())

    def write(self, entries: Entries, now: float) -> None:
        """Add ``entries`` and replace older ones; ``now`` is in seconds since 1970."""
        if not self._lock():
            log.warning("learned profile flags are not shared: another worker holds their lock")
            return
        try:
            shared = self._entries(now)
            for pair, entry in entries:
                newer = pair not in shared or entry.changed > shared[pair].changed
                if newer and entry.is_valid(now):
                    shared[pair] = entry
            content = _encoded(shared, self._room)
            allocate(self._descriptor, HEAD.size + len(content))
            number, _, _ = HEAD.unpack_from(self._map)
            self._map[HEAD.size : HEAD.size + len(content)] = content
            self._map[NUMBER_BYTES : HEAD.size] = struct.pack(
                "<II", len(content), zlib.crc32(content)
            )
            # Last, so that a reader that sees the new number reads the whole change.
            self._map[:NUMBER_BYTES] = struct.pack("<Q", number + 1)
        except OSError as error:
            log.warning("no memory to share learned profile flags (%s)", error.strerror)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _entries(self, now: float) -> dict[Pair, Learned]:
        """The entries that are valid. Only lines that are new are decoded, since that takes longest."""
        known, self._lines = self._lines, {}
        for line in self._content().split(b"\n"):
            entry = known.get(line)
            if entry is None or not entry[1].is_valid(now):
                entry = _decoded(line, now)
            if entry is not None:
                self._lines[line] = entry
        return dict(self._lines.values())

    def _content(self) -> bytes:
        _, length, checksum = HEAD.unpack_from(self._map)
        content = self._map[HEAD.size : HEAD.size + min(length, self._room)]
        return content if zlib.crc32(content) == checksum else b""

    def _lock(self) -> bool:
        for _ in range(LOCK_ATTEMPTS):
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                gevent.sleep(LOCK_SECONDS)
            else:
                return True
        return False


def _unnamed_file() -> int:
    """The descriptor of a file in memory, or of a temporary file that has no name any more."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("learned-flags")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _decoded(line: bytes, now: float) -> tuple[Pair, Learned] | None:
    pair, _, entry = line.partition(b"\t")
    return decoded_entry(pair, entry, now)


def _encoded(entries: dict[Pair, Learned], room: int) -> bytes:
    """The entries that fit into ``room`` bytes, those changed last first."""
    latest = sorted(entries.items(), key=lambda entry: entry[1].changed, reverse=True)
    lines, left = [], room
    for pair, entry in latest:
        # JSON holds neither a tab nor a line end outside its escapes.
        line = encoded_pair(pair) + b"\t" + encoded_entry(entry)
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
    return b"\n".join(lines)


@dataclass(slots=True)
class _Here:
    """The board of this master and its workers."""

    board: FlagBoard | None = None


_HERE = _Here()


def share() -> None:
    """Create an empty board for the workers forked from now on; to be called by the master.

    Called again at a reload, because flags learned under the previous configuration do not belong to
    the next. If it cannot be created, one warning is logged.
    """
    try:
        _HERE.board = FlagBoard()
    except OSError as error:
        _HERE.board = None
        log.warning(
            "no memory to share learned profile flags (%s): each worker learns for itself",
            error.strerror,
        )


def shared_board() -> FlagBoard | None:
    """The board of this process; None without a master that created one."""
    return _HERE.board
