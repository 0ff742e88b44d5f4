"""A fake name service for dynamic routes, and a server that must never be contacted."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class Names:
    """Stands in for ``name_lookup.getaddrinfo``: addresses by name, a new list for each question.

    The last list stays. Any other name has the addresses ``otherwise``, or is unknown. ``asked`` are
    the names that were looked up.
    """

    def __init__(
        self, answers: Mapping[str, Iterable[list[str]]], *, otherwise: list[str] | None = None
    ) -> None:
        self._otherwise = [] if otherwise is None else [otherwise]
        self._answers = {name: list(lists) for name, lists in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *_: object) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        lists = self._answers.get(host, self._otherwise)
        if not lists:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = lists.pop(0) if len(lists) > 1 else lists[0]
        return [_answer(address, port) for address in addresses]


def _answer(address: str, port: int) -> tuple[Any, ...]:
    if ":" in address:
        rest: tuple[Any, ...] = (address, port, 0, 0)
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", rest
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


class Trap:
    """Listens where nobody may connect; ``touched`` counts those that did."""

    def __init__(self, address: str, port: int = 0) -> None:
        self._listener = socket.create_server((address, port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._touched = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._touched += 1
            sock.close()

    @property
    def touched(self) -> int:
        # A connection is counted by a thread, which has to have its turn.
        time.sleep(0.02)
        return self._touched

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def trap(address: str = "127.0.0.1", port: int = 0) -> Iterator[Trap]:
    """A trap that is there for the length of the block."""
    set_up = Trap(address, port)
    try:
        yield set_up
    finally:
        set_up.close()


def send(client: FlaskClient, raw: str, method: str = "POST", **options: Any) -> TestResponse:
    """A request whose raw target is ``raw``, in the environment that gunicorn would make of it."""
    raw = raw.encode().decode("latin-1")
    path, _, query = raw.partition("?")
    environ = {
        "RAW_URI": raw,
        "REQUEST_URI": raw,
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
    }
    return client.open("/", method=method, environ_overrides=environ, **options)
