"""Space of a file that is to be mapped into memory.

Rule: a page of a map without space on its file system ends the process that writes to it (SIGBUS), so
space is allocated before it is written to through a map.
"""

from __future__ import annotations

import errno
import os

_CANNOT = frozenset({errno.EOPNOTSUPP, errno.EINVAL})
"""Errors of file systems that do not allocate in advance, where the C library does not do it instead."""


def allocate(descriptor: int, size: int) -> None:
    """Allocate space on the file system for the first ``size`` bytes of a file; its content stays.

    Raises ``OSError`` where there is none. A system that cannot allocate makes a sparse file.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
    if os.fstat(descriptor).st_size < size:
        os.ftruncate(descriptor, size)
