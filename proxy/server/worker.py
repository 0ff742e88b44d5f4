"""The gunicorn worker: gevent's, which answers in this API's form also where no app was reached.

Rule: only what has to happen below WSGI is here. No connection is cut by a stop or a reload: who was
accepted is answered, and who came before the listener closed is accepted (docs/decisions.md).
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
from collections.abc import Sequence
from functools import partial
from itertools import islice
from time import monotonic
from traceback import walk_stack
from types import FrameType
from typing import Any, NamedTuple

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.sock import ssl_context
from gunicorn.workers.base import Worker
from gunicorn.workers.ggevent import GeventWorker

from proxy.access.admission import connections_that_fit, open_files, spare
from proxy.concurrency import yield_if_slice_used
from proxy.server.client_sockets import linger, make_fair, unread
from proxy.server.connection_pool import ConnectionSlots
from proxy.server.protocol_errors import is_malformed, write_error
from proxy.server.response_writer import ResponseWriter, settle
from proxy.server.shutdown import PROCESS, Schedule, stop_accepting
from proxy.telemetry.uncaught import log_lost_errors

COLLECTOR_THRESHOLDS = (20_000, 10, 10)
HEARTBEAT_SECONDS = 1.0
TICK_SECONDS = 0.1
SETTLE_SECONDS = 0.2
"""How long a worker that was told to end goes on accepting in any case: its own signal may come
before the master's word that this is a stop."""
HANDSHAKE_SECONDS = 0.1
"""What connections that are being made have for it when the listener is about to close."""
QUICK_SECONDS = 1.0
"""What a quick stop gives to the last events."""
KILL_SECONDS = 0.5
SHOWN_CALLS = 12
"""How many calls are told of a worker that hung."""


