"""Counts in the memory of one worker.

Rule: no background timer. The memory storage of the package ``limits`` starts a timer every 10 ms,
which under gevent takes several times as long as the counting of a request.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from limits.storage import MovingWindowSupport, Storage

from proxy.access.limits.headers import Level
from proxy.access.limits.kinds import Amounts, Kind
from proxy.access.limits.windows import Windows

SWEEP_SECONDS = 60.0
"""Seconds between two deletions of expired counts."""


@dataclass(slots=True)
class _Count:
    value: int
    until: float


class WorkerStorage(Storage, MovingWindowSupport):
    """A storage for the strategies of the package ``limits``, with ``clock`` as its clock."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._counts: dict[str, _Count] = {}
        self._entries: dict[str, deque[float]] = {}
        """By key: the moments at which the entries leave their window, the earliest first."""
        self._swept = clock()

    def __len__(self) -> int:
        return len(self._counts) + len(self._entries)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        count = self._count(key)
        if count is None:
            count = self._counts[key] = _Count(0, self._clock() + expiry)
        count.value += amount
        return count.value

    def get(self, key: str) -> int:
        count = self._count(key)
        return 0 if count is None else count.value

    def get_expiry(self, key: str) -> float:
        count = self._count(key)
        return self._clock() if count is None else count.until

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        entries, now = self._left(key), self._clock()
        if len(entries) + amount > limit:
            return False
        entries.extend([now + expiry] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        entries = self._left(key)
        return (entries[0] - expiry if entries else self._clock()), len(entries)

    def give_back(self, key: str) -> None:
        """Remove the latest entry from the window."""
        entries = self._left(key)
        if entries:
            entries.pop()

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        forgotten = len(self)
        self._counts.clear()
        self._entries.clear()
        return forgotten

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)
        self._entries.pop(key, None)

    def _count(self, key: str) -> _Count | None:
        now = self._now()
        count = self._counts.get(key)
        if count is not None and count.until <= now:
            del self._counts[key]
            return None
        return count

    def _left(self, key: str) -> deque[float]:
        """The entries of ``key`` that are still in their window."""
        now = self._now()
        entries = self._entries.get(key)
        if entries is None:
            entries = self._entries[key] = deque()
        while entries and entries[0] <= now:
            entries.popleft()
        return entries

    def _now(self) -> float:
        now = self._clock()
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            self._sweep(now)
        return now

    def _sweep(self, now: float) -> None:
        self._counts = {key: count for key, count in self._counts.items() if count.until > now}
        self._entries = {
            key: entries for key, entries in self._entries.items() if entries and entries[-1] > now
        }


class MemoryStore:
    """A ``Store`` in the memory of one worker."""

    def __init__(self, amounts: Amounts, *, clock: Callable[[], float] = monotonic) -> None:
        self._amounts = amounts
        self._storage = WorkerStorage(clock)
        self._windows = Windows(self._storage, clock, amounts)
        self._held: Counter[tuple[Kind, str]] = Counter()

    def __len__(self) -> int:
        """How many counts are kept."""
        return len(self._storage) + len(self._held)

    def take(self, kind: Kind, client: str, cost: int = 1, lease: str = "") -> bool:
        if kind.window != "held":
            return self._windows.take(kind, client, cost)
        if self._held[kind, client] >= self._amounts[kind]:
            return False
        self._held[kind, client] += 1
        return True

    def give_back(self, kind: Kind, client: str, lease: str = "") -> None:
        if kind.window != "held":
            self._storage.give_back(self._windows.key(kind, client))
            return
        self._held[kind, client] -= 1
        if not self._held[kind, client]:
            del self._held[kind, client]

    def level(self, kind: Kind, client: str) -> Level:
        return self._windows.level(kind, client)
