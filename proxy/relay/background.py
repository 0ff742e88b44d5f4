"""A call in a greenlet of its own, which goes on while its request already answers the client.

Rule: the request's greenlet switches to it directly and gets control back when the call ends, so a call
that ends in time takes no pass of the event loop. The moments at which the request must act before that
end come from the sweeper (``Exchange.on_check``); no timer is started.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import copy_context
from time import monotonic
from typing import Any, Generic, TypeVar, cast

import gevent
from gevent.hub import Waiter
from greenlet import getcurrent, greenlet

from proxy.relay.cancellation import Exchange

T = TypeVar("T")


class Background(Generic[T]):
    """``function()`` in a greenlet of its own; its waits are those of ``exchange``.

    The function has a copy of the request's context variables. Call ``begin``, then ``wait`` until one
    of them returns True, then ``result``; or ``cancel``.
    """

    __slots__ = (
        "_due",
        "_error",
        "_exchange",
        "_function",
        "_greenlet",
        "_hub",
        "_owner",
        "_result",
        "_waiter",
        "ended",
    )

    def __init__(self, function: Callable[[], T], exchange: Exchange) -> None:
        self._function: Callable[[], T] | None = function
        self._exchange = exchange
        self._hub = gevent.get_hub()
        self._greenlet: Any = None
        self._due = math.inf
        self._owner: Any = None
        """The request's greenlet while it waits in ``begin``."""
        self._waiter: Waiter[None] | None = None
        """What the request waits for in ``wait``."""
        self._result: T | None = None
        self._error: BaseException | None = None
        self.ended = False

    def begin(self, until: float) -> bool:
        """Call the function; True once it has ended, False at the moment ``until`` if it goes on."""
        self._due, self._owner = until, getcurrent()
        self._exchange.on_check = self._check
        # Its parent, which continues when it ends, is the present greenlet.
        call = self._greenlet = greenlet(self.run)
        call.gr_context = copy_context()
        try:
            call.switch()
        except BaseException:
            # Thrown into the waiting request, whose worker ends: end the function in the same way.
            call.throw()
            raise
        finally:
            self._owner = None
        return self.ended

    def wait(self, until: float) -> bool:
        """Wait for the end of the function, after ``begin``; True once it has ended.

        False at ``until``, or sooner if an earlier moment was still reported.
        """
        if self.ended:
            return True
        self._due = until
        waiter = self._waiter = Waiter(self._hub)
        try:
            waiter.get()
        finally:
            self._waiter = None
        return self.ended

    def result(self) -> T:
        """What the function returned; raises what it raised. To be called once, after its end."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                # Its traceback refers to this frame: a cycle would keep the request in memory.
                del error
        return cast("T", self._result)

    def cancel(self) -> None:
        """End the function as if the client had left; returns when it has ended."""
        if not self.ended:
            self._exchange.gone = True
            self._exchange.check(monotonic(), True)
        while not self.wait(math.inf):
            pass

    def run(self) -> None:
        """The function of the greenlet."""
        function, self._function = self._function, None
        try:
            self._result = cast("Callable[[], T]", function)()
        except BaseException as error:
            self._error = error
        self.ended = True
        self._exchange.on_check = None
        if self._owner is None:
            self._hub.loop.run_callback(self._wake)

    def _check(self, now: float) -> None:
        if now >= self._due:
            self._hub.loop.run_callback(self._wake)

    def _wake(self) -> None:
        # Runs in the hub. The function may have ended since this was scheduled.
        owner, self._owner = self._owner, None
        if owner is not None:
            # Its end must not continue the request, which will be waiting for something else.
            self._greenlet.parent = self._hub
            owner.switch()
        elif self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.switch(None)
