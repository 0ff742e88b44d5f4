"""Keep the event loop responsive: yield between long stages, compute in worker threads.

Rule: a stage that takes milliseconds yields before it begins. In each pass of the loop one yielding
greenlet continues, first come, first served, after all ready sockets: ten of them delay other requests
no longer than one does. Longer computations run in a thread; one that begins inside such a thread runs
there too. Without gevent's patches (the command line, tests) nothing yields and no thread is used.

Measured with 100 paced streams on one core: p99 of their added delay falls from 27 to 8 ms beside token
counts of 1 MB, and from 10 to 2.5 ms beside ten streams at full speed, which become 2 to 3 % slower
(docs/performance.md).
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from time import monotonic
from typing import Any, Generic, ParamSpec, TypeVar

from gevent import get_hub, getcurrent, monkey
from gevent.hub import Waiter
from gevent.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")

LONG_BYTES = 1 << 18
"""Size of a request whose stages take about 1 ms each, so that they yield."""
BULK_BYTES = 1 << 15
"""Size of a read after which a stream yields: it took 0.4 ms, and more data has probably arrived."""
SLICE_SECONDS = 0.005
"""How long a greenlet may read without waiting before it yields."""
_AFTER_SOCKETS = -1
"""Priority of a watcher that runs after the sockets of the same pass."""

SLOTS = 2
"""Threads for computations of milliseconds; Claude Code sends ten count requests at once."""
LONG_SLOTS = 1
"""Separate threads for computations of seconds, so that they do not delay the short ones."""
HEAVY_SLOTS = 1
"""Threads for the stages of heavy requests, which must not wait while PDFs of others are read."""
ADDED_NICENESS = 5
"""Added to the threads' niceness. With a higher value, a busy machine could suspend a thread for a long
time while it holds the GIL."""
_MAX_NICENESS = 19


# --- cooperative yielding -----------------------------------------------------------------------


class _YieldQueue:
    """The greenlets that yielded; one continues in each pass of the loop."""

    def __init__(self) -> None:
        self._queue: deque[Waiter[None]] = deque()
        self._scheduled = False

    def wait(self) -> None:
        """Wait for a pass of the loop in which no other of these greenlets continues."""
        waiter: Waiter[None] = Waiter(get_hub())
        self._queue.append(waiter)
        self._schedule()
        try:
            waiter.get()
        finally:
            # Still queued if this greenlet was killed or timed out: the next one continues instead.
            if waiter in self._queue:
                self._queue.remove(waiter)

    def _schedule(self) -> None:
        if self._scheduled:
            return
        self._scheduled = True
        # gevent.sleep(0) would continue before the loop has polled the sockets again.
        timer = get_hub().loop.timer(0.0, priority=_AFTER_SOCKETS)
        timer.start(self._continue_next, timer)

    def _continue_next(self, timer: object) -> None:
        # Runs in the hub.
        timer.close()  # type: ignore[attr-defined]
        self._scheduled = False
        if not self._queue:
            return
        waiter = self._queue.popleft()
        if self._queue:
            self._schedule()
        waiter.switch(None)


_YIELD_QUEUE = _YieldQueue()


def yield_to_loop() -> None:
    """Let the loop process all ready sockets before the calling greenlet continues."""
    if monkey.is_module_patched("threading"):
        _YIELD_QUEUE.wait()
        # This call begins the next slice.
        _SLICE.is_over()


def yield_if_large(size: int) -> None:
    """``yield_to_loop`` before the next stage of a request of at least ``LONG_BYTES``."""
    if size >= LONG_BYTES:
        yield_to_loop()


class _TimeSlice:
    """The time for which the current greenlet has run without waiting."""

    def __init__(self) -> None:
        self._owner: tuple[int, int] | None = None
        self._since = 0.0

    def is_over(self) -> bool:
        """Whether that time, counted from the first call in it, is longer than ``SLICE_SECONDS``."""
        loop = get_hub().loop
        # The number of the loop's pass: a greenlet that waited continues in a later one.
        owner = (loop.iteration, id(getcurrent()))
        now = monotonic()
        if owner == self._owner:
            return now - self._since > SLICE_SECONDS
        self._owner, self._since = owner, now
        return False


_SLICE = _TimeSlice()


def yield_if_slice_used() -> None:
    """``yield_to_loop`` if the calling greenlet has run for ``SLICE_SECONDS`` without waiting.

    To be called before each read of a socket, as a read waits only where nothing has arrived. Costs
    half a microsecond where it does not yield.
    """
    if monkey.is_module_patched("threading") and _SLICE.is_over():
        yield_to_loop()


# --- worker threads -----------------------------------------------------------------------------


class _Here(monkey.get_original("_thread", "_local")):  # type: ignore[misc]
    """Whether the current native thread is a worker thread."""

    is_worker = False


_HERE = _Here()


class WorkerThreads:
    """A thread pool for each process, apart from the hub's own, which every library uses.

    ``slots`` is the largest number of threads; they are started as they are needed.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._process = 0
        self._pool: ThreadPool | None = None

    def pool(self) -> ThreadPool:
        """The pool of this process."""
        # A forked process has none of its parent's threads.
        if self._pool is None or self._process != os.getpid():
            self._process, self._pool = os.getpid(), ThreadPool(self._slots, hub=get_hub())
        return self._pool


_SHORT = WorkerThreads(SLOTS)
_HEAVY = WorkerThreads(HEAVY_SLOTS)
_LONG = WorkerThreads(LONG_SLOTS)


def run_off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that takes milliseconds in a worker thread; the calling greenlet waits.

    Returns its result or raises its exception.
    """
    return _run(_SHORT, function, args, kwargs)


def run_long_off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """``run_off_loop`` for a function that takes seconds, such as reading a PDF."""
    return _run(_LONG, function, args, kwargs)


def run_if_heavy(heavy: bool, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As ``run_off_loop`` if ``heavy``, in a thread for heavy requests; else in the calling greenlet."""
    return _run(_HEAVY, function, args, kwargs) if heavy else function(*args, **kwargs)


def _run(threads: WorkerThreads, function: Callable[..., T], args: Any, kwargs: Any) -> T:
    if _HERE.is_worker or not monkey.is_module_patched("threading"):
        return function(*args, **kwargs)
    # The context of the request, on which its ids may depend.
    called = (copy_context(), function, args, kwargs)
    outcome: _Outcome[T] = threads.pool().apply(_outcome, called)
    return outcome.result()


class _Outcome(Generic[T]):
    """What a function returned or raised in a thread; gevent would print the exception.

    As a context it keeps an exception of its block.
    """

    __slots__ = ("_error", "value")

    def __init__(self) -> None:
        self._error: Exception | None = None
        self.value: Any = None

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, Exception):
            self._error = error
            return True
        return False

    def result(self) -> T:
        """The value; raises what was raised. To be called once."""
        try:
            if self._error is not None:
                raise self._error
        finally:
            # The traceback of the error refers to this frame and so to this object.
            self._error = None
        value: T = self.value
        return value


def _outcome(context: Context, function: Callable[..., T], args: Any, kwargs: Any) -> _Outcome[T]:
    outcome = _Outcome[T]()
    with outcome:
        outcome.value = context.run(_run_at_low_priority, function, args, kwargs)
    return outcome


def _run_at_low_priority(function: Callable[..., T], args: Any, kwargs: Any) -> T:
    _HERE.is_worker = True
    if sys.platform == "linux":
        # On other systems niceness is an attribute of the process. 0 is the calling thread.
        loop = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, 0, min(loop + ADDED_NICENESS, _MAX_NICENESS))
    return function(*args, **kwargs)
