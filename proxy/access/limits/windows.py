"""The counts of a minute.

Rule: counted by the strategies of ``limits``, in whatever storage holds the counts.
"""

from __future__ import annotations

from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from proxy.access.limits.headers import Level
from proxy.access.limits.kinds import Amounts, Kind


class PerMinute(RateLimitItemPerMinute):
    """A limit whose keys are made cheaply: the library's own way takes longer than the count."""

    def key_for(self, *identifiers: bytes | str | float) -> str:
        return f"{self.namespace}:{identifiers[0]!s}/{self.amount}"


class Windows:
    """The counts by the minute of ``amounts``, in any storage of ``limits``.

    ``clock`` is the one of ``storage``.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float], amounts: Amounts) -> None:
        self._clock = clock
        strategies: dict[str, RateLimiter] = {
            "moving": MovingWindowRateLimiter(storage),
            "fixed": FixedWindowRateLimiter(storage),
        }
        self._counted = {
            # Another strategy's values under the same key are refused, so the key names it.
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
        """The name under which the storage counts."""
        return self._counted[kind][1].key_for(client)
