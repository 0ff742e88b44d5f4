"""Times as the Messages API writes them: RFC 3339 in UTC, whole seconds."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(moment: float) -> str:
    """``moment``, seconds since 1970, rounded up to a whole second: ``2026-11-03T08:15:30Z``."""
    return _formatted(math.ceil(moment))


@lru_cache(maxsize=128)
def _formatted(second: int) -> str:
    # Many answers contain the same second, and formatting it is half the cost of their headers.
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
