"""Clients that record exactly how their response ended.

Rule: nothing is forgiven: an answer counts as whole only when its HTTP framing came to its end and, if
it is a stream, when its last event is one that ends a stream.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SECONDS = 90.0


@dataclass(slots=True)
class Seen:
    """What one client got."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    """Whether the framing of the answer came to its end."""

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.body.decode().split("\n")
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    @property
    def ending(self) -> str:
        """``whole``, ``overloaded`` (event), ``cut``, ``refused``, or status and error type."""
        if not self.complete:
            return "cut" if self.status else "no answer"
        if "event-stream" in self.headers.get("content-type", ""):
            last = self.events[-1]
            if last["type"] != "error":
                return "whole" if last["type"] == "message_stop" else "cut"
            return str(last["error"]["type"]).removesuffix("_error")
        answer = json.loads(self.body)
        return f"{self.status} {answer['error']['type']}" if "error" in answer else "whole"


def narrow_connection(port: int) -> socket.socket:
    """A connection with a small window, and with the segments of a network rather than of loopback.

    The server's kernel keeps 87 kB for such a connection instead of 2.8 MB.
    """
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(SECONDS)
    sock.connect(("127.0.0.1", port))
    return sock


class WatchedClient:
    """One connection, one request at a time; ``narrow``: by ``narrow_connection``."""

    def __init__(self, port: int, *, narrow: bool = False) -> None:
        if narrow:
            self.sock = narrow_connection(port)
        else:
            self.sock = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.seen = Seen()

    def send(self, raw: bytes) -> None:
        with contextlib.suppress(OSError):
            self.sock.sendall(raw)

    def read(self) -> Seen:
        """Read one answer to its end, however it comes."""
        self.seen = Seen()
        with contextlib.suppress(OSError), self.sock.makefile("rb") as stream:
            self._read_answer(stream)
        return self.seen

    def _read_answer(self, stream: Any) -> None:
        seen, start = self.seen, stream.readline()
        if not start:
            return
        seen.status = int(start.split()[1])
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            seen.headers[name.lower()] = value.strip()
        if "content-length" in seen.headers:
            length = int(seen.headers["content-length"])
            seen.body = stream.read(length)
            seen.complete = len(seen.body) == length
            return
        while size := int(stream.readline() or b"-1", 16):
            if size < 0:
                return
            piece = stream.read(size)
            if len(piece) < size or stream.read(2) != b"\r\n":
                return
            seen.body += piece
        seen.complete = stream.readline() == b"\r\n"

    def close(self) -> None:
        self.sock.close()


def raw_request(body: object = None, path: str = "/v1/messages", method: str = "POST") -> bytes:
    """A request as bytes; ``body`` as JSON."""
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: proxy\r\nx-api-key: k\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def message(text: str = "endless", **fields: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
        "stream": True,
    } | fields


class Crowd:
    """Clients that each ask once, all at the same time."""

    def __init__(self, port: int, bodies: Sequence[object]) -> None:
        self._lock = threading.Lock()
        self.refused = 0
        self.all: list[Seen] = []
        self._threads = [
            threading.Thread(target=self._ask, args=(port, body), daemon=True) for body in bodies
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, body: object) -> None:
        try:
            client = WatchedClient(port)
        except ConnectionRefusedError:
            with self._lock:
                self.refused += 1
            return
        client.send(raw_request(body))
        seen = client.read()
        client.close()
        with self._lock:
            self.all.append(seen)

    def wait(self) -> Counter[str]:
        """How their answers ended, once all have."""
        for thread in self._threads:
            thread.join(SECONDS)
        assert len(self.all) + self.refused == len(self._threads)
        return Counter(seen.ending for seen in self.all)
