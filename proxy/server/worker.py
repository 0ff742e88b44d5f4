"""The gunicorn worker: its start, its signals and its orderly end.

Rule: a stop or a reload drops no connection. Connections that arrive before the listener closes are
accepted, and their requests are answered (docs/decisions.md).
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Sequence
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.sock import ssl_context
from gunicorn.workers.base import Worker

from proxy.access.admission import connections_that_fit, open_files, spare
from proxy.relay.background import Background
from proxy.server.cached_settings import cache_settings
from proxy.server.connection_pool import ConnectionPool
from proxy.server.hang_report import call_stack, is_running
from proxy.server.request_worker import Application, RequestWorker
from proxy.server.shutdown import PROCESS, Schedule, stop_accepting
from proxy.telemetry.uncaught import log_uncaught_errors

COLLECTOR_THRESHOLDS = (20_000, 10, 10)
HEARTBEAT_SECONDS = 1.0
TICK_SECONDS = 0.1
ORDER_SECONDS = 0.2
"""Shortest time for which a signalled worker still accepts connections: the signal may arrive before
the master has recorded that this is a stop."""
HANDSHAKE_SECONDS = 0.1
"""Time for handshakes in progress to complete before the listener closes."""
QUICK_SECONDS = 1.0
"""Time for sending the last events in a stop that does not wait for requests."""
KILL_SECONDS = 0.5
REQUEST_CODE = (RequestWorker.handle.__code__, Background.run.__code__)
"""The outermost code of a request, and of the greenlet in which it calls its upstream."""


class ProxyWorker(RequestWorker):
    """A gevent worker that ends without dropping a connection."""

    _signalled: float | None = None
    """Time of the signal to end (monotonic clock)."""
    _quick: float | None = None
    """Time of the signal to end without waiting for requests."""

    def init_signals(self) -> None:
        """Called in the worker process, before the application is loaded."""
        self._woken = Event()
        super().init_signals()
        # A closing terminal sends SIGHUP to all processes; only the master reloads.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def load_wsgi(self) -> None:
        """Load the application."""
        log_uncaught_errors()
        super().load_wsgi()
        self.wsgi: Any = Application(self, self.wsgi)
        cache_settings(self.cfg)
        # Parsing a large request would start collections that traverse all objects of the process:
        # 6 % of the time for 126 kB. Objects created up to here live as long as the process.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTOR_THRESHOLDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM, for a stop and for a reload; a second one has no effect."""
        self._begin_end()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT."""
        if self._quick is None:
            self._quick = monotonic()
        self._begin_end()

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """SIGABRT: the heartbeat was missing for too long, and the master replaces this worker.

        Aborts the request that blocked the worker, if there is one, by ``SystemExit``.
        """
        self._begin_end()
        self.log.error("no heartbeat: this worker hung in %s", call_stack(frame))
        if any(is_running(code, frame) for code in REQUEST_CODE):
            super().handle_abort(sig, frame)

    def _begin_end(self) -> None:
        if self._signalled is None:
            self._signalled = monotonic()
        # From now on every response head announces that its connection will be closed.
        self.alive = False
        self._woken.set()

    def notify(self) -> None:
        """Send a heartbeat; without a master, finish the running requests and end."""
        Worker.notify(self)
        if self.ppid != os.getppid() and not PROCESS.orphaned:
            self.log.error("the master process died: this worker finishes its requests and exits")
            PROCESS.orphaned = True
            self._begin_end()
        elif PROCESS.ordered and self._signalled is None:
            # The signal arrived before the handlers were installed.
            self._begin_end()
            if PROCESS.at_once:
                self._quick = self._signalled

    def run(self) -> None:
        """Serve until signalled to end, then finish the running requests and return."""
        size = connections_that_fit(self.worker_connections, open_files())
        self._spare = spare(size)
        self._pools = tuple(ConnectionPool(size, self._spare // 2) for _ in self.sockets)
        pools: list[Pool] = [*self._pools]
        servers = list(map(self._server, self.sockets, pools))
        while self._signalled is None:
            self._beat(HEARTBEAT_SECONDS)
        self._keep_accepting(self._signalled)
        pools += self._close(servers)
        self._finish(self._signalled, pools)

    @property
    def keeps_connections(self) -> bool:
        """Whether connections are kept alive: no if the worker ends or few slots are free."""
        return self.alive and all(pool.free_count() > self._spare for pool in self._pools)

    def _server(self, sock: Any, pool: Pool) -> StreamServer:
        """A running server on ``sock``, with the options of gunicorn's own worker."""
        sock.setblocking(1)
        tls: dict[str, Any] = {"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}
        listener: Any = _Listener(sock.getsockname())
        handle = partial(self.handle, listener)
        server: StreamServer = StreamServer(sock, handle, spawn=pool, **tls)
        if self.cfg.workers > 1:
            server.max_accept = 1
        server.start()
        return server

    def _beat(self, seconds: float) -> None:
        self.notify()
        for pool in self._pools:
            pool.make_room()
        self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def _schedule(self) -> Schedule:
        delay = PROCESS.delay if PROCESS.ordered else 0.0
        return Schedule.within(self.cfg.graceful_timeout, delay)

    def _keep_accepting(self, signalled: float) -> None:
        while self._quick is None:
            left = signalled + max(self._schedule().accept, ORDER_SECONDS) - monotonic()
            if left <= 0:
                return
            self._beat(min(left, TICK_SECONDS))

    def _close(self, servers: Sequence[StreamServer]) -> list[Pool]:
        """Close the listeners; returns the pools of the connections that were still queued."""
        if PROCESS.last and self._quick is None:
            for server in servers:
                stop_accepting(server.socket)
            gevent.sleep(HANDSHAKE_SECONDS)
        return [_accept_queued(server) for server in servers]

    def _finish(self, signalled: float, pools: Sequence[Pool]) -> None:
        """Wait for running requests; end them when the time is over."""
        while any(pools):
            now = monotonic()
            end, leave = PROCESS.deadlines(signalled, self._schedule())
            if self._quick is not None or now >= end:
                PROCESS.end()
            if self._quick is not None:
                leave = min(leave, self._quick + QUICK_SECONDS)
            if now >= leave:
                break
            self.notify()
            self._wait(TICK_SECONDS)
        # The remaining connections are idle, or their clients do not read.
        for pool in pools:
            pool.kill(block=False)
        gevent.wait([greenlet for pool in pools for greenlet in pool], timeout=KILL_SECONDS)


def _accept_queued(server: StreamServer) -> Pool:
    """Close ``server`` after accepting the connections in its queue, even if the worker is full.

    Closing the listener would reset them.
    """
    queued = Pool()
    server.set_spawn(queued)
    with contextlib.suppress(OSError):
        while accepted := server.do_read():
            server.do_handle(*accepted)
    server.close()
    return queued


class _Listener(NamedTuple):
    """Holds a listener's address, which gunicorn reads for each connection, even after its end."""

    name: Any

    def getsockname(self) -> Any:
        return self.name
