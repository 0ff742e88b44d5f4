"""An upstream that fails at a chosen byte.

Rule: what it sends is fixed beforehand, to the byte; a fault is a step of a script. It is the stub of
the other tests, with steps of its own: to hang until the proxy gives up, to answer in any framing cut
at any place, not to accept, to break a connection before a request was read.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.upstream_stub import (
    Close,
    Connection,
    Recorded,
    Script,
    Step,
    UpstreamStub,
    Wait,
    http_chunk,
)


class Hang:
    """Send nothing more, until the other side closes the connection."""


Play = tuple[Step | Hang, ...]
"""A script with hangs."""


@dataclass(frozen=True)
class Framing:
    """How the end of a body is told, and whether it is compressed."""

    name: str
    gzip: bool = False

    @property
    def id(self) -> str:
        return f"{self.name}+gzip" if self.gzip else self.name


CHUNKED, LENGTH, CLOSE = Framing("chunked"), Framing("length"), Framing("close")
CHUNKED_GZIP, LENGTH_GZIP, CLOSE_GZIP = (
    Framing(plain.name, gzip=True) for plain in (CHUNKED, LENGTH, CLOSE)
)
IDENTITY = (CHUNKED, LENGTH, CLOSE)
FRAMINGS = (*IDENTITY, CHUNKED_GZIP, LENGTH_GZIP, CLOSE_GZIP)


def head_of(*lines: str, status: str = "200 OK") -> bytes:
    """A response head of these header lines."""
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


@dataclass(frozen=True)
class Sent:
    """A body in its framing: the head, its pieces as they go over the wire, and its end."""

    head: bytes
    pieces: tuple[bytes, ...]
    end: bytes
    """What is left to send behind the last piece; nothing where the connection's end ends it."""
    closes: bool

    def whole(self) -> Play:
        """All of it, in order."""
        rest = (self.end,) if self.end else ()
        return (self.head, *self.pieces, *rest, *((Close(),) if self.closes else ()))

    def until(self, count: int, *fault: Step | Hang) -> Play:
        """The head, ``count`` pieces, then the fault."""
        return (self.head, *self.pieces[:count], *fault)


def sent(
    pieces: Sequence[bytes],
    framing: Framing,
    *,
    content_type: str = "text/event-stream",
    status: str = "200 OK",
    headers: Iterable[str] = (),
) -> Sent:
    """``pieces`` in ``framing``; each is one HTTP chunk, each is flushed where it is compressed."""
    lines = [f"Content-Type: {content_type}", *headers]
    wired, end = list(pieces), b""
    if framing.gzip:
        lines.append("Content-Encoding: gzip")
        packer = zlib.compressobj(wbits=31)
        wired = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
        end = packer.flush()
    if framing.name == "length":
        lines.append(f"Content-Length: {sum(map(len, wired)) + len(end)}")
    elif framing.name == "chunked":
        lines.append("Transfer-Encoding: chunked")
        wired = [http_chunk(piece) for piece in wired if piece]
        end = (http_chunk(end) if end else b"") + b"0\r\n\r\n"
    else:
        lines.append("Connection: close")
    return Sent(head_of(*lines, status=status), tuple(wired), end, framing.name == "close")


@dataclass
class FaultUpstream(UpstreamStub):
    """The server. ``breaks``: connections that are reset as soon as they were accepted."""

    breaks: int = 0
    idle: threading.Event = field(default_factory=threading.Event)
    """Set while no script is being played."""

    def __post_init__(self) -> None:
        self._playing = 0
        self.idle.set()
        super().__post_init__()

    def plays(self, *scripts: Play) -> None:
        """Queue one script for each request to come."""
        self._scripts.extend(scripts)  # type: ignore[arg-type]

    def _serve(self, sock: socket.socket) -> None:
        if self.breaks:
            self.breaks -= 1
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            return
        super()._serve(sock)

    def _play(self, connection: Connection, recorded: Recorded, turn: threading.Lock) -> None:
        self._playing += 1
        self.idle.clear()
        super()._play(connection, recorded, turn)
        self._playing -= 1
        if not self._playing:
            self.idle.set()

    def _next(self, recorded: Recorded) -> Script:
        closed = self.connections[recorded.connection].closed
        script: Play = super()._next(recorded)
        return tuple(Wait(closed) if isinstance(step, Hang) else step for step in script)


class Unaccepting:
    """A port whose queue of connections is full: the handshake is never answered."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.connect(("127.0.0.1", self.port))
            self._waiting.append(sock)

    def close(self) -> None:
        for sock in (*self._waiting, self._listener):
            sock.close()
