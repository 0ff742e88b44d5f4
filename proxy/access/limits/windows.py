"""The two counts a minute.

Rule: they are counted by the strategies of ``limits``, whatever holds the counts: requests in a
moving window (exact; a refused one takes nothing), tokens, whose number is known only afterwards,
in a window that begins with the first of them.
"""

from __future__ import annotations

from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from proxy.access.limits.headers import Level


class PerMinute(RateLimitItemPerMinute):
    """A limit whose names are made cheaply: the library's own way takes longer than the count."""

    def key_for(self, *identifiers: bytes | str | float) -> str:
        return f"{self.namespace}/{identifiers[0]!s}/{self.amount}"


class Windows:
    """The two counts a minute, in any storage of ``limits``.

    ``clock`` is the one by which ``storage`` tells times. A limit of 0 is none and is not asked.
    """

    def __init__(
        self, storage: Storage, clock: Callable[[], float], requests: int, tokens: int
    ) -> None:
        self._clock = clock
        self._moving = MovingWindowRateLimiter(storage)
        self._fixed = FixedWindowRateLimiter(storage)
        self.per_minute_requests = PerMinute(requests, namespace="requests")
        self._per_minute_tokens = PerMinute(tokens, namespace="tokens")

    def take_request(self, client: str) -> bool:
        return self._moving.hit(self.per_minute_requests, client)

    def requests(self, client: str) -> Level:
        return self._level(self._moving, self.per_minute_requests, client)

    def tokens(self, client: str) -> Level:
        return self._level(self._fixed, self._per_minute_tokens, client)

    def charge(self, client: str, tokens: int) -> None:
        self._fixed.hit(self._per_minute_tokens, client, cost=tokens)

    def _level(self, limiter: RateLimiter, item: PerMinute, client: str) -> Level:
        stats = limiter.get_window_stats(item, client)
        return Level(item.amount, stats.remaining, stats.reset_time - self._clock())
