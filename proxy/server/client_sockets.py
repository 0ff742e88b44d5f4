"""Client sockets: reads that yield, writes that are watched, and the closing of a connection with an
unread request body.

Rule: after 5 ms of uninterrupted reading, a reader yields to the event loop. gevent's own sockets yield
only if there is nothing to read, so a client that sends faster than its bytes are parsed would block
all other greenlets and all timeouts of the worker. A write is watched only while it waits for the
client: gevent calls ``_wait`` then, for every kind of write.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

import gevent
import gevent.socket
import gevent.ssl

from proxy.concurrency import yield_if_slice_used
from proxy.relay.blocked_writes import WRITES

LINGER_SECONDS = 2.0
"""Longest time for which an unread request body is received and discarded. A connection that is closed
with unread bytes is reset, and the client may lose the response."""


class _Fair:
    """Reads that yield to other greenlets, and waiting writes that are watched, for gevent's sockets."""

    __slots__ = ()

    _write_event: Any

    def recv(self, *arguments: Any) -> bytes:
        """``recv`` that yields first when the reader's time slice is used up."""
        yield_if_slice_used()
        data: bytes = super().recv(*arguments)  # type: ignore[misc]
        return data

    def _wait(self, watcher: Any, timeout_exc: Any = None) -> None:
        wait = super()._wait  # type: ignore[misc]
        if watcher is self._write_event:
            with WRITES.waiting(self):
                wait(watcher, timeout_exc)
        else:
            wait(watcher, timeout_exc)


class FairSocket(_Fair, gevent.socket.socket):
    """A plain connection."""

    __slots__ = ()


class FairTLSSocket(_Fair, gevent.ssl.SSLSocket):
    """A TLS connection."""

    __slots__ = ()


_FAIR_FOR_CLASS: dict[type, type] = {
    gevent.socket.socket: FairSocket,
    gevent.ssl.SSLSocket: FairTLSSocket,
}


def make_fair(client: Any) -> None:
    """Give the accepted socket ``client`` a class whose reads yield and whose waiting writes are watched.

    gevent's server has no option for the class of the sockets that it accepts.
    """
    client.__class__ = _FAIR_FOR_CLASS.get(type(client), type(client))


def is_unread(body: Any) -> bool:
    """Whether a part of ``body``, gunicorn's request body, may still arrive."""
    reader = body.reader
    return bool(
        body.failed or getattr(reader, "length", 0) or getattr(reader, "parser", None) is not None
    )


def linger(sock: socket.socket) -> None:
    """Close the sending side, then discard received bytes until the client closes the connection.

    Ends after ``LINGER_SECONDS`` at the latest.
    """
    if isinstance(sock, ssl.SSLSocket):
        # TLS has no way to close only one direction.
        return
    with contextlib.suppress(OSError), gevent.Timeout(LINGER_SECONDS, TimeoutError()):
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
