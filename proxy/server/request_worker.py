"""The part of the worker that answers requests: gunicorn's gevent worker, with JSON protocol errors.

Rule: only what must happen below WSGI is here. A request that was read is answered, also where the
application was not reached or was aborted.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Protocol

import gevent
from gunicorn.workers.ggevent import GeventWorker

from proxy.concurrency import yield_if_slice_used
from proxy.server.client_sockets import is_unread, linger, make_fair
from proxy.server.connection_pool import ConnectionPool
from proxy.server.protocol_errors import is_malformed, write_error
from proxy.server.shutdown import PROCESS


class RequestWorker(GeventWorker):
    """Answers the requests of the connections in ``_pools``, one pool for each listener."""

    _pools: Sequence[ConnectionPool] = ()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Answer all requests of one connection."""
        make_fair(client)
        super().handle(listener, client, addr)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        """Answer one request; false or ``StopIteration`` closes the connection."""
        greenlet = gevent.getcurrent()
        for pool in self._pools:
            pool.mark_busy(greenlet)
        keep_alive = True
        try:
            # gevent's own method would keep a connection after a request without a response.
            keep_alive = super(GeventWorker, self).handle_request(listener_name, req, sock, addr)
        except StopIteration:
            self._before_close(greenlet, req, sock)
            raise
        except SystemExit as aborted:
            # From ``handle_abort``. gunicorn closed the socket where a response had begun.
            write_error(sock, aborted)
            self._before_close(greenlet, req, sock)
            raise StopIteration from aborted
        except gevent.GreenletExit:
            pass
        self._mark_idle(greenlet)
        if req.body.failed:
            # gunicorn closes the connection before the next request.
            linger(sock)
        if PROCESS.ended:
            # Even where the head said keep-alive: the next request could only be refused.
            raise StopIteration
        # A client that pipelines its requests never makes this worker wait for a read.
        yield_if_slice_used()
        return keep_alive

    def _before_close(self, greenlet: Any, req: Any, sock: Any) -> None:
        if is_unread(req.body):
            self._mark_idle(greenlet)
            linger(sock)

    def _mark_idle(self, greenlet: Any) -> None:
        for pool in self._pools:
            pool.mark_idle(greenlet)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that could not be parsed, or that failed outside the application."""
        if isinstance(exc, gevent.GreenletExit):
            # An idle connection at the end of the process: there is no request to answer.
            return
        if is_malformed(exc):
            self.log.warning("malformed HTTP request refused: %s", type(exc).__name__)
        else:
            self.log.error("error outside the application", exc_info=exc)
        if not write_error(client, exc):
            self.log.debug("the client disconnected before the error response was sent")


class Keeper(Protocol):
    """Knows whether a connection may be kept for another request."""

    @property
    def keeps_connections(self) -> bool: ...


class Application:
    """The WSGI application, with ``keeper`` asked at each response head.

    gunicorn decides whether to keep the connection when a request begins, which may be minutes
    earlier.
    """

    def __init__(self, keeper: Keeper, application: Any) -> None:
        self._keeper = keeper
        self._application = application

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        response = start_response.__self__

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            if not self._keeper.keeps_connections:
                response.force_close()
            return start_response(status, headers, exc_info)

        return self._application(environ, start)
