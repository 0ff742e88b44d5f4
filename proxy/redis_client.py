"""The connection to Redis or Valkey for rate limits, shared usage counts and learned flags.

Rule: a caller waits less than a second for a connection and half a second for an answer, and no command
is repeated. Connecting continues in the background after the caller's wait has timed out, so that on a
slow network only the first calls fail. Every failure is a ``redis.RedisError``; callers continue
without Redis (docs/features.md). After a server said that it cannot serve this client, its idle
connections are closed, so that new ones reach the server that has taken over.
"""

from __future__ import annotations

import re
from typing import Any

import gevent
from gevent import Greenlet
from redis import (
    BlockingConnectionPool,
    Connection,
    ConnectionError,
    Redis,
    RedisError,
    ResponseError,
    SSLConnection,
    TimeoutError,
)
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterCrossSlotError,
    ClusterDownError,
    ExecAbortError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
from redis.retry import Retry

SECONDS = 0.5
"""Longest wait for an answer, and for a free connection of the pool."""
CONNECT_SECONDS = 0.8
"""Longest wait for a connection that is being established."""
STEP_SECONDS = 10.0
"""Timeout of each step of connecting in the background (TCP, TLS, the first commands)."""
MOST_CONNECTIONS = 16
"""Connections of one client. An answer takes 0.1 ms, so 16 suffice for a thousand requests at once."""

_OF_SERVER = (
    AskError,  # also MOVED: the server is a cluster, which this client does not follow
    ClusterCrossSlotError,
    ClusterDownError,  # also MASTERDOWN
    ExecAbortError,
    NoPermissionError,  # the rights of this user, whatever the key
    NoScriptError,  # scripts are loaded again before this is raised
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
_SERVER_CODES = re.compile(
    r"(?:^|: -?)(?:ASK|BUSY|CLUSTERDOWN|CROSSSLOT|DENIED|EXECABORT|LOADING|MASTERDOWN|MISCONF|MOVED|NOAUTH"
    r"|NOPERM|NOREPLICAS|NOSCRIPT|OOM|READONLY|TRYAGAIN|UNKILLABLE|WRONGPASS)\b"
    r"|\bunknown command\b|\bmax number of clients\b"
)
"""Codes for which the client has no class, and those inside a script's error (Redis 6)."""


def is_outage(error: Exception) -> bool:
    """Whether ``error`` says that the server cannot be used at present, by any request.

    False for an error about one key, such as a value of another type.
    """
    if not isinstance(error, ResponseError):
        return True
    return isinstance(error, _OF_SERVER) or _SERVER_CODES.search(str(error)) is not None


class _BackgroundConnection(Connection):
    """A connection that is established in a greenlet of its own."""

    _sock: Any
    _connecting: Greenlet[[], RedisError | OSError | None] | None = None
    is_refused = False
    """Whether the server said that it cannot serve this client at present."""

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

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """The answer to one command."""
        try:
            return super().read_response(*args, **kwargs)
        except ResponseError as error:
            # Not closed here, because the answers to the rest of a pipeline are still to be read.
            self.is_refused = is_outage(error) and not isinstance(error, NoScriptError)
            raise

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


class _Pool(BlockingConnectionPool):
    """A pool whose idle connections are closed when the server refuses one of them."""

    def release(self, connection: Any) -> None:
        """Return ``connection`` to the pool."""
        refused, connection.is_refused = connection.is_refused, False
        super().release(connection)  # type: ignore[no-untyped-call]
        if refused:
            # After a failover this server is no longer the one that its name stands for.
            self.disconnect(inuse_connections=False)


def redis_client(url: str) -> Redis:
    """A client for the server at ``url`` (``Settings.redis_url``); opens no connection."""
    # Valkey has the same protocol, but redis-py accepts only the schemes of Redis.
    pool = _Pool.from_url(
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
