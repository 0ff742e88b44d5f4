"""Where a long computation runs.

Rule: what takes longer than a few milliseconds runs in a native thread, so that the event loop goes
on; tokenizers release the GIL, and what is pure Python shares it.

On one core the kernel shares it too: a thread that computes without pause has the loop wait for the
end of its time slice. So these threads are nicer than the loop (p50 of the delay that a stream gets
from a count of 1 MB: 0.6 ms as equals, 0.14 ms so; docs/performance.md).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from gevent import get_hub, monkey
from gevent.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")

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
