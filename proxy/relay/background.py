"""Runs a function in its own greenlet, so that it can continue while the request answers the client.

Rule: the request's greenlet switches to the other one directly and gets control back when the function
ends, so a function that ends in time needs no pass of the event loop. If the request must act earlier,
the sweeper wakes it (``Exchange.on_check``); no timer is started.
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
"""Maximum number of idle greenlets that are kept for reuse. To start a new one takes 8 microseconds, and
more on a busy machine, because the interpreter maps and unmaps memory for its frames; to reuse one takes
1 microsecond."""


class Background(Generic[T]):
    """``function()`` in its own greenlet; it waits for I/O through ``exchange``.

    The function gets a copy of the request's context variables. Call ``begin``, then ``wait`` until one
    of them returns True, then ``result``. ``cancel`` ends the function early.
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
        """The waiter of the request's greenlet while it is in ``wait``."""
        self._result: T | None = None
        self._error: BaseException | None = None
        self.ended = False

    def begin(self, until: float) -> bool:
        """Call the function. True if it ended; False at ``until`` (monotonic seconds) if it still runs."""
        self._due, self._owner = until, getcurrent()
        self._exchange.on_check = self._check
        call = _GREENLETS.take(self._hub)
        try:
            call.switch(self)
        except BaseException:
            # The worker ends and raised this in the waiting request: end the function in the same way.
            call.throw()
            raise
        finally:
            self._owner = None
        return self.ended

    def wait(self, until: float) -> bool:
        """Wait after ``begin`` until the function ends; True if it ended.

        False at ``until``; also earlier, if the wake-up for an earlier ``until`` was still pending.
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
        result, self._result = self._result, None
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                # Its traceback refers to this frame; the reference cycle would keep the request in memory.
                del error
        # Not kept here: a greenlet that is reused refers to its first call as long as it exists.
        return cast("T", result)

    def cancel(self) -> None:
        """End the function as if the client had disconnected; returns when it has ended."""
        if not self.ended:
            self._exchange.gone = True
            self._exchange.check(monotonic(), True)
        while not self.wait(math.inf):
            pass

    def run(self) -> Any:
        """Call the function in its greenlet; returns the greenlet to switch to."""
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


def _run_calls(call: Background[Any] | None) -> None:
    """The main function of a greenlet: runs ``call``, then each call that is passed to it later."""
    while call is not None:
        following = call.run()
        call = None
        call = _GREENLETS.keep(following)


class _IdleGreenlets:
    """The greenlets of one event loop that wait for a call."""

    def __init__(self) -> None:
        self._hub: Any = None
        self._idle: list[greenlet] = []

    def take(self, hub: Any) -> greenlet:
        """An idle greenlet of the event loop ``hub``; switch to it with the call as argument."""
        if hub is not self._hub:
            self._hub, self._idle = hub, []
        return self._idle.pop() if self._idle else greenlet(_run_calls, hub)

    def keep(self, following: Any) -> Background[Any] | None:
        """Switch to ``following`` and keep the present greenlet idle; returns its next call.

        Returns None if enough greenlets are idle; the present one then ends, and ``following`` continues.
        """
        present = getcurrent()
        if len(self._idle) >= MOST_IDLE:
            present.parent = following
            return None
        self._idle.append(present)
        following_call: Background[Any] | None = following.switch()
        return following_call


_GREENLETS = _IdleGreenlets()
