"""Clients of these tests: the official SDK, and one on a plain socket.

Rule: the raw client does one request on one connection; its reads say how long they wait and fail
when that is not enough.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

import anthropic

from tests.live import LiveProxy

CLIENT_KEY = "ck-canary-client-key-0123456789"
UPSTREAM_KEY = "sk-canary-upstream-key-0123456789"
BODY_SECONDS = 1.5
"""The BODY_TIMEOUT of the proxy that most tests share."""
READ_SECONDS = 10.0


def sdk_client(proxy: LiveProxy, key: str = CLIENT_KEY) -> anthropic.Anthropic:
    """An official client that shows ``key`` and never repeats a request."""
    return anthropic.Anthropic(base_url=proxy.url, api_key=key, max_retries=0, timeout=30)


class RawClient:
    """One connection to the proxy."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.received = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read_until(self, marker: bytes, seconds: float = READ_SECONDS) -> bytes:
        """Everything received so far once ``marker`` is in it."""
        self._read(lambda: marker in self.received, seconds)
        assert marker in self.received, f"no {marker!r} within {seconds:g} s: {self.received!r}"
        return self.received

    def read_all(self, seconds: float = READ_SECONDS) -> bytes:
        """Everything until the proxy closes the connection."""
        assert self._read(lambda: False, seconds), f"still open: {self.received[-200:]!r}"
        return self.received

    def events(self) -> bytes:
        """The body received, without its transfer framing."""
        head, _, rest = self.received.partition(b"\r\n\r\n")
        return dechunked(rest) if b"transfer-encoding: chunked" in head.lower() else rest

    def close(self) -> None:
        self._socket.close()

    def _read(self, enough: Callable[[], bool], seconds: float) -> bool:
        """True when the proxy closed the connection; False when ``enough`` or out of time."""
        deadline = monotonic() + seconds
        while not enough():
            self._socket.settimeout(max(0.001, deadline - monotonic()))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                return False
            if not data:
                return True
            self.received += data
        return True


@contextmanager
def raw_client(proxy: LiveProxy) -> Iterator[RawClient]:
    """A fresh connection, closed at the end."""
    with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
        yield RawClient(sock)


def request_head(headers: Mapping[str, str], path: str = "/v1/messages") -> bytes:
    """The head of a POST that asks for the connection to be closed afterwards."""
    lines = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "x-api-key": CLIENT_KEY,
        "connection": "close",
        **headers,
    }
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
    return "\r\n".join([*head, "", ""]).encode()


def message_request(*, stream: bool = True, text: str = "hello", **fields: object) -> bytes:
    """A whole Messages request."""
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
        **({"stream": True} if stream else {}),
        **fields,
    }
    data = json.dumps(body).encode()
    return request_head({"content-length": str(len(data))}) + data


def dechunked(data: bytes) -> bytes:
    """The content of complete HTTP chunks."""
    content = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        content += rest[:length]
        data = rest[length + 2 :] if length else b""
    return content
