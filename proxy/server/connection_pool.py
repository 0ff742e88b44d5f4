"""A worker's client connections, and which of them is closed when the worker is nearly full.

Rule: an idle connection never keeps a new one from being accepted. Of the idle connections the oldest
is closed: first those that have never sent a request, then those kept alive for the next one. A
connection whose request is being answered is never closed.
"""

from __future__ import annotations

from typing import Any

from gevent import Greenlet, GreenletExit
from gevent.pool import Pool


class ConnectionPool(Pool):
    """The greenlets of one listener's connections, at most ``size``.

    As long as there are idle connections, ``reserve`` slots are kept free.
    """

    def __init__(self, size: int, reserve: int) -> None:
        super().__init__(size)
        self._reserve = reserve
        # Both in the order in which the connections became idle.
        self._unused: dict[object, Greenlet[..., Any]] = {}
        self._kept_alive: dict[object, Greenlet[..., Any]] = {}

    def add(
        self, greenlet: Greenlet[..., Any], blocking: bool = True, timeout: float | None = None
    ) -> None:
        """Add a new connection; called by gevent's server."""
        super().add(greenlet, blocking, timeout)
        if self.free_count() < self._reserve:
            self._close_idle()
        self._unused[greenlet] = greenlet
        greenlet.rawlink(self.mark_busy)

    def mark_busy(self, greenlet: object) -> None:
        """A whole request head has arrived, or the connection is closed."""
        self._unused.pop(greenlet, None)
        self._kept_alive.pop(greenlet, None)

    def mark_idle(self, greenlet: Any) -> None:
        """The request is answered; the connection waits for the next one."""
        if greenlet in self.greenlets:
            self._kept_alive[greenlet] = greenlet

    def _close_idle(self) -> None:
        for idle in (self._unused, self._kept_alive):
            if idle:
                # Thrown at once, which only the hub may do: killed later, it might have a request.
                idle.pop(next(iter(idle))).throw(GreenletExit)
                return
