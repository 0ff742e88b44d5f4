"""Room for whole file systems: in memory where that is possible, since a disk takes minutes to write
and to remove a hundred thousand files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
GIGABYTE = 2**30
_FORBIDDING = os.ST_NODEV | os.ST_NOEXEC | os.ST_NOSUID


@contextmanager
def scratch(prefix: str, gigabytes: int) -> Iterator[Path]:
    """A directory that may hold programs and devices and is gone with the block."""
    parent = MEMORY if _has_room(gigabytes * GIGABYTE) else None
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def _has_room(size: int) -> bool:
    if not MEMORY.is_dir():
        return False
    found = os.statvfs(MEMORY)
    facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text("ascii").splitlines())
    free = int(facts["MemAvailable"].split()[0]) * 1024
    return (
        not found.f_flag & _FORBIDDING
        and found.f_bavail * found.f_frsize > size
        # The rest is for the tests themselves.
        and free > 2 * size
    )
