"""A provider's API keys: which one a request is sent with.

Rule: the first key that does not rest, in the operator's order, so that an upstream's prompt cache
stays with one key; a key that is rate-limited or out of quota rests while the others serve
(docs/features.md "Failover"). Pure: the clock is handed in (seconds, monotonic).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


class KeyRing:
    """The keys of one provider and the moments until which they rest.

    A lone key never rests: nobody could serve for it. None stands for "no credential".
    """

    __slots__ = ("_rests_until", "keys")

    def __init__(self, keys: Sequence[str | None]) -> None:
        self.keys = tuple(dict.fromkeys(keys)) or (None,)
        self._rests_until: dict[str | None, float] = {}

    def ready(self, now: float, besides: Collection[str | None] = ()) -> tuple[str | None, ...]:
        """The keys that do not rest, without those in ``besides``."""
        return tuple(
            key
            for key in self.keys
            if key not in besides and self._rests_until.get(key, now) <= now
        )

    def soonest(self) -> str | None:
        """The key whose rest is over first."""
        return min(self.keys, key=lambda key: self._rests_until.get(key, 0.0))

    def best(self, now: float) -> str | None:
        """The first key that does not rest, or else the one whose rest is over first."""
        return next(iter(self.ready(now)), self.soonest())

    def ready_at(self, now: float) -> float:
        """The moment from which a key serves; ``now`` where one does already."""
        return max(now, self._rests_until.get(self.soonest(), now))

    def rest(self, key: str | None, until: float) -> None:
        """Let ``key`` rest; a rest that is longer already stays."""
        if len(self.keys) > 1 and until > self._rests_until.get(key, 0.0):
            self._rests_until[key] = until

    def position(self, key: str | None) -> int:
        """The key's number for the log, from 1; a key itself is never logged."""
        return self.keys.index(key) + 1
