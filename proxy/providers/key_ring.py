"""Choose the API key of a provider with which a request is sent.

Rule: the first available key in the operator's order is used, because an upstream may cache prompts
for each key. A key that is rate-limited or out of quota cools down while the others are used
(docs/features.md "Failover"). Pure: the clock is passed in (seconds, monotonic).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


class KeyRing:
    """The keys of one provider and the moments until which they cool down.

    A single key never cools down, as no other could replace it. None stands for "no credential".
    """

    __slots__ = ("_available_from", "keys")

    def __init__(self, keys: Sequence[str | None]) -> None:
        self.keys = tuple(dict.fromkeys(keys)) or (None,)
        self._available_from: dict[str | None, float] = {}

    def available(self, now: float, besides: Collection[str | None] = ()) -> tuple[str | None, ...]:
        """The keys that are not cooling down, without those in ``besides``."""
        return tuple(
            key
            for key in self.keys
            if key not in besides and self._available_from.get(key, now) <= now
        )

    def next_available(self) -> str | None:
        """The key whose cooldown ends first."""
        return min(self.keys, key=lambda key: self._available_from.get(key, 0.0))

    def best(self, now: float) -> str | None:
        """The first available key, or else the one whose cooldown ends first."""
        return next(iter(self.available(now)), self.next_available())

    def available_at(self, now: float) -> float:
        """The time from which a key is available; ``now`` if one is available already."""
        return max(now, self._available_from.get(self.next_available(), now))

    def cool_down(self, key: str | None, until: float) -> None:
        """Do not use ``key`` before ``until``; a cooldown that ends later is not shortened."""
        if len(self.keys) > 1 and until > self._available_from.get(key, 0.0):
            self._available_from[key] = until

    def position(self, key: str | None) -> int:
        """The key's number for the log, from 1; a key itself is never logged."""
        return self.keys.index(key) + 1
