"""One client request while it is being answered, and the watch over all of them in a worker.

Rule: every limit that can end or interrupt a request (client gone, silence, deadlines, the next
ping) is judged here by one sweep over all requests; no request starts a timer of its own. A sweep
every quarter of a second costs a thousand streams about one percent of a core, a timer for each
read cost a quarter of it (docs/decisions.md).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Callable, Iterator
from enum import Enum
from time import monotonic
from typing import Any, TypeVar

import gevent
from gevent.hub import Waiter
from gevent.monkey import get_original

from proxy.errors import ClientGone, Overloaded, ProxyError, RequestTimeout, UpstreamTimeout

SWEEP_SECONDS = 0.25
PING_SECONDS = 15.0
"""Longest silence towards a streaming client (docs/protocol.md section 4)."""

_HANGUP = getattr(select, "POLLRDHUP", 0)

_plain_socket = get_original("socket", "socket")

T = TypeVar("T")


class Wake(Enum):
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

    def __init__(self, wake: Wake) -> None:
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
        self._waiter: Waiter[Wake] | None = None
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

    def timed_out(self, wake: Wake) -> ProxyError:
        """The error for a wait that ended with ``wake`` (GONE, DRAIN, LIMIT or TOTAL)."""
        if wake is Wake.GONE:
            return ClientGone("the client closed the connection")
        if wake is Wake.DRAIN:
            return drained()
        if wake is Wake.TOTAL:
            return RequestTimeout(f"the request took longer than {self._total_seconds:g} s")
        return UpstreamTimeout(self._limit_text)

    def wait(self, fileno: int, until: float | None = None) -> Wake:
        """Wait until ``fileno`` is readable or the watch has something to say.

        ``until``: the moment from which ``ENOUGH`` ends the wait.
        """
        if self.gone or self.drained:
            return Wake.GONE if self.gone else Wake.DRAIN
        if fileno != self._read_fileno:
            self.close()
            self._read_fileno = fileno
            self._read_watcher = self._hub.loop.io(fileno, 1)
        watcher = self._read_watcher
        # A fresh waiter each time: a wake-up that comes too late finds nobody.
        waiter: Waiter[Wake] = Waiter(self._hub)
        self._waiter = waiter
        self._until = until
        watcher.start(waiter.switch, Wake.READABLE)
        try:
            wake: Wake = waiter.get()
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
            raise self.timed_out(Wake.GONE if self.gone else Wake.DRAIN)
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
            poll.register(self.client.fileno(), _HANGUP)
            self.gone = bool(poll.poll(0))
        if self.gone:
            raise self.timed_out(Wake.GONE)

    def check(self, now: float, gone: bool) -> None:
        """Called by the watch: wake or interrupt the request when something is due."""
        if gone:
            self.gone = True
        wake = self._due(now)
        if wake is None:
            return
        if self._waiter is not None:
            self._hub.loop.run_callback(self._waiter.switch, wake)
        elif self._greenlet is not None and wake is not Wake.PING:
            self._hub.loop.run_callback(self._interrupt, wake)
        elif (self.begun or self.pings) and wake in (Wake.GONE, Wake.TOTAL):
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

    def _due(self, now: float) -> Wake | None:
        if self.gone or self.drained:
            return Wake.GONE if self.gone else Wake.DRAIN
        if self._total is not None and now >= self._total:
            return Wake.TOTAL
        if self._limit is not None and now >= self._limit:
            return Wake.LIMIT
        if self._until is not None and now >= self._until:
            return Wake.ENOUGH
        if self.pings and now - self.last_event >= PING_SECONDS:
            return Wake.PING
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

    def _interrupt(self, wake: Wake) -> None:
        # Runs in the hub, so the greenlet is parked; it may have left the block since the sweep.
        greenlet, self._greenlet = self._greenlet, None
        if greenlet is not None:
            greenlet.throw(_Interruption(wake))


class Watch:
    """Sweeps the exchanges of one worker; runs only while there are any."""

    def __init__(self) -> None:
        self._exchanges: dict[Exchange, int | None] = {}
        self._clients: dict[int, Exchange] = {}
        # gevent's poll would yield to the loop; this one only asks the kernel and returns.
        self._poll = get_original("select", "poll")()
        self._running = False
        self._readers: set[Any] = set()
        self._ended = False

    def __len__(self) -> int:
        return len(self._exchanges)

    def enter(self, exchange: Exchange, client_socket: Any = None) -> None:
        """Watch ``exchange`` until ``leave``; ``client_socket`` is None where it is not known."""
        fileno = None if client_socket is None else client_socket.fileno()
        if fileno is not None and fileno >= 0:
            self._clients[fileno] = exchange
            self._poll.register(fileno, _HANGUP)
            exchange.client = client_socket
        self._exchanges[exchange] = fileno
        exchange.drained = self._ended
        if not self._running:
            self._running = True
            gevent.spawn(self._sweep)

    def leave(self, exchange: Exchange) -> None:
        """Stop watching ``exchange``; harmless when it was left before."""
        fileno = self._exchanges.pop(exchange, None)
        if fileno is not None and self._clients.get(fileno) is exchange:
            self._forget_client(fileno)
        exchange.client = None
        exchange.close()

    def end(self) -> None:
        """End all that runs or is still to come: streams by an event, the rest by a 529."""
        self._ended = True
        for exchange in list(self._exchanges):
            exchange.drain()
        loop = gevent.get_hub().loop
        for greenlet in self._readers:
            loop.run_callback(self._stop_reading, greenlet)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Raise ``Overloaded`` in what waits here for the client, once the process ends."""
        if self._ended:
            raise drained()
        greenlet = gevent.getcurrent()
        self._readers.add(greenlet)
        try:
            yield
        finally:
            self._readers.discard(greenlet)

    def _stop_reading(self, greenlet: Any) -> None:
        # Runs in the hub, so the greenlet is parked; it may have read everything by now.
        if greenlet in self._readers:
            greenlet.throw(drained())

    def _forget_client(self, fileno: int) -> None:
        del self._clients[fileno]
        self._poll.unregister(fileno)

    def _sweep(self) -> None:
        while self._exchanges:
            gevent.sleep(SWEEP_SECONDS)
            gone = self._gone_clients()
            now = monotonic()
            for exchange in list(self._exchanges):
                exchange.check(now, exchange in gone)
        self._running = False

    def _gone_clients(self) -> set[Exchange]:
        """Exchanges whose client closed its side.

        A half-closed client counts as gone: the kernel does not tell it from a closed one.
        """
        gone = set()
        for fileno, _ in self._poll.poll(0):
            gone.add(self._clients[fileno])
            self._forget_client(fileno)
        return gone
