"""What a client is told of its limits: headers, and the refusal.

Rule: pure; every time is in seconds from now, the clock comes in as an argument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.errors import RateLimited
from proxy.timestamps import rfc3339

STREAM_RETRY_SECONDS = 2
"""When a stream ends cannot be known; so long a client shall wait before it asks again."""
NAMES: Mapping[str, str] = {
    "requests": "requests per minute",
    "tokens": "tokens per minute",
    "streams": "streams at a time",
}
"""The limits, as a refusal names them."""


@dataclass(frozen=True, slots=True)
class Level:
    """How much of a limit is left, and in how many seconds there is more of it."""

    limit: int
    remaining: int
    reset: float


Levels = Mapping[str, Level]
"""``requests`` and ``tokens``, those of them that are limited."""


def limit_headers(levels: Levels, now: float) -> dict[str, str]:
    """Headers as the Messages API has them; ``now``: seconds since 1970."""
    headers = {}
    for name, level in levels.items():
        prefix = f"anthropic-ratelimit-{name}"
        headers[f"{prefix}-limit"] = str(level.limit)
        headers[f"{prefix}-remaining"] = str(max(0, level.remaining))
        headers[f"{prefix}-reset"] = rfc3339(now + max(0.0, level.reset))
    return headers


def refusal(name: str, limit: int, seconds: float, headers: Mapping[str, str]) -> RateLimited:
    """The error for a limit of ``NAMES`` that is reached and has more in ``seconds``."""
    wait = max(1, math.ceil(seconds))
    return RateLimited(
        f"This client's rate limit of {limit} {NAMES[name]} is reached: try again in {wait} s",
        headers={**headers, "retry-after": str(wait)},
    )
