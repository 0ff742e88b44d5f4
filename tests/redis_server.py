"""A real Redis or Valkey on a free port, with nothing on disk.

Rule: each test has its own server; ``stop`` and ``start`` keep the port, as a restart does.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from redis import Redis

from tests.live import free_port

PROGRAMS = ("redis-server", "valkey-server")
START_SECONDS = 60.0


@dataclass(slots=True)
class RedisServer:
    """The server; it runs between ``start`` and ``stop``."""

    program: str
    port: int = field(default_factory=free_port)
    password: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Redis:
        """A client of the test's own."""
        return Redis.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"]
        if self.password:
            options += ["--requirepass", self.password]
        self._process = subprocess.Popen(
            [self.program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"{self.program} did not answer within {START_SECONDS:g} s")

    def stop(self) -> None:
        """End it; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def redis_server(password: str = "") -> Iterator[RedisServer]:
    """A running server; the test is skipped where neither Redis nor Valkey is installed."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"{' or '.join(PROGRAMS)} is not installed: make programs")
    server = RedisServer(program, password=password)
    server.start()
    try:
        yield server
    finally:
        server.stop()
