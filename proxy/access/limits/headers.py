"""The headers that describe a client's limits, and the refusal.

Rule: pure. Every time is in seconds from now; the clock is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.access.limits.kinds import Kind
from proxy.errors import RateLimited
from proxy.timestamps import rfc3339

HELD_RETRY_SECONDS = 2
"""Retry-After where nothing says when a stream will end."""


@dataclass(frozen=True, slots=True)
class Level:
    """How much of a limit is left, and in how many seconds there is more of it."""

    limit: int
    remaining: int
    reset: float


Levels = Mapping[Kind, Level]
"""Those of the kinds that are counted by the minute."""


def limit_headers(levels: Levels, now: float) -> dict[str, str]:
    """The headers of the Messages API; ``now``: seconds since 1970."""
    headers = {}
    for kind, level in levels.items():
        prefix = f"anthropic-ratelimit-{kind.name}"
        headers[f"{prefix}-limit"] = str(level.limit)
        headers[f"{prefix}-remaining"] = str(max(0, level.remaining))
        headers[f"{prefix}-reset"] = rfc3339(now + max(0.0, level.reset))
    return headers


def refusal(kind: Kind, limit: int, seconds: float, headers: Mapping[str, str]) -> RateLimited:
    """The error for a limit that is reached and has more in ``seconds``."""
    wait = max(1, math.ceil(seconds))
    return RateLimited(
        f"This client's rate limit of {limit} {kind.text} is reached: try again in {wait} s",
        headers={**headers, "retry-after": str(wait)},
    )
