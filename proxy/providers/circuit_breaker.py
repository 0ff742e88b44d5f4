"""A circuit breaker: when a provider that seems dead is asked again.

Rule: failures one after the other within a short time open it; after a rest one request at a time
may probe; what the probe meets closes it or doubles the rest (docs/features.md "Failover"). Pure:
the clock is handed in (seconds, monotonic).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Entry(Enum):
    """How a request was let in; handed back with its outcome."""

    ORDINARY = "ordinary"
    PROBE = "probe"
    """The one request that finds out whether a rested provider is alive again."""


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens and how long it stays open; times in seconds."""

    failures: int = 5
    """So many, without a success between them ..."""
    window: float = 60.0
    """... within so long, open it."""
    rest: float = 30.0
    longest_rest: float = 300.0


class Breaker:
    """The state of one provider: closed, open until a moment, or being probed."""

    __slots__ = ("_failed_at", "_probing", "_rest", "_rule", "on_change", "rests_until")

    def __init__(self, rule: BreakerRule | None = None) -> None:
        self._rule = rule or BreakerRule()
        self._failed_at: list[float] = []
        self._rest = self._rule.rest
        self._probing = False
        self.rests_until: float | None = None
        """None while closed."""
        self.on_change: Callable[[float | None], None] | None = None
        """Told ``rests_until`` each time it changes."""

    def state(self, now: float) -> str:
        """``closed``, ``open`` or ``half_open``."""
        if self.rests_until is None:
            return "closed"
        return "half_open" if self._probing or now >= self.rests_until else "open"

    def enter(self, now: float) -> Entry | None:
        """Let a request in, or None while the provider rests or is being probed.

        Whoever got in tells the outcome once: ``succeeded``, ``failed`` or ``left``.
        """
        if self.rests_until is None:
            return Entry.ORDINARY
        if self._probing or now < self.rests_until:
            return None
        self._probing = True
        return Entry.PROBE

    def succeeded(self) -> None:
        """The provider answered, whoever asked: closed, and all failures are forgotten."""
        self._failed_at.clear()
        self._rest = self._rule.rest
        self._probing = False
        if self.rests_until is not None:
            self._rest_until(None)

    def failed(self, entry: Entry, now: float) -> bool:
        """The provider failed; true when this made it rest.

        Requests that were under way when it opened say nothing new.
        """
        if entry is Entry.PROBE and self._probing:
            self._probing = False
            self._rest = min(self._rest * 2, self._rule.longest_rest)
            self._rest_until(now + self._rest)
            return True
        if self.rests_until is not None:
            return False
        recent = [moment for moment in self._failed_at if now - moment < self._rule.window]
        self._failed_at = [*recent, now]
        if len(self._failed_at) < self._rule.failures:
            return False
        self._failed_at = []
        self._rest_until(now + self._rest)
        return True

    def left(self, entry: Entry) -> None:
        """The request ended without telling anything of the provider: its client left."""
        if entry is Entry.PROBE:
            self._probing = False

    def _rest_until(self, moment: float | None) -> None:
        self.rests_until = moment
        if self.on_change is not None:
            self.on_change(moment)


class Outcome:
    """Tells a breaker, once, how the request ended that it let in."""

    __slots__ = ("_breaker", "_entry", "_told", "open_ended")

    def __init__(self, breaker: Breaker, entry: Entry) -> None:
        self._breaker = breaker
        self._entry = entry
        self._told = False
        self.open_ended = False
        """True while an answer goes on that does not yet prove its provider alive."""

    def tell(self, failed: bool | None, now: float) -> bool:
        """Whether the provider ``failed``; None where the request says nothing of it.

        True when this made it rest. Everything after the first telling is ignored.
        """
        if self._told:
            return False
        self._told = True
        if failed:
            return self._breaker.failed(self._entry, now)
        if failed is None:
            self._breaker.left(self._entry)
        else:
            self._breaker.succeeded()
        return False
