"""Where a long computation runs.

Rule: what takes longer than a few milliseconds runs in a native thread, so that the event loop goes
on; tokenizers release the GIL, and what is pure Python shares it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from gevent import get_hub, monkey
from gevent.lock import BoundedSemaphore

P = ParamSpec("P")
T = TypeVar("T")

SLOTS = 2
"""Computations at a time: the hub's pool has ten threads and also resolves host names, and Claude Code
asks for ten counts at once."""

_SLOTS = BoundedSemaphore(SLOTS)


def run_off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function`` in the hub's thread pool while the calling greenlet waits.

    Without gevent's patches there is no loop to protect: it runs where it is called.
    """
    if not monkey.is_module_patched("threading"):
        return function(*args, **kwargs)
    with _SLOTS:
        result: T = get_hub().threadpool.apply(function, args, kwargs)
    return result
