"""A relay of TCP connections that records what the server sent.

Rule: bytes pass both ways unchanged; what came back is kept for each connection, in order.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Wiretap:
    """A listener on loopback in front of ``port``."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.answers: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        heard = bytearray()
        self.answers.append(heard)
        with client, socket.create_connection(("127.0.0.1", self._upstream)) as server:
            there = threading.Thread(target=_pass, args=(client, server, None), daemon=True)
            there.start()
            _pass(server, client, heard)
            there.join()


def _pass(source: socket.socket, target: socket.socket, heard: bytearray | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if heard is not None:
                heard += data
            target.sendall(data)
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def tapped(port: int) -> Iterator[Wiretap]:
    """A wire in front of ``port``, closed at the end."""
    tap = Wiretap(port)
    try:
        yield tap
    finally:
        tap.close()
