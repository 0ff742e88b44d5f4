"""Waiting for another process until a condition holds.

Rule: no test sleeps for a time that ought to be enough; it looks until it sees, and says what never
came.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(find: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """What ``find`` returns once it is true; fails with ``what`` when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found
