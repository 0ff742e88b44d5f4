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


MOST_IDLE = 64
"""Greenlets that are kept for the next calls. A new one takes 8 microseconds and more on a busy machine,
because the interpreter maps and unmaps memory for its frames; a kept one takes one."""


class Background(Generic[T]):
    """``function()`` in a greenlet of its own; its waits are those of ``exchange``.

    The function has a copy of the request's context variables. Call ``begin``, then ``wait`` until one
    of them returns True, then ``result``; or ``cancel``.
    """

    __slots__ = (
        "_context",
        "_due",
        "_error",
        "_exchange",
        "_function",
        "_hub",
        "_owner",
        "_result",
        "_waiter",
        "ended",
    )

    def __init__(self, function: Callable[[], T], exchange: Exchange) -> None:
        self._function: Any = function
        self._context: Any = copy_context()
        self._exchange = exchange
        self._hub = gevent.get_hub()
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
        call = _CARRIERS.take(self._hub)
        try:
            call.switch(self)
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

    def run(self) -> Any:
        """Call the function, in its greenlet; returns the greenlet that is to continue."""
        function, context = self._function, self._context
        self._function = self._context = None
        try:
            self._result = context.run(function)
        except BaseException as error:
            self._error = error
        self.ended = True
        self._exchange.on_check = None
        if self._owner is not None:
            return self._owner
        self._hub.loop.run_callback(self._wake)
        return self._hub

    def _check(self, now: float) -> None:
        if now >= self._due:
            self._hub.loop.run_callback(self._wake)

    def _wake(self) -> None:
        # Runs in the hub. The function may have ended since this was scheduled.
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.switch()
        elif self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.switch(None)


def _carry(call: Background[Any] | None) -> None:
    """The function of a greenlet: run ``call``, and the calls that are passed to it later."""
    while call is not None:
        following = call.run()
        call = None
        call = _CARRIERS.keep(following)


class _Carriers:
    """The greenlets of one event loop that wait for a call."""

    def __init__(self) -> None:
        self._hub: Any = None
        self._idle: list[greenlet] = []

    def take(self, hub: Any) -> greenlet:
        """A greenlet of the event loop ``hub``, to be switched to with a call."""
        if hub is not self._hub:
            self._hub, self._idle = hub, []
        return self._idle.pop() if self._idle else greenlet(_carry, hub)

    def keep(self, following: Any) -> Background[Any] | None:
        """Continue ``following``; returns the next call of the present greenlet.

        None if there are enough idle ones; ``following`` continues then, too.
        """
        present = getcurrent()
        if len(self._idle) >= MOST_IDLE:
            present.parent = following
            return None
        self._idle.append(present)
        following_call: Background[Any] | None = following.switch()
        return following_call


_CARRIERS = _Carriers()
