"""The connections of clients: how they are read, and how one ends whose request was not.

Rule: whoever reads from a client may have the loop for 5 ms, then all others are served. gevent's own
sockets wait only where there is nothing to read: a client that sends faster than its bytes are parsed
would have the worker alone, and no time limit would ever be looked at.
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

LINGER_SECONDS = 2.0
"""How long the rest of a body is read that nobody wants: closed before it has come, the connection
would be reset, and the client lose its answer."""


class FairSocket(gevent.socket.socket):
    """A plain connection."""

    __slots__ = ()

    def recv(self, *arguments: Any) -> bytes:
        """As the socket's own, after the others where this reader's time is over."""
        yield_if_slice_used()
        data: bytes = super().recv(*arguments)
        return data


class FairTLSSocket(gevent.ssl.SSLSocket):
    """A connection over TLS."""

    __slots__ = ()

    def recv(self, *arguments: Any) -> bytes:
        """As the socket's own, after the others where this reader's time is over."""
        yield_if_slice_used()
        data: bytes = super().recv(*arguments)
        return data


_FAIR: dict[type, type] = {
    gevent.socket.socket: FairSocket,
    gevent.ssl.SSLSocket: FairTLSSocket,
}


def make_fair(client: Any) -> None:
    """Let ``client``, which gevent's server has accepted, be read in turns from now on.

    The server lets nobody choose the class of its sockets.
    """
    client.__class__ = _FAIR.get(type(client), type(client))


def unread(body: Any) -> bool:
    """Whether some of a request's ``body``, gunicorn's, may still be on its way."""
    reader = body.reader
    return bool(
        body.failed or getattr(reader, "length", 0) or getattr(reader, "parser", None) is not None
    )


def linger(sock: socket.socket) -> None:
    """End the answer and take what the client still sends, for a while."""
    if isinstance(sock, ssl.SSLSocket):
        # Only half of a TLS connection cannot be ended.
        return
    with contextlib.suppress(OSError), gevent.Timeout(LINGER_SECONDS, TimeoutError()):
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
