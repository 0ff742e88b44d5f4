"""A circuit breaker: stop sending requests to a provider that fails, until a probe succeeds.

Rule: consecutive failures within a short time open it. After its open time it is half-open: one
request at a time is admitted as a probe, whose success closes it and whose failure opens it for twice
as long (docs/features.md "Failover"). Pure: the clock is passed in (seconds, monotonic).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Entry(Enum):
    """How the breaker admitted a request; the caller passes it back with the outcome."""

    ORDINARY = "ordinary"
    PROBE = "probe"
    """The one request that tests whether the provider works again."""


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens and how long it stays open; times in seconds."""

    failures: int = 5
    """The breaker opens after this many failures without a success between them."""
    window: float = 60.0
    """Older failures are not counted."""
    open_seconds: float = 30.0
    longest_open_seconds: float = 300.0


class Breaker:
    """The state of one provider: closed, open until ``open_until``, or half-open."""

    __slots__ = ("_failed_at", "_open_seconds", "_probing", "_rule", "on_change", "open_until")

    def __init__(self, rule: BreakerRule | None = None) -> None:
        self._rule = rule or BreakerRule()
        self._failed_at: list[float] = []
        self._open_seconds = self._rule.open_seconds
        self._probing = False
        self.open_until: float | None = None
        """None while closed."""
        self.on_change: Callable[[float | None], None] | None = None
        """Called with ``open_until`` each time it changes."""

    def state(self, now: float) -> str:
        """``closed``, ``open`` or ``half_open``."""
        if self.open_until is None:
            return "closed"
        return "half_open" if self._probing or now >= self.open_until else "open"

    def enter(self, now: float) -> Entry | None:
        """Admit a request; None while the breaker is open or a probe is in progress.

        The caller reports the outcome exactly once: ``succeeded``, ``failed`` or ``inconclusive``.
        """
        if self.open_until is None:
            return Entry.ORDINARY
        if self._probing or now < self.open_until:
            return None
        self._probing = True
        return Entry.PROBE

    def succeeded(self) -> None:
        """A request of any entry succeeded: close the breaker and clear all failures."""
        self._failed_at.clear()
        self._open_seconds = self._rule.open_seconds
        self._probing = False
        if self.open_until is not None:
            self._set_open_until(None)

    def failed(self, entry: Entry, now: float) -> bool:
        """The provider failed; true if this opened the breaker.

        Failures of requests that were in progress when it opened are ignored.
        """
        if entry is Entry.PROBE and self._probing:
            self._probe_failed(now)
            return True
        return self.open_until is None and self._count_failure(now)

    def inconclusive(self, entry: Entry) -> None:
        """The request shows nothing about the provider, for example because its client disconnected."""
        if entry is Entry.PROBE:
            self._probing = False

    def _probe_failed(self, now: float) -> None:
        self._probing = False
        self._open_seconds = min(self._open_seconds * 2, self._rule.longest_open_seconds)
        self._set_open_until(now + self._open_seconds)

    def _count_failure(self, now: float) -> bool:
        recent = [moment for moment in self._failed_at if now - moment < self._rule.window]
        self._failed_at = [*recent, now]
        if len(self._failed_at) < self._rule.failures:
            return False
        self._failed_at = []
        self._set_open_until(now + self._open_seconds)
        return True

    def _set_open_until(self, moment: float | None) -> None:
        self.open_until = moment
        if self.on_change is not None:
            self.on_change(moment)


class Outcome:
    """Reports the outcome of an admitted request to its breaker, once."""

    __slots__ = ("_breaker", "_entry", "_reported", "open_ended")

    def __init__(self, breaker: Breaker, entry: Entry) -> None:
        self._breaker = breaker
        self._entry = entry
        self._reported = False
        self.open_ended = False
        """True while an answer is streamed that does not yet prove that its provider works."""

    def report(self, failed: bool | None, now: float) -> bool:
        """Whether the provider ``failed``; None for a request without evidence about it.

        True if this opened the breaker. Only the first report has an effect.
        """
        if self._reported:
            return False
        self._reported = True
        if failed:
            return self._breaker.failed(self._entry, now)
        if failed is None:
            self._breaker.inconclusive(self._entry)
        else:
            self._breaker.succeeded()
        return False
