"""The connection to Redis or Valkey, which rate limits and usage counts share.

Rule: it is never waited for: nobody waits longer than a second for a connection or half of one for
an answer, and nothing is repeated here. A connection goes on being made when whoever asked for it
has left, so that a slow network only delays the beginning. What goes wrong is a
``redis.RedisError``; whoever asked goes on without (docs/features.md).
"""

from __future__ import annotations

from typing import Any

import gevent
from gevent import Greenlet
from redis import (
    BlockingConnectionPool,
    Connection,
    ConnectionError,
    Redis,
    RedisError,
    SSLConnection,
    TimeoutError,
)
from redis.backoff import NoBackoff
from redis.retry import Retry

SECONDS = 0.5
"""Longest wait for an answer, and for one of the connections."""
CONNECT_SECONDS = 0.8
"""Longest wait for a connection that is being made."""
PATIENCE_SECONDS = 10.0
"""How long each step of making one may take."""
MOST_CONNECTIONS = 16
"""Of one client; an answer takes a tenth of a millisecond, so these serve a thousand requests."""


class _Patient(Connection):
    """A connection that is made in a greenlet of its own."""

    _sock: Any
    _making: Greenlet[[], RedisError | OSError | None] | None = None

    def connect(self) -> None:
        """Be connected, or raise ``RedisError``; a later call may find that it has worked out."""
        if self._making is None:
            if self._sock is not None:
                return
            self._making = gevent.spawn(self._make)
        making = self._making
        making.join(CONNECT_SECONDS)
        if not making.dead:
            raise TimeoutError("the connection is still being made")
        error = making.get()
        if error is not None:
            raise error if isinstance(error, Exception) else ConnectionError("it was closed")

    def disconnect(self, *args: Any, **kwargs: Any) -> None:
        """Close it, also where it is still being made."""
        making = self._making
        if making is not None and making is not gevent.getcurrent():
            making.kill()
        super().disconnect(*args, **kwargs)  # type: ignore[no-untyped-call]

    def _make(self) -> RedisError | OSError | None:
        try:
            super().connect()  # type: ignore[no-untyped-call]
            if self._sock is not None:
                self._sock.settimeout(SECONDS)
        except (RedisError, OSError) as error:
            return error
        finally:
            self._making = None
        return None

    def _connect(self) -> Any:
        # For the steps that follow, a TLS handshake among them; what is set behind it is what the
        # answers' reader goes back to.
        self.socket_timeout = PATIENCE_SECONDS
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        finally:
            self.socket_timeout = SECONDS


class _PatientTls(_Patient, SSLConnection):
    """The same over TLS."""


def redis_client(url: str) -> Redis:
    """A client of the server that ``url`` names (``Settings.redis_url``); opens no connection."""
    # Valkey speaks the same protocol; redis-py knows the scheme only under its first name.
    pool = BlockingConnectionPool.from_url(
        url.replace("valkey", "redis", 1) if url.startswith("valkey") else url,
        max_connections=MOST_CONNECTIONS,
        timeout=SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        socket_timeout=SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    encrypted = pool.connection_class is SSLConnection
    pool.connection_class = _PatientTls if encrypted else _Patient
    return Redis(connection_pool=pool)
