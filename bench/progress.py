"""Progress messages of a run."""

from __future__ import annotations

import sys
import time

_STARTED = time.monotonic()


def say(line: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"{time.monotonic() - _STARTED:6.0f} s  {line}", file=sys.stderr, flush=True)
