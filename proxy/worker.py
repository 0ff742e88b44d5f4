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
import ssl
from collections.abc import Sequence
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple

import gevent
import orjson
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn import util
from gunicorn.http import errors as http_errors
from gunicorn.sock import ssl_context
from gunicorn.workers.base import Worker
from gunicorn.workers.ggevent import GeventWorker

from proxy.admission import connections_that_fit, open_files, spare
from proxy.answer_writer import AnswerWriter, settle
from proxy.connection_slots import ConnectionSlots
from proxy.drain import PROCESS, Schedule, keep_out_new
from proxy.errors import ProxyError
from proxy.request_ids import new_request_id

_STATUS_FOR_PARSE_ERROR: dict[type[Exception], tuple[int, str]] = {
    http_errors.LimitRequestLine: (414, "URI Too Long"),
    http_errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    http_errors.ExpectationFailed: (417, "Expectation Failed"),
    http_errors.UnsupportedTransferCoding: (501, "Not Implemented"),
}

_OUR_OWN = ("InvalidResponseHeader", "InvalidResponseHeaderName")
"""gunicorn's parse errors for what this side wanted to send."""


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
LINGER_SECONDS = 2.0
"""How long the rest of a body is read that nobody wants: closed before it has come, the connection
would be reset, and the client lose its answer."""


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
                keep_out_new(server.socket)
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

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        """Answer one request."""
        greenlet = gevent.getcurrent()
        for pool in self._pools:
            pool.request_began(greenlet)
        try:
            going_on = super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            if _unread(req.body):
                self._answered(greenlet)
                _linger(sock)
            raise
        self._answered(greenlet)
        if req.body.failed:
            # gunicorn closes the connection before the next request.
            _linger(sock)
        if PROCESS.ended:
            # Whatever its head promised: the next request on it could only be refused.
            raise StopIteration
        return going_on

    def _answered(self, greenlet: Any) -> None:
        for pool in self._pools:
            pool.request_over(greenlet)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that could not be parsed, or that failed outside the application."""
        if isinstance(exc, gevent.GreenletExit):
            # An idle connection at the end of the process: an answer would answer nothing.
            return
        if isinstance(exc, http_errors.ParseException) and (type(exc).__name__ not in _OUR_OWN):
            status, reason = _STATUS_FOR_PARSE_ERROR.get(type(exc), (400, "Bad Request"))
            error = ProxyError(f"The HTTP request is malformed: {type(exc).__name__}")
            self.log.warning("malformed HTTP request refused: %s", type(exc).__name__)
        else:
            status, reason, error = (
                500,
                "Internal Server Error",
                ProxyError("Internal server error"),
            )
            self.log.error("error outside the application", exc_info=exc)
        error.status = 400 if status < 500 else 500
        request_id = new_request_id()
        body = orjson.dumps(error.to_body(request_id))
        head = (
            f"HTTP/1.1 {status} {reason}\r\n"
            "Connection: close\r\n"
            "Content-Type: application/json\r\n"
            f"request-id: {request_id}\r\n"
            f"x-request-id: {request_id}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode("latin-1") + body)
        except OSError:
            self.log.debug("the client of a malformed request was gone")


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
        writer = AnswerWriter.adopt(start_response.__self__, self._worker)
        return self._application(environ, writer.start_response)


def _unread(body: Any) -> bool:
    """Whether some of a request's body may still be on its way."""
    reader = body.reader
    return bool(
        body.failed or getattr(reader, "length", 0) or getattr(reader, "parser", None) is not None
    )


def _linger(sock: socket.socket) -> None:
    """End the answer and take what the client still sends, for a while."""
    if isinstance(sock, ssl.SSLSocket):
        # Only half of a TLS connection cannot be ended.
        return
    with contextlib.suppress(OSError), gevent.Timeout(LINGER_SECONDS, TimeoutError()):
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
