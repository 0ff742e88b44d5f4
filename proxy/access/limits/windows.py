"""Limits per minute, counted by the strategies of the package ``limits``.

Rule: the same for every storage of that package.
"""

from __future__ import annotations

from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from proxy.access.limits.headers import Level
from proxy.access.limits.kinds import Amounts, Kind


class PerMinute(RateLimitItemPerMinute):
    """A limit with a short key: building the library's own key takes longer than counting."""

    def key_for(self, *identifiers: bytes | str | float) -> str:
        return f"{self.namespace}:{identifiers[0]!s}/{self.amount}"


class Windows:
    """The counts per minute for the kinds in ``amounts``, kept in ``storage``.

    ``clock`` is the clock of ``storage``.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float], amounts: Amounts) -> None:
        self._clock = clock
        strategies: dict[str, RateLimiter] = {
            "moving": MovingWindowRateLimiter(storage),
            "fixed": FixedWindowRateLimiter(storage),
        }
        self._counted = {
            # The key names the strategy: values of another strategy under the same key are refused.
            kind: (
                strategies[kind.window],
                PerMinute(amount, namespace=f"{kind.name}/{kind.window}"),
            )
            for kind, amount in amounts.items()
            if kind.window in strategies
        }

    def take(self, kind: Kind, client: str, cost: int) -> bool:
        strategy, item = self._counted[kind]
        return strategy.hit(item, client, cost=cost)

    def level(self, kind: Kind, client: str) -> Level:
        strategy, item = self._counted[kind]
        stats = strategy.get_window_stats(item, client)
        return Level(item.amount, stats.remaining, stats.reset_time - self._clock())

    def key(self, kind: Kind, client: str) -> str:
        """The key of ``kind`` and ``client`` in the storage."""
        return self._counted[kind][1].key_for(client)
