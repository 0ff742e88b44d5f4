"""The slots of a worker's connections, and who gives his up when they are nearly all taken.

Rule: a connection without a request never keeps another one from being accepted. Of those that wait
for a request the oldest is closed: first those that have never sent one, then those that were kept
for another. A request that is being answered is never touched.
"""

from __future__ import annotations

from typing import Any

from gevent import Greenlet, GreenletExit
from gevent.pool import Pool


class ConnectionSlots(Pool):
    """The greenlets of one listener's connections, ``most`` at a time.

    ``reserve`` is how many slots stay free as long as there is somebody who can give one up.
    """

    def __init__(self, most: int, reserve: int) -> None:
        super().__init__(most)
        self._reserve = reserve
        # In the order in which they began to wait.
        self._silent: dict[object, Greenlet[..., Any]] = {}
        self._kept: dict[object, Greenlet[..., Any]] = {}

    def add(
        self, greenlet: Greenlet[..., Any], blocking: bool = True, timeout: float | None = None
    ) -> None:
        """Take a new connection in; gevent's server calls this."""
        super().add(greenlet, blocking, timeout)
        if self.free_count() < self._reserve:
            self._close_one()
        self._silent[greenlet] = greenlet
        greenlet.rawlink(self.request_began)

    def request_began(self, greenlet: object) -> None:
        """It has sent a whole head, or is gone."""
        self._silent.pop(greenlet, None)
        self._kept.pop(greenlet, None)

    def request_over(self, greenlet: Any) -> None:
        """It has its answer."""
        if greenlet in self.greenlets:
            self._kept[greenlet] = greenlet

    def _close_one(self) -> None:
        for waiting in (self._silent, self._kept):
            if waiting:
                # Thrown here and now, which only the hub may do: a moment later a request might
                # have begun.
                waiting.pop(next(iter(waiting))).throw(GreenletExit)
                return
