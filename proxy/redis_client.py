"""The connection to Redis or Valkey, which rate limits and usage counts share.

Rule: it is never waited for: an attempt takes half a second at most and is not repeated here. What
goes wrong is a ``redis.RedisError``; whoever asked goes on without (docs/features.md).
"""

from __future__ import annotations

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SECONDS = 0.5
"""Longest wait for a connection, and for an answer."""
MOST_CONNECTIONS = 16
"""Of one client; an answer takes a tenth of a millisecond, so these serve a thousand requests."""


def redis_client(url: str) -> Redis:
    """A client of the server that ``url`` names (``Settings.redis_url``); opens no connection."""
    # Valkey speaks the same protocol; redis-py knows the scheme only under its first name.
    pool = BlockingConnectionPool.from_url(
        url.replace("valkey", "redis", 1) if url.startswith("valkey") else url,
        max_connections=MOST_CONNECTIONS,
        timeout=SECONDS,
        socket_connect_timeout=SECONDS,
        socket_timeout=SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis(connection_pool=pool)
