"""A worker's client connections, and which of them is closed when few slots are free.

Rule: idle connections never prevent a new one from being accepted. The connection that has been idle
longest is closed: first of those that have never sent a request, then of those kept alive. If none is
idle, the one whose client has not read its answer for the longest time is closed, after a grace. No
other connection whose request is being answered is closed.
"""

from __future__ import annotations

from typing import Any

from gevent import Greenlet, GreenletExit
from gevent.pool import Pool

from proxy.relay.blocked_writes import WRITES


class ConnectionPool(Pool):
    """The greenlets of one listener's connections, at most ``size``.

    As long as there are connections that may be closed, ``reserve`` slots are kept free.
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
        if self.free_count() < self._reserve and not self._close_idle():
            WRITES.end_longest(self.greenlets)
        self._unused[greenlet] = greenlet
        greenlet.rawlink(self.mark_busy)

    def make_room(self) -> None:
        """Close connections of clients that do not read; to be called regularly.

        A full pool accepts no connection, so that ``add`` is not called.
        """
        for _ in range(self._reserve - self.free_count()):
            if not WRITES.end_longest(self.greenlets):
                return

    def mark_busy(self, greenlet: object) -> None:
        """Called when a whole request head has arrived, and when the connection is closed."""
        self._unused.pop(greenlet, None)
        self._kept_alive.pop(greenlet, None)

    def mark_idle(self, greenlet: Any) -> None:
        """Called when the request is answered and the connection waits for the next one."""
        if greenlet in self.greenlets:
            self._kept_alive[greenlet] = greenlet

    def _close_idle(self) -> bool:
        for idle in (self._unused, self._kept_alive):
            if idle:
                # ``throw``, allowed only in the hub, ends the greenlet immediately; before ``kill``
                # takes effect, a request could arrive.
                idle.pop(next(iter(idle))).throw(GreenletExit)
                return True
        return False