class ProxyWorker(GeventWorker):
    """A gevent worker that ends without cutting anybody off, and whose protocol errors are JSON."""

    _told: float | None = None
    """When it was told to end."""
    _quick: float | None = None
    """When it was told to wait for nobody."""

    def init_signals(self) -> None:
        """Called in the worker's own process, before the application is loaded."""
        self._woken = Event()
        super().init_signals()
        # A terminal that goes sends it to all; what follows from it is the master's to say.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def load_wsgi(self) -> None:
        """Load the application."""
        log_lost_errors()
        super().load_wsgi()
        self.wsgi: Any = _Application(self, self.wsgi)
        settle(self.cfg)
        # The collector looks at what a large request is parsed into again and again, and at all of
        # the program with it: 6 % of a request of 126 kB. What is made up to here stays for good.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTOR_THRESHOLDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM, for a stop and for a reload; a second one changes nothing."""
        self._tell()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT."""
        if self._quick is None:
            self._quick = monotonic()
        self._tell()

    def _tell(self) -> None:
        if self._told is None:
            self._told = monotonic()
        # From now on the head of every answer says that its connection is closed after it.
        self.alive = False
        self._woken.set()

    def notify(self) -> None:
        """Heartbeat; without a master to hear it the worker finishes what it has."""
        Worker.notify(self)
        if self.ppid != os.getppid() and not PROCESS.orphaned:
            self.log.error("the master is gone: this worker finishes what runs and ends")
            PROCESS.orphaned = True
            self._tell()
        elif PROCESS.ordered and self._told is None:
            # The signal came before this process could take it.
            self._tell()
            if PROCESS.at_once:
                self._quick = self._told

    def run(self) -> None:
        """Serve until told to end, then end in order."""
        most = connections_that_fit(self.worker_connections, open_files())
        self._spare = spare(most)
        self._pools = tuple(ConnectionSlots(most, self._spare // 2) for _ in self.sockets)
        pools: list[Pool] = [*self._pools]
        servers = list(map(self._server, self.sockets, pools))
        while self._told is None:
            self.notify()
            self._rest(HEARTBEAT_SECONDS)
        self._go_on_accepting(self._told)
        pools += self._close(servers)
        self._finish(self._told, pools)

    @property
    def keeps_connections(self) -> bool:
        """Whether a connection may wait for another request: not where few are left for others."""
        return self.alive and all(pool.free_count() > self._spare for pool in self._pools)

    def _server(self, sock: Any, pool: Pool) -> StreamServer:
        """A running server on ``sock``, as gunicorn's own worker makes it."""
        sock.setblocking(1)
        tls: dict[str, Any] = {"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}
        listener: Any = _Listener(sock.getsockname())
        handle = partial(self.handle, listener)
        server: StreamServer = StreamServer(sock, handle, spawn=pool, **tls)
        if self.cfg.workers > 1:
            server.max_accept = 1
        server.start()
        return server

    def _rest(self, seconds: float) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def _schedule(self) -> Schedule:
        delay = PROCESS.delay if PROCESS.ordered else 0.0
        return Schedule.within(self.cfg.graceful_timeout, delay)

    def _go_on_accepting(self, told: float) -> None:
        while self._quick is None:
            left = told + max(self._schedule().accept, SETTLE_SECONDS) - monotonic()
            if left <= 0:
                return
            self.notify()
            self._rest(min(left, TICK_SECONDS))

    def _close(self, servers: Sequence[StreamServer]) -> list[Pool]:
        """Close the listeners; the pools of those who were still in their queues."""
        if PROCESS.last and self._quick is None:
            for server in servers:
                stop_accepting(server.socket)
            gevent.sleep(HANDSHAKE_SECONDS)
        queued = []
        for server in servers:
            # They are answered even where the worker is full: nobody else can do it any more.
            queue = Pool()
            server.set_spawn(queue)
            with contextlib.suppress(OSError):
                while accepted := server.do_read():
                    server.do_handle(*accepted)
            server.close()
            queued.append(queue)
        return queued

    def _finish(self, told: float, pools: Sequence[Pool]) -> None:
        """Wait for what runs; in the end tell it that it is over."""
        while any(pools):
            now = monotonic()
            end, leave = PROCESS.deadlines(told, self._schedule())
            if self._quick is not None or now >= end:
                PROCESS.end()
            if self._quick is not None:
                leave = min(leave, self._quick + QUICK_SECONDS)
            if now >= leave:
                break
            self.notify()
            self._rest(TICK_SECONDS)
        # Clients that do not read, and connections without a request.
        for pool in pools:
            pool.kill(block=False)
        gevent.wait([greenlet for pool in pools for greenlet in pool], timeout=KILL_SECONDS)

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """SIGABRT: the master has waited in vain for a heartbeat, and replaces this worker.

        Breaks off the request that kept all others waiting, if it is one, by ``SystemExit``.
        """
        self._tell()
        self.log.error("no heartbeat: this worker hung in %s", _place(frame))
        if any(each.f_code is ProxyWorker.handle.__code__ for each, _ in walk_stack(frame)):
            super().handle_abort(sig, frame)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Answer the requests of one connection."""
        make_fair(client)
        super().handle(listener, client, addr)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        """Answer one request."""
        greenlet = gevent.getcurrent()
        for pool in self._pools:
            pool.request_began(greenlet)
        going_on = True
        try:
            # Not gevent's, which goes on after what ends a request without an answer.
            going_on = super(GeventWorker, self).handle_request(listener_name, req, sock, addr)
        except StopIteration:
            self._end(greenlet, req, sock)
            raise
        except SystemExit as broken_off:
            # Of ``handle_abort``. Where the head of an answer had left, gunicorn closed it.
            write_error(sock, broken_off)
            self._end(greenlet, req, sock)
            raise StopIteration from broken_off
        except gevent.GreenletExit:
            pass
        self._answered(greenlet)
        if req.body.failed:
            # gunicorn closes the connection before the next request.
            linger(sock)
        if PROCESS.ended:
            # Whatever its head promised: the next request on it could only be refused.
            raise StopIteration
        # Of a client that has sent the next ones already no read waits.
        yield_if_slice_used()
        return going_on

    def _end(self, greenlet: Any, req: Any, sock: Any) -> None:
        """The connection is closed next."""
        if unread(req.body):
            self._answered(greenlet)
            linger(sock)

    def _answered(self, greenlet: Any) -> None:
        for pool in self._pools:
            pool.request_over(greenlet)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that could not be parsed, or that failed outside the application."""
        if isinstance(exc, gevent.GreenletExit):
            # An idle connection at the end of the process: an answer would answer nothing.
            return
        if is_malformed(exc):
            self.log.warning("malformed HTTP request refused: %s", type(exc).__name__)
        else:
            self.log.error("error outside the application", exc_info=exc)
        if not write_error(client, exc):
            self.log.debug("the client of a malformed request was gone")


def _place(frame: FrameType | None) -> str:
    """Where the program is, the innermost call first; nothing of what it works on."""
    steps = islice(walk_stack(frame), SHOWN_CALLS)
    return ", called by ".join(
        f"{each.f_globals.get('__name__')}.{each.f_code.co_name}:{line}" for each, line in steps
    )


class _Listener(NamedTuple):
    """What is asked of a listener for each connection, also once it is closed."""

    name: Any

    def getsockname(self) -> Any:
        return self.name


class _Application:
    """The application, with a writer of ours for its answers."""

    def __init__(self, worker: ProxyWorker, application: Any) -> None:
        self._worker = worker
        self._application = application

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        writer = ResponseWriter.adopt(start_response.__self__, self._worker)
        return self._application(environ, writer.start_response)
