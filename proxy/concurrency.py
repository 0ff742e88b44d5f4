"""Who goes on with something long, and when.

Rule: between two things that keep the event loop for milliseconds (the stages of a large request, the
reads of what comes as fast as it is read) everybody with something short is served: in
each pass of the loop one greenlet takes its turn, in the order in which they came. Ten at once hold
up the others for no longer than one does.

Measured, 100 paced streams beside counts of 1 MB, one core: p99 of the added delay from 27 to 8 ms;
beside ten streams at full speed from 10 to 2.5 ms. It costs those 2 to 3 % (docs/performance.md).
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from gevent import get_hub, getcurrent, monkey
from gevent.hub import Waiter
from gevent.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")

LONG_BYTES = 1 << 18
"""From this size on the stages of a request are turns: each takes about 1 ms at least."""

BULK_BYTES = 1 << 15
"""A read of a stream that brought so much took 0.4 ms, and more is probably waiting."""

SLICE_SECONDS = 0.005
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


def yield_to_loop() -> None:
    """Let all others be served before the calling greenlet goes on.

    Without gevent's patches there are no others.
    """
    if monkey.is_module_patched("threading"):
        _TURNS.take()


def yield_if_large(size: int) -> None:
    """As ``yield_to_loop`` before the next stage of a request of ``size`` bytes, if that is long."""
    if size >= LONG_BYTES:
        yield_to_loop()


class _TimeSlice:
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
            return now - self._since > SLICE_SECONDS
        self._whose, self._since = whose, now
        return False


_SLICE = _TimeSlice()


def yield_if_slice_used() -> None:
    """To be called before each read of a socket: it waits only where it has nothing to read.

    Takes a turn where the calling greenlet has read on for ``SLICE_SECONDS`` without ever waiting;
    costs half a microsecond where not.
    """
    if monkey.is_module_patched("threading") and _SLICE.is_over():
        _TURNS.take()
        _SLICE.is_over()


SLOTS = 2
"""Computations at a time; Claude Code asks for ten counts at once."""

LONG_SLOTS = 1
"""Computations at a time that take seconds: none of the others waits behind them."""

NICER = 5
"""Steps of niceness below the loop. More would let a busy machine stop a thread for long while it
holds the GIL."""

_LEAST = 19


class _Pools:
    """Threads of each process; those of the hub's own pool resolve host names, unhindered."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._process = 0
        self._pool: ThreadPool | None = None

    def pool(self) -> ThreadPool:
        if self._pool is None or self._process != os.getpid():
            self._process, self._pool = os.getpid(), ThreadPool(self._slots, hub=get_hub())
        return self._pool


_SHORT = _Pools(SLOTS)
_LONG = _Pools(LONG_SLOTS)


def run_off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function`` in a thread of its own while the calling greenlet waits.

    Without gevent's patches there is no loop to protect: it runs where it is called.
    """
    return _run(_SHORT, function, args, kwargs)


def run_long_off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for what takes seconds, such as reading a PDF."""
    return _run(_LONG, function, args, kwargs)


def _run(pools: _Pools, function: Callable[..., T], args: Any, kwargs: Any) -> T:
    if not monkey.is_module_patched("threading"):
        return function(*args, **kwargs)
    result: T = pools.pool().apply(_nicely, (function, args, kwargs))
    return result


def _nicely(function: Callable[..., T], args: Any, kwargs: Any) -> T:
    if sys.platform == "linux":
        # Elsewhere niceness is the process's. 0 is the calling thread.
        loop = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, 0, min(loop + NICER, _LEAST))
    return function(*args, **kwargs)
