"""The connection to Redis or Valkey for rate limits and shared usage counts.

Rule: a caller waits less than a second for a connection and half a second for an answer, and no command
is repeated. Connecting continues in the background after the caller's wait has timed out, so that on a
slow network only the first calls fail. Every failure is a ``redis.RedisError``; callers continue
without Redis (docs/features.md).
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
"""Longest wait for an answer, and for a free connection of the pool."""
CONNECT_SECONDS = 0.8
"""Longest wait for a connection that is being established."""
STEP_SECONDS = 10.0
"""Timeout of each step of connecting in the background (TCP, TLS, the first commands)."""
MOST_CONNECTIONS = 16
"""Connections of one client. An answer takes 0.1 ms, so 16 suffice for a thousand requests at once."""


class _BackgroundConnection(Connection):
    """A connection that is established in a greenlet of its own."""

    _sock: Any
    _connecting: Greenlet[[], RedisError | OSError | None] | None = None

    def connect(self) -> None:
        """Connect, or raise ``RedisError``; after a timeout a later call may find it connected."""
        if self._connecting is None:
            if self._sock is not None:
                return
            self._connecting = gevent.spawn(self._establish)
        connecting = self._connecting
        connecting.join(CONNECT_SECONDS)
        if not connecting.dead:
            raise TimeoutError("the connection is still being established")
        error = connecting.get()
        if error is not None:
            raise error if isinstance(error, Exception) else ConnectionError("it was closed")

    def disconnect(self, *args: Any, **kwargs: Any) -> None:
        """Close the connection, also while it is being established."""
        connecting = self._connecting
        if connecting is not None and connecting is not gevent.getcurrent():
            connecting.kill()
        super().disconnect(*args, **kwargs)  # type: ignore[no-untyped-call]

    def _establish(self) -> RedisError | OSError | None:
        try:
            super().connect()  # type: ignore[no-untyped-call]
            if self._sock is not None:
                self._sock.settimeout(SECONDS)
        except (RedisError, OSError) as error:
            return error
        finally:
            self._connecting = None
        return None

    def _connect(self) -> Any:
        # The timeout of the following steps, such as the TLS handshake. It is restored below, because
        # the reader of answers sets the socket's timeout to ``socket_timeout``.
        self.socket_timeout = STEP_SECONDS
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        finally:
            self.socket_timeout = SECONDS


class _BackgroundTlsConnection(_BackgroundConnection, SSLConnection):
    """``_BackgroundConnection`` over TLS."""


def redis_client(url: str) -> Redis:
    """A client for the server at ``url`` (``Settings.redis_url``); opens no connection."""
    # Valkey has the same protocol, but redis-py accepts only the schemes of Redis.
    pool = BlockingConnectionPool.from_url(
        url.replace("valkey", "redis", 1) if url.startswith("valkey") else url,
        max_connections=MOST_CONNECTIONS,
        timeout=SECONDS,
        socket_connect_timeout=STEP_SECONDS,
        socket_timeout=SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    encrypted = pool.connection_class is SSLConnection
    pool.connection_class = _BackgroundTlsConnection if encrypted else _BackgroundConnection
    return Redis(connection_pool=pool)
