"""The headers that report a client's rate limits, and the error for a limit that is reached.

Rule: pure functions. Waiting times are in seconds from now; the time of day is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.access.limits.kinds import Kind
from proxy.errors import RateLimited
from proxy.timestamps import rfc3339

HELD_RETRY_SECONDS = 2
"""Retry-After for the limit of streams: the end of a stream cannot be predicted."""


@dataclass(frozen=True, slots=True)
class Level:
    """A limit, how much of it remains, and the seconds until more is available (``reset``)."""

    limit: int
    remaining: int
    reset: float


Levels = Mapping[Kind, Level]
"""The levels of the kinds that are counted per minute."""


def limit_headers(levels: Levels, now: float) -> dict[str, str]:
    """The rate limit headers of the Messages API; ``now``: seconds since 1970."""
    headers = {}
    for kind, level in levels.items():
        prefix = f"anthropic-ratelimit-{kind.name}"
        headers[f"{prefix}-limit"] = str(level.limit)
        headers[f"{prefix}-remaining"] = str(max(0, level.remaining))
        headers[f"{prefix}-reset"] = rfc3339(now + max(0.0, level.reset))
    return headers


def refusal(kind: Kind, limit: int, seconds: float, headers: Mapping[str, str]) -> RateLimited:
    """The error for a limit that is reached; more is available in ``seconds``."""
    wait = max(1, math.ceil(seconds))
    return RateLimited(
        f"This client's rate limit of {limit} {kind.text} is reached: try again in {wait} s",
        headers={**headers, "retry-after": str(wait)},
    )
