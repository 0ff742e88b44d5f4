"""Checks all requests and waiting writes of a worker four times a second for clients that left or do not
read, and for time limits.

Rule: one sweep checks every exchange and gets all closed connections from the kernel in one call; no
request starts a timer of its own. For a thousand streams the sweeps take about one percent of a core,
where a timer for each read took a quarter (docs/decisions.md).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from time import monotonic
from typing import Any

import gevent

from proxy.relay.blocked_writes import BlockedWrites
from proxy.relay.cancellation import Exchange
from proxy.relay.client_socket import HANGUP, kernel_poll
from proxy.relay.deadlines import shutdown_error
from proxy.telemetry.uncaught import Logged

SWEEP_SECONDS = 0.25


class Sweeper:
    """Sweeps the exchanges and the waiting writes of one worker; runs only while there are any."""

    def __init__(self, writes: BlockedWrites | None = None) -> None:
        """``writes`` are swept too, beginning when the first of them waits."""
        self._writes = BlockedWrites() if writes is None else writes
        self._writes.begin_sweep = self._begin
        self._exchanges: dict[Exchange, int | None] = {}
        self._clients: dict[int, Exchange] = {}
        self._poll = kernel_poll()
        self._running = False
        self._readers: set[Any] = set()
        self._ended = False

    def __len__(self) -> int:
        return len(self._exchanges)

    def enter(self, exchange: Exchange, client_socket: Any = None) -> None:
        """Check ``exchange`` until ``leave``; ``client_socket`` is None if it is not known."""
        fileno = None if client_socket is None else client_socket.fileno()
        if fileno is not None and fileno >= 0:
            self._clients[fileno] = exchange
            self._poll.register(fileno, HANGUP)
            exchange.client = client_socket
        self._exchanges[exchange] = fileno
        exchange.drained = self._ended
        self._begin()

    def leave(self, exchange: Exchange) -> None:
        """Stop checking ``exchange``; may be called again."""
        fileno = self._exchanges.pop(exchange, None)
        if fileno is not None and self._clients.get(fileno) is exchange:
            self._forget_client(fileno)
        exchange.client = None
        exchange.close()

    def end(self) -> None:
        """End present and later requests, as the process shuts down: streams by an error event, the
        others by a 529."""
        self._ended = True
        for exchange in list(self._exchanges):
            exchange.drain()
        loop = gevent.get_hub().loop
        for greenlet in self._readers:
            loop.run_callback(self._stop_reading, greenlet)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Raise ``Overloaded`` in the block, which reads from the client, if the process shuts down."""
        if self._ended:
            raise shutdown_error()
        greenlet = gevent.getcurrent()
        self._readers.add(greenlet)
        try:
            yield
        finally:
            self._readers.discard(greenlet)

    def _stop_reading(self, greenlet: Any) -> None:
        # Runs in the hub, so the greenlet is suspended; it may have read everything by now.
        if greenlet in self._readers:
            greenlet.throw(shutdown_error())

    def _forget_client(self, fileno: int) -> None:
        del self._clients[fileno]
        self._poll.unregister(fileno)

    def _begin(self) -> None:
        if not self._running:
            self._running = True
            gevent.spawn(self._sweep)

    def _sweep(self) -> None:
        logged = Logged()
        try:
            while self._exchanges or self._writes:
                gevent.sleep(SWEEP_SECONDS)
                self._check_all(logged)
        finally:
            self._running = False

    def _check_all(self, logged: Logged) -> None:
        """Check every exchange; an exception in one check is logged and the others are still made."""
        gone: set[Exchange] = set()
        with logged:
            gone = self._gone_clients()
        now = monotonic()
        with logged:
            self._writes.check(now)
        for exchange in list(self._exchanges):
            with logged:
                exchange.check(now, exchange in gone)

    def _gone_clients(self) -> set[Exchange]:
        """Exchanges whose client closed its side of the connection, or half of it."""
        gone = set()
        for fileno, _ in self._poll.poll(0):
            gone.add(self._clients[fileno])
            self._forget_client(fileno)
        return gone
