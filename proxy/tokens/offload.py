"""Where a long computation runs.

Rule: this module alone knows gevent; the modules around it are plain functions. tiktoken releases
the GIL while it encodes, so a native thread keeps the event loop free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from gevent import get_hub, monkey
from gevent.lock import BoundedSemaphore

P = ParamSpec("P")
T = TypeVar("T")

SLOTS = 2
"""Counts at a time: the hub's pool has ten threads and also resolves host names, and Claude Code
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
