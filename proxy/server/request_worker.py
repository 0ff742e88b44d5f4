"""The part of the worker that answers requests: gunicorn's gevent worker, with JSON protocol errors.

Rule: only what a WSGI application cannot do is here. A request that was read gets a response even if
the application was not called or was aborted.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import gevent
from gunicorn.workers.ggevent import GeventWorker

from proxy.concurrency import yield_if_slice_used
from proxy.server.client_sockets import is_unread, linger, make_fair
from proxy.server.connection_pool import ConnectionPool
from proxy.server.protocol_errors import is_malformed, write_error
from proxy.server.response_writer import KeepAlivePolicy, ResponseWriter
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
            # ``GeventWorker``'s own method would keep the connection if no response was sent.
            keep_alive = super(GeventWorker, self).handle_request(listener_name, req, sock, addr)
        except StopIteration:
            self._before_close(greenlet, req, sock)
            raise
        except SystemExit as aborted:
            # Raised by ``handle_abort``. If a response had begun, gunicorn has closed the socket.
            write_error(sock, aborted)
            self._before_close(greenlet, req, sock)
            raise StopIteration from aborted
        except gevent.GreenletExit:
            pass
        self._mark_idle(greenlet)
        if req.body.failed:
            # After a failed body gunicorn closes the connection and reads no other request.
            linger(sock)
        if PROCESS.ended:
            # Also after a response with keep-alive, because the next request would be refused.
            raise StopIteration
        # Pipelined requests are read without waiting, so other greenlets would not run.
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
            # An idle connection was closed: there is no request to answer.
            return
        if is_malformed(exc):
            self.log.warning("malformed HTTP request refused: %s", type(exc).__name__)
        else:
            self.log.error("error outside the application", exc_info=exc)
        if not write_error(client, exc):
            self.log.debug("the client disconnected before the error response was sent")


class Application:
    """The WSGI application, whose responses a ``ResponseWriter`` writes."""

    def __init__(self, policy: KeepAlivePolicy, application: Any) -> None:
        self._policy = policy
        self._application = application

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        writer = ResponseWriter.adopt(start_response.__self__, self._policy)
        return self._application(environ, writer.start_response)
