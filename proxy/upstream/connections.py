"""urllib3's HTTP/1.1 connections, changed for this proxy.

They read answers as they arrive (``EagerResponse``), share one time limit between name lookup and
connecting, limit a TLS handshake as a whole, send a request in one write, and detect stale connections.

Rule: they are installed only by urllib3's public hooks (``response_class``, ``ConnectionCls``,
``pool_classes_by_scheme``).
"""

from __future__ import annotations

import select
import socket
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from http.client import RemoteDisconnected
from time import monotonic
from typing import Any

import gevent
from gevent.monkey import get_original
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import BaseHTTPResponse

from proxy.upstream.chunked_response import EagerResponse
from proxy.upstream.name_lookup import NameLookup
from proxy.upstream.sent_state import mark_sent, mark_unsent

JOINED_BYTES = 65536
"""Requests up to this length are sent in one write. With separate writes for head and body, the second
could fail on a stale connection with a reset, which is not retried."""

ATTEMPT_SECONDS = 1.0
"""What each address gets at least, where that is left: over a satellite an answer takes 0.7 s."""

AddressesOf = Callable[[str, int, float], Sequence[str]]
"""The addresses for a name and a port, in the order in which they are tried; the float: most seconds."""

# gevent's replacement creates watchers and switches greenlets even for a timeout of 0.
_poll = get_original("select", "poll")


class StaleConnection(RemoteDisconnected):
    """A pooled connection had been closed before the first byte of the response."""


class EagerTlsSocket(ssl.SSLSocket):
    """For ``SSLContext.sslsocket_class``: the connect timeout limits a handshake as a whole, not each of
    its reads, and an aborted handshake closes its socket."""

    def do_handshake(self, *args: Any) -> None:
        try:
            with gevent.Timeout(self.gettimeout(), TimeoutError("the handshake took too long")):
                super().do_handshake(*args)
        except BaseException:
            self.close()
            raise


class _EagerConnection:
    """Shared by both connection classes: ``EagerResponse``, no read timeout, stale detection."""

    addresses_of: AddressesOf
    body: EagerResponse | None = None
    _answered_before = False
    """Whether this connection has delivered a response before."""
    _parts: list[bytes] | None = None
    """The parts of the request that is being built; None if there is none."""

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._answered_before = False
        # The connect timeout must not limit the sending of a large body; the caller has a deadline.
        self.timeout = None
        sock = self.sock  # type: ignore[attr-defined]
        sock.settimeout(None)
        if isinstance(sock, ssl.SSLSocket):
            # So that the reader learns whether TLS was ended in order.
            sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]

    # urllib3 resolves names only in calls from this method, which its SOCKS support overrides too.
    def _new_conn(self) -> socket.socket:
        """A connected socket; looking the name up and connecting share the connect timeout."""
        name, port = self._dns_host, self.port  # type: ignore[attr-defined]
        seconds: float = self.timeout  # type: ignore[assignment]
        deadline = monotonic() + seconds
        try:
            addresses = self.addresses_of(name, port, seconds)
            sock = _connected(addresses, port, deadline, self.socket_options)  # type: ignore[attr-defined]
        except socket.gaierror as error:
            raise NameResolutionError(name, self, error) from error  # type: ignore[arg-type]
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {name} timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"Connection to {name} failed") from error  # type: ignore[arg-type]
        sock.settimeout(seconds)
        sys.audit("http.client.connect", self, name, port)
        return sock

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> EagerResponse:
        self.body = EagerResponse(sock, *args, **kwargs)
        return self.body

    @property
    def is_connected(self) -> bool:
        """Whether an idle connection is open: neither data nor the end of the stream can be read."""
        sock = self.sock  # type: ignore[attr-defined]
        if sock is None:
            return False
        watch = _poll()
        watch.register(sock.fileno(), select.POLLIN)
        return not watch.poll(0)

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # type: ignore[attr-defined]
            self.timeout = None
        parts: list[bytes] = []
        self._parts = parts
        # After a stale connection the same request is sent a second time.
        mark_unsent()
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
            self._parts = None
            whole = sum(map(len, parts)) <= JOINED_BYTES
            for data in (b"".join(parts),) if whole else parts:
                self.send(data)
            mark_sent()
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            if self._answered_before:
                raise StaleConnection("connection closed while idle") from error
            raise
        finally:
            self._parts = None

    def putheader(self, header: str, *values: Any) -> None:
        """Add a header that ``UpstreamClient`` has checked; two libraries would check it again."""
        if len(values) == 1 and type(values[0]) is str:
            self._output(f"{header}: {values[0]}".encode("latin-1"))  # type: ignore[attr-defined]
        else:
            super().putheader(header, *values)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        """Send ``data``; the parts of a request are collected first and sent together."""
        if self._parts is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._parts.append(data)

    def getresponse(self) -> BaseHTTPResponse:
        try:
            response: BaseHTTPResponse = super().getresponse()  # type: ignore[misc]
        except RemoteDisconnected as error:
            if self._answered_before:
                raise StaleConnection("connection closed while idle") from error
            raise
        except BaseException:
            # If urllib3 refuses the head, it does not close the response, which holds the socket.
            if self.body is not None:
                self.body.close()
            raise
        self._answered_before = True
        return response


class EagerHTTPConnection(_EagerConnection, HTTPConnection):  # type: ignore[misc]
    """An ``http://`` connection with ``EagerResponse``."""


class EagerHTTPSConnection(_EagerConnection, HTTPSConnection):  # type: ignore[misc]
    """An ``https://`` connection with ``EagerResponse``."""


def eager_pools(names: NameLookup) -> Mapping[str, type[HTTPConnectionPool]]:
    """Pool classes by scheme whose connections look names up in ``names``."""
    return pools_of(lambda name, _port, seconds: names.addresses(name, seconds))


def pools_of(addresses: AddressesOf) -> Mapping[str, type[HTTPConnectionPool]]:
    """Pool classes by scheme whose connections are opened to what ``addresses`` returns."""

    class Connection(EagerHTTPConnection):
        addresses_of = staticmethod(addresses)

    class TlsConnection(EagerHTTPSConnection):
        addresses_of = staticmethod(addresses)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection  # type: ignore[assignment]

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = TlsConnection  # type: ignore[assignment]

    return {"http": Pool, "https": TlsPool}


def _connected(addresses: Sequence[str], port: int, deadline: float, options: Any) -> socket.socket:
    """A socket connected to the first of ``addresses`` that accepts.

    The time until ``deadline`` (monotonic seconds) is divided among them, so that one that does not
    answer leaves some for the next. Raises the ``OSError`` of the last address, but ``TimeoutError`` if
    any of them did not answer: trying them all again would take as long again.
    """
    silent = False
    for number, address in enumerate(addresses, 1):
        left = deadline - monotonic()
        if left <= 0:
            break
        try:
            part = max(ATTEMPT_SECONDS, left / (len(addresses) - number + 1))
            return _connected_to(address, port, min(part, left), options)
        except OSError as error:
            # Not kept for later: an exception in a variable of its own frame is a reference cycle.
            silent = silent or isinstance(error, TimeoutError)
            if number == len(addresses) and not silent:
                raise
    raise TimeoutError("no address answered in time")


def _connected_to(address: str, port: int, seconds: float, options: Any) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        for option in options or ():
            sock.setsockopt(*option)
        sock.settimeout(seconds)
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock
