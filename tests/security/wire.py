"""Requests as bytes, and every byte of what comes back."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 20.0
_LAST = "Connection: close"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``headers`` have lower-case names, a list of the values of each."""

    status: int
    headers: dict[str, list[str]]
    body: bytes


def request(method: str, target: str, body: bytes = b"", /, **headers: str) -> bytes:
    """A request, the last one of its connection; underscores in names of ``headers`` are hyphens."""
    lines = [f"{method} {target} HTTP/1.1", "Host: proxy"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines.append(_LAST)
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def kept(raw: bytes) -> bytes:
    """``raw`` as a request that others follow on its connection."""
    return raw.replace(f"{_LAST}\r\n".encode(), b"", 1)


def exchange(port: int, raw: bytes, seconds: float = SECONDS) -> bytes:
    """Everything that comes back for ``raw`` until the other side closes the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(raw)
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(65536):
                received += data
    return received


def answers(data: bytes) -> list[Answer]:
    """The answers that ``data`` consists of. Raises ``ValueError`` where it is anything else."""
    found = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = start.split(" ")
        if not end or version != "HTTP/1.1":
            raise ValueError(f"not a head: {data[:80]!r}")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.lower(), []).append(value.strip())
        if status == "100":
            data = rest
            continue
        body, data = _body(headers, rest, int(status))
        found.append(Answer(int(status), headers, body))
    return found


def _body(headers: dict[str, list[str]], data: bytes, status: int) -> tuple[bytes, bytes]:
    if "transfer-encoding" in headers:
        body = b""
        while True:
            size, _, data = data.partition(b"\r\n")
            length = int(size, 16)
            body, data = body + data[:length], data[length + 2 :]
            if not length:
                return body, data
    if status in (204, 304):
        return b"", data
    (stated,) = headers["content-length"]
    length = int(stated)
    if length > len(data):
        raise ValueError("the body is cut")
    return data[:length], data[length:]


def until(done: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Whether ``done`` comes to hold within ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return False
