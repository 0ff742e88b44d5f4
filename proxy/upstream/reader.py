"""A read buffer over one socket whose contents can be inspected without blocking.

Rule: every byte of an upstream's response passes through a ``SocketReader``, so the number of buffered
bytes is always exact; ``io.BufferedReader`` cannot report it.
"""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
from collections.abc import Callable
from http.client import HTTPException, RemoteDisconnected
from typing import Any

from urllib3.util.ssltransport import SSLTransport

from proxy.concurrency import yield_if_slice_used

READ_BYTES = 65536
"""The most bytes read from the socket at once."""
HEAD_BYTES = 262144
"""The most bytes of a response head, interim (1xx) responses included."""


class SocketReader(io.BufferedIOBase):
    """The file object from which ``http.client`` reads a response.

    Until ``end_head`` is called, a line truncated by the end of the stream is an error
    (``http.client`` would treat the head as complete), and all lines together are limited to
    ``HEAD_BYTES``. ``held[at:]`` are the bytes read from the socket and not yet consumed.
    """

    def __init__(self, sock: socket.socket) -> None:
        # Keeps the socket open: http.client closes its own handle before the body is read.
        self._file = sock.makefile("rb", buffering=0)
        self.sock: Any = sock
        self._recv: Callable[[int], bytes] = sock.recv
        self.held = b""
        self.at = 0
        self.answered = False
        self.is_cut = False
        """True if TLS ended without ``close_notify``: what ends with the connection may be truncated."""
        self._head_left: int | None = HEAD_BYTES

    def makefile(self, *_: Any) -> SocketReader:
        """Itself, so that ``http.client.HTTPResponse`` accepts the reader in place of a socket."""
        return self

    def end_head(self) -> None:
        """Called after the head: the following bytes are the body."""
        self._head_left = None

    @property
    def buffered(self) -> int:
        """The number of bytes that can be read without the socket.

        An ``SSLSocket`` keeps none after a read, since ``READ_BYTES`` is more than a TLS record. TLS
        inside TLS, through an https proxy, has its own buffer, which is counted.
        """
        waiting = len(self.held) - self.at
        if not waiting and isinstance(self.sock, SSLTransport):
            waiting = self.sock.incoming.pending
        return waiting

    def fill(self) -> bool:
        """Wait for more bytes; false at the end of the stream.

        Raises ``RemoteDisconnected`` if the connection failed before the first byte of the response.
        """
        yield_if_slice_used()
        try:
            data = self._recv(READ_BYTES)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            if self.answered:
                if not isinstance(error, ssl.SSLEOFError):
                    raise
                self.is_cut = True
                return False
            raise RemoteDisconnected("connection ended without a response") from error
        if not data:
            return False
        self.answered = True
        self.held = self.held[self.at :] + data if self.at < len(self.held) else data
        self.at = 0
        return True

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes of the buffer, or all if it holds fewer."""
        start, self.at = self.at, min(self.at + size, len(self.held))
        return self.held[start : self.at]

    def readline(self, size: int | None = -1, /) -> bytes:
        limit = -1 if size is None else size
        while (end := self.held.find(b"\n", self.at)) < 0:
            if 0 <= limit <= len(self.held) - self.at:
                break
            if not self.fill():
                if self._head_left is not None and self.answered:
                    raise HTTPException("the connection closed inside the response head")
                break
        length = (end if end >= 0 else len(self.held)) + 1 - self.at
        line = self.take(length if limit < 0 else min(length, limit))
        if self._head_left is not None:
            self._head_left -= len(line)
            if self._head_left < 0:
                raise HTTPException(f"the response head is larger than {HEAD_BYTES} bytes")
        return line

    def read1(self, size: int = -1, /) -> bytes:
        if size == 0 or (self.at == len(self.held) and not self.fill()):
            return b""
        return self.take(size if size > 0 else len(self.held))

    def read(self, size: int | None = -1, /) -> bytes:
        pieces = []
        missing = -1 if size is None else size
        while missing and (piece := self.read1(missing)):
            pieces.append(piece)
            if missing > 0:
                missing -= len(piece)
        return b"".join(pieces)

    def peek(self, _size: int = 0, /) -> bytes:
        if self.at == len(self.held):
            self.fill()
        return self.held[self.at :]

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        """Release the socket; one with unread bytes is shut down and never used again."""
        if self.closed:
            return
        if self.at < len(self.held):
            with contextlib.suppress(OSError, ValueError):
                self.sock.shutdown(socket.SHUT_RDWR)
        self.held, self.at = b"", 0
        super().close()
        self._file.close()
