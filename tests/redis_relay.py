"""Stands between a client and Redis: switches servers, as a name service does, and plays errors."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from tests.redis_server import RedisServer, redis_server
from tests.waiting import until


class RedisRelay:
    """A port that leads to ``target``; connections keep the server to which they were made."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.error = b""
        """A line that answers each script instead of the server; empty: the server answers."""
        self.loses_answers = False
        """True: instead of passing on an answer, both sides are closed."""
        self.connections = self.ended = 0
        """Connections that were made, and those of them that the server ended."""
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> RedisRelay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()
        self._listener.close()

    def reset(self) -> None:
        """End all connections."""
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._sockets.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                self.connections += 1
                self._sockets += (near, far)
                threading.Thread(target=self._ask, args=(near, far), daemon=True).start()
                threading.Thread(target=self._answer, args=(far, near), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if self.error and b"EVAL" in data.upper():
                    near.sendall(b"-" + self.error + b"\r\n")
                else:
                    far.sendall(data)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (data := far.recv(65536)) and not self.loses_answers:
                near.sendall(data)
            far.shutdown(socket.SHUT_RDWR)
            near.shutdown(socket.SHUT_RDWR)
        self.ended += 1


class RedisPair:
    """A primary and its replica behind one name."""

    def __init__(self, first: RedisServer, second: RedisServer, relay: RedisRelay) -> None:
        self.first, self.second, self.relay = first, second, relay
        first.client.config_set("repl-diskless-sync-delay", "0")
        second.client.replicaof("127.0.0.1", first.port)
        until(lambda: second.client.info()["master_link_status"] == "up", "no replication")

    def fail_over(self) -> None:
        """Promote the replica; the primary becomes its replica and keeps its connections."""
        self.first.client.wait(1, 30_000)
        self.second.client.replicaof("NO", "ONE")
        self.first.client.replicaof("127.0.0.1", self.second.port)
        self.relay.target = self.second.port


@contextlib.contextmanager
def redis_pair() -> Iterator[RedisPair]:
    """Two running servers; the test is skipped where neither Redis nor Valkey is installed."""
    with redis_server() as first, redis_server() as second, RedisRelay(first.port) as relay:
        yield RedisPair(first, second, relay)
