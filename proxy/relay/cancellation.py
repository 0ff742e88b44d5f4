"""One client request while it is being answered, and how its waits and calls are cancelled.

Rule: everything that ends or interrupts a request (client gone, shutdown, ``Deadlines``) takes effect
here, when the sweeper (``proxy/relay/sweeper.py``) calls ``check``; no request starts a timer.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

import gevent
from gevent.hub import Waiter

from proxy.errors import ProxyError
from proxy.relay.blocked_writes import WRITES
from proxy.relay.client_socket import hold_packets, is_closed, shut_down
from proxy.relay.deadlines import Deadlines, WaitResult

T = TypeVar("T")


class _Cancellation(BaseException):
    """Thrown into a greenlet that is blocked in a call whose result is no longer needed."""

    def __init__(self, reason: WaitResult) -> None:
        super().__init__(reason)
        self.reason = reason


class Exchange:
    """One request, and the two ways in which it waits for its upstream.

    ``wait`` is for streams: it returns the reason for its end, and the stream may continue. ``run``
    is for calls that can only be cancelled as a whole: it raises an error.
    """

    __slots__ = (
        "_calls",
        "_greenlet",
        "_hub",
        "_over",
        "_read_fileno",
        "_read_watcher",
        "_waiter",
        "begun",
        "client",
        "deadlines",
        "drained",
        "gone",
        "on_check",
    )

    def __init__(self, total_seconds: float | None = None) -> None:
        self._calls = 0
        """The number of the present call in ``run``, or of the last one."""
        self._greenlet: Any = None
        self._hub = gevent.get_hub()
        self._over = False
        """True once the limit of the whole request expired outside of waits and calls."""
        self._read_fileno = -1
        self._read_watcher: Any = None
        self._waiter: Waiter[WaitResult] | None = None
        self.begun = False
        """True once the response has begun: outside of waits the request then writes to the client."""
        self.client: Any = None
        """The client's socket while the sweeper checks it; None if it is not known."""
        self.deadlines = Deadlines(monotonic(), total_seconds)
        self.drained = False
        """True once the process shuts down: every wait ends at once."""
        self.gone = False
        """True once the client closed its connection."""
        self.on_check: Callable[[float], object] | None = None
        """Called with the time at each check while the request's calls run in the background; waits
        and calls are then not those of the greenlet that writes to the client."""

    def limit(self, seconds: float | None, text: str = "") -> None:
        """End the present phase in ``seconds`` (None: never); ``text`` is the error message then."""
        self.deadlines.limit(None if seconds is None else monotonic() + seconds, text)

    def wait(self, fileno: int, until: float | None = None) -> WaitResult:
        """Wait until ``fileno`` is readable or ``check`` finds an event due.

        ``until``: the moment of the monotonic clock at which the wait ends with ``ENOUGH``.
        """
        if self.gone or self.drained or self._over:
            return self._ended()
        if fileno != self._read_fileno:
            self.close()
            self._read_fileno = fileno
            self._read_watcher = self._hub.loop.io(fileno, 1)
        watcher = self._read_watcher
        # A new waiter each time, so that a late callback cannot end the next wait.
        waiter: Waiter[WaitResult] = Waiter(self._hub)
        self._waiter = waiter
        self.deadlines.enough = until
        watcher.start(waiter.switch, WaitResult.READABLE)
        try:
            result: WaitResult = waiter.get()
        finally:
            watcher.stop()
            self._waiter = self.deadlines.enough = None
        return result

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call ``function(*args)`` so that the sweeper can cancel it.

        Raises ``ClientGone``, ``Overloaded`` or ``UpstreamTimeout``. Cancelling raises a
        ``BaseException`` in the call, maybe inside the HTTP libraries; the call must then close its
        connection.
        """
        if self.gone or self.drained or self._over:
            raise self.error_after(self._ended())
        self._calls += 1
        self._greenlet = gevent.getcurrent()
        try:
            return function(*args)
        except _Cancellation as cancellation:
            raise self.error_after(cancellation.reason) from None
        finally:
            self._greenlet = None

    def pause(self, seconds: float) -> None:
        """Wait before the next attempt; raises what ``run`` raises."""
        self.limit(None)
        self.run(gevent.sleep, seconds)

    def error_after(self, result: WaitResult) -> ProxyError:
        """The error for a wait that ended with GONE, DRAIN, LIMIT or TOTAL."""
        return self.deadlines.error(result)

    def raise_if_gone(self) -> None:
        """Raise ``ClientGone`` if the client closed its side, without waiting for the sweeper."""
        if not self.gone and self.client is not None:
            self.gone = is_closed(self.client)
        if self.gone:
            raise self.error_after(WaitResult.GONE)

    def check(self, now: float, gone: bool) -> None:
        """Called by the sweeper: end the request's wait or cancel its call if an event is due."""
        if gone:
            self.gone = True
        if self.on_check is not None:
            self.on_check(now)
        result = self._due(now)
        if result is None:
            return
        if self._waiter is not None:
            self._hub.loop.run_callback(self._waiter.switch, result)
        elif self._greenlet is not None and result is not WaitResult.PING:
            self._hub.loop.run_callback(self._cancel, result, self._calls)
        elif self.on_check is not None:
            # The background call is computing; at its next wait it notices that the client left.
            return
        elif self.begun and result in (WaitResult.GONE, WaitResult.TOTAL):
            self._stop_writing(result)

    def drain(self) -> None:
        """Called by the sweeper: end this request because the process shuts down."""
        self.drained = True
        if self.begun and self.client is not None:
            hold_packets(self.client)
        self.check(monotonic(), self.gone)

    def close(self) -> None:
        """Close the event loop's watcher of the upstream socket; ``wait`` may be called again."""
        if self._read_watcher is not None:
            self._read_watcher.close()
            self._read_watcher = None
            self._read_fileno = -1

    def _ended(self) -> WaitResult:
        if self.gone:
            return WaitResult.GONE
        return WaitResult.DRAIN if self.drained else WaitResult.TOTAL

    def _due(self, now: float) -> WaitResult | None:
        return self._ended() if self.gone or self.drained else self.deadlines.due(now)

    def _stop_writing(self, result: WaitResult) -> None:
        # The request neither waits nor reads, so it is blocked in a write to its client, or lets others
        # proceed, as a stream at full speed does: then its next read ends it, with an error event.
        over, self._over = self._over, result is WaitResult.TOTAL
        if self.client is None:
            return
        text = self.error_after(result).message
        if result is WaitResult.GONE or (not WRITES.end(self.client, text) and over):
            shut_down(self.client)

    def _cancel(self, reason: WaitResult, call: int) -> None:
        # Runs in the hub, so the greenlet is suspended. Since the sweep the call may have ended, and
        # the next one, to which the reason need not apply, may have begun.
        greenlet = self._greenlet
        if greenlet is not None and call == self._calls:
            self._greenlet = None
            greenlet.throw(_Cancellation(reason))
