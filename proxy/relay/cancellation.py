"""One client request while it is being answered.

Rule: every limit that can end or interrupt a request (client gone, silence, deadlines, the next
ping) is judged here, when the watch (``proxy/relay/sweeper.py``) comes by; no request starts a timer.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Callable
from enum import Enum
from time import monotonic
from typing import Any, TypeVar

import gevent
from gevent.hub import Waiter
from gevent.monkey import get_original

from proxy.errors import ClientGone, Overloaded, ProxyError, RequestTimeout, UpstreamTimeout

PING_SECONDS = 15.0
"""Longest silence towards a streaming client (docs/protocol.md section 4)."""

HANGUP = getattr(select, "POLLRDHUP", 0)
"""What the kernel says of a socket whose other side is closed."""

_plain_socket = get_original("socket", "socket")

T = TypeVar("T")


class WaitResult(Enum):
    """Why a wait for the upstream ended."""

    READABLE = "readable"
    PING = "ping"
    ENOUGH = "enough"
    """The caller did not want to wait for longer."""
    GONE = "client gone"
    LIMIT = "limit"
    """The limit of the present phase is over."""
    TOTAL = "total"
    """The limit of the whole request is over."""
    DRAIN = "drain"
    """The process ends."""


def drained() -> Overloaded:
    """What a request is told that runs longer than its process."""
    return Overloaded(
        "the server is restarting and ended this request before it was complete; try again",
        headers={"retry-after": "1"},
    )


class _Interruption(BaseException):
    """Thrown into a greenlet that is blocked in a call which is not wanted any more."""

    def __init__(self, wake: WaitResult) -> None:
        super().__init__(wake)
        self.wake = wake


class Exchange:
    """The limits of one request, and the two ways in which it waits for its upstream.

    ``wait`` is for streams: it returns the reason for which it ended, and the stream goes on.
    ``run`` is for calls that are given up as a whole: it raises.
    """

    __slots__ = (
        "_greenlet",
        "_hub",
        "_limit",
        "_limit_text",
        "_read_fileno",
        "_read_watcher",
        "_total",
        "_total_seconds",
        "_until",
        "_waiter",
        "begun",
        "client",
        "drained",
        "gone",
        "last_event",
        "pings",
    )

    def __init__(self, total_seconds: float | None = None) -> None:
        self._greenlet: Any = None
        self._hub = gevent.get_hub()
        self._limit: float | None = None
        self._limit_text = ""
        self._read_fileno = -1
        self._read_watcher: Any = None
        self._total = None if total_seconds is None else monotonic() + total_seconds
        self._total_seconds = total_seconds
        self._until: float | None = None
        self._waiter: Waiter[WaitResult] | None = None
        self.begun = False
        """True once the response has begun: between its waits the request writes."""
        self.client: Any = None
        """The client's socket, while it is watched and where it is known."""
        self.drained = False
        """True once the process ends: nothing is waited for any more."""
        self.gone = False
        self.last_event = monotonic()
        """When the client last got an event; moves the next ping."""
        self.pings = False
        """True once the response has begun, so that silence is filled."""

    def limit(self, seconds: float | None, text: str = "") -> None:
        """Give the present phase ``seconds`` from now; ``text`` tells what then timed out."""
        self._limit = None if seconds is None else monotonic() + seconds
        if text:
            self._limit_text = text

    def timed_out(self, wake: WaitResult) -> ProxyError:
        """The error for a wait that ended with ``wake`` (GONE, DRAIN, LIMIT or TOTAL)."""
        if wake is WaitResult.GONE:
            return ClientGone("the client closed the connection")
        if wake is WaitResult.DRAIN:
            return drained()
        if wake is WaitResult.TOTAL:
            return RequestTimeout(f"the request took longer than {self._total_seconds:g} s")
        return UpstreamTimeout(self._limit_text)

    def wait(self, fileno: int, until: float | None = None) -> WaitResult:
        """Wait until ``fileno`` is readable or the watch has something to say.

        ``until``: the moment from which ``ENOUGH`` ends the wait.
        """
        if self.gone or self.drained:
            return WaitResult.GONE if self.gone else WaitResult.DRAIN
        if fileno != self._read_fileno:
            self.close()
            self._read_fileno = fileno
            self._read_watcher = self._hub.loop.io(fileno, 1)
        watcher = self._read_watcher
        # A fresh waiter each time: a wake-up that comes too late finds nobody.
        waiter: Waiter[WaitResult] = Waiter(self._hub)
        self._waiter = waiter
        self._until = until
        watcher.start(waiter.switch, WaitResult.READABLE)
        try:
            wake: WaitResult = waiter.get()
        finally:
            watcher.stop()
            self._waiter = self._until = None
        return wake

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call ``function(*args)`` so that the watch can break it off.

        Raises ``ClientGone``, ``Overloaded`` or ``UpstreamTimeout``. What is broken off must leave its connection
        closed: the exception is a ``BaseException`` on its way through the HTTP libraries.
        """
        if self.gone or self.drained:
            raise self.timed_out(WaitResult.GONE if self.gone else WaitResult.DRAIN)
        self._greenlet = gevent.getcurrent()
        try:
            return function(*args)
        except _Interruption as interruption:
            raise self.timed_out(interruption.wake) from None
        finally:
            self._greenlet = None

    def pause(self, seconds: float) -> None:
        """Wait before the next attempt; raises what ``run`` raises."""
        self.limit(None)
        self.run(gevent.sleep, seconds)

    def raise_if_gone(self) -> None:
        """Raise ``ClientGone`` where the client closed its side, without waiting for the sweep."""
        if not self.gone and self.client is not None:
            poll = get_original("select", "poll")()
            poll.register(self.client.fileno(), HANGUP)
            self.gone = bool(poll.poll(0))
        if self.gone:
            raise self.timed_out(WaitResult.GONE)

    def check(self, now: float, gone: bool) -> None:
        """Called by the watch: wake or interrupt the request when something is due."""
        if gone:
            self.gone = True
        wake = self._due(now)
        if wake is None:
            return
        if self._waiter is not None:
            self._hub.loop.run_callback(self._waiter.switch, wake)
        elif self._greenlet is not None and wake is not WaitResult.PING:
            self._hub.loop.run_callback(self._interrupt, wake)
        elif (self.begun or self.pings) and wake in (WaitResult.GONE, WaitResult.TOTAL):
            self._hang_up()

    def drain(self) -> None:
        """Called by the watch: the process ends, and with it this request."""
        self.drained = True
        if self.begun or self.pings:
            self._hold_back()
        self.check(monotonic(), self.gone)

    def close(self) -> None:
        """Free the loop's watcher; the exchange waits no more."""
        if self._read_watcher is not None:
            self._read_watcher.close()
            self._read_watcher = None
            self._read_fileno = -1

    def _due(self, now: float) -> WaitResult | None:
        if self.gone or self.drained:
            return WaitResult.GONE if self.gone else WaitResult.DRAIN
        if self._total is not None and now >= self._total:
            return WaitResult.TOTAL
        if self._limit is not None and now >= self._limit:
            return WaitResult.LIMIT
        if self._until is not None and now >= self._until:
            return WaitResult.ENOUGH
        if self.pings and now - self.last_event >= PING_SECONDS:
            return WaitResult.PING
        return None

    def _hang_up(self) -> None:
        # It neither waits nor reads: it writes what its client does not take. That fails now, as
        # with any client that is gone; gevent's own shutdown would make it a bad descriptor.
        if self.client is None:
            return
        with (
            contextlib.suppress(OSError),
            _plain_socket(fileno=os.dup(self.client.fileno())) as sock,
        ):
            sock.shutdown(socket.SHUT_RDWR)

    def _hold_back(self) -> None:
        # The head of its answer promised to keep the connection. The end of the answer and that of
        # the connection leave in one packet, so that nobody sends a request in between.
        with contextlib.suppress(OSError, AttributeError):
            self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    def _interrupt(self, wake: WaitResult) -> None:
        # Runs in the hub, so the greenlet is parked; it may have left the block since the sweep.
        greenlet, self._greenlet = self._greenlet, None
        if greenlet is not None:
            greenlet.throw(_Interruption(wake))
