"""Who goes on with something long, and when.

Rule: between two things that keep the event loop for milliseconds (the stages of a large request, the
reads of what comes as fast as it is read) everybody with something short is served: in
each pass of the loop one greenlet takes its turn, in the order in which they came. Ten at once hold
up the others for no longer than one does.

Measured, 100 paced streams beside counts of 1 MB, one core: p99 of the added delay from 27 to 8 ms;
beside ten streams at full speed from 10 to 2.5 ms. It costs those 2 to 3 % (docs/performance.md).
"""

from __future__ import annotations

from collections import deque
from time import monotonic

from gevent import get_hub, getcurrent, monkey
from gevent.hub import Waiter

LONG_BYTES = 1 << 18
"""From this size on the stages of a request are turns: each takes about 1 ms at least."""

BULK_BYTES = 1 << 15
"""A read of a stream that brought so much took 0.4 ms, and more is probably waiting."""

STINT_SECONDS = 0.005
"""How long one greenlet may read on without waiting while others may have something to do."""

_AFTER_OTHERS = -1
"""Priority of a watcher that is served after the sockets of the same pass."""


class _Turns:
    """The greenlets that wait for their turn."""

    def __init__(self) -> None:
        self._queue: deque[Waiter[None]] = deque()
        self._called = False

    def take(self) -> None:
        """Wait for the next pass of the loop that is not another's."""
        waiter: Waiter[None] = Waiter(get_hub())
        self._queue.append(waiter)
        self._call()
        try:
            waiter.get()
        finally:
            # Still there if killed or timed out: its turn is the next one's.
            if waiter in self._queue:
                self._queue.remove(waiter)

    def _call(self) -> None:
        if self._called:
            return
        self._called = True
        # gevent.sleep(0) would go on before the loop has looked at the sockets again.
        timer = get_hub().loop.timer(0.0, priority=_AFTER_OTHERS)
        timer.start(self._next, timer)

    def _next(self, timer: object) -> None:
        # Runs in the hub.
        timer.close()  # type: ignore[attr-defined]
        self._called = False
        if not self._queue:
            return
        waiter = self._queue.popleft()
        if self._queue:
            self._call()
        waiter.switch(None)


_TURNS = _Turns()


def take_turn() -> None:
    """Let all others be served before the calling greenlet goes on.

    Without gevent's patches there are no others.
    """
    if monkey.is_module_patched("threading"):
        _TURNS.take()


def take_turn_for(size: int) -> None:
    """As ``take_turn`` before the next stage of a request of ``size`` bytes, if that is long."""
    if size >= LONG_BYTES:
        take_turn()


class _Stint:
    """Since when the greenlet that runs has had the loop for itself, as far as it was asked."""

    def __init__(self) -> None:
        self._whose: tuple[int, int] | None = None
        self._since = 0.0

    def is_over(self) -> bool:
        """Whether the present one is; a greenlet that waited in between begins another."""
        loop = get_hub().loop
        # The number of the loop's pass: who waits for anything goes on in a later one.
        whose = (loop.iteration, id(getcurrent()))
        now = monotonic()
        if whose == self._whose:
            return now - self._since > STINT_SECONDS
        self._whose, self._since = whose, now
        return False


_STINT = _Stint()


def let_others() -> None:
    """To be called before each read of a socket: it waits only where it has nothing to read.

    Takes a turn where the calling greenlet has read on for ``STINT_SECONDS`` without ever waiting;
    costs half a microsecond where not.
    """
    if monkey.is_module_patched("threading") and _STINT.is_over():
        _TURNS.take()
        _STINT.is_over()
