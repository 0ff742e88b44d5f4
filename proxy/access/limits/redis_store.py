"""Counts in Redis or Valkey, shared by all workers and machines that know its address.

Rule: whatever decides and counts is one script there, so that no two of them ever take the same
place. A running stream holds a lease that is renewed while it runs: those of a killed worker lapse.
The strategy stands in each name, because another one's values under the same name are refused.
"""

from __future__ import annotations

from functools import partial
from time import time
from urllib.parse import urlsplit

import gevent
from limits.storage import RedisStorage
from redis import Redis, RedisError

from proxy.access.limits.headers import Level
from proxy.access.limits.store import StoreAway
from proxy.access.limits.store_health import Outage
from proxy.access.limits.windows import Windows
from proxy.redis_client import MOST_CONNECTIONS, redis_client

PREFIX = "claude-proxy:limits"
LEASE_SECONDS = 15.0
"""How long a stream counts after its worker was last heard of."""

_NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "
_TAKE_LEASE = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 1000)
return 1
"""
)
_RENEW_LEASES = (
    _NOW
    + """
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[i + 1])
  redis.call('PEXPIRE', key, ARGV[1] * 1000)
end
"""
)


class _Storage(RedisStorage):
    """The storage of ``limits`` over a client that never waits for long."""

    def __init__(self, client: Redis) -> None:
        # The address is that of the client's pool; the library wants one all the same.
        super().__init__("redis://", connection_pool=client.connection_pool, key_prefix=PREFIX)
        self._client = client

    def get_expiry(self, key: str) -> float:
        """As the library has it, but not rounded to seconds: a client would come too early."""
        left = self._client.pttl(self.prefixed_key(key))
        return max(left, 0) / 1000 + time()

    def give_back(self, key: str) -> None:
        """Take the youngest entry out of the moving window again."""
        self._client.lpop(self.prefixed_key(key))


class RedisStore:
    """The ``Store`` of a worker that counts together with others; opens no connection."""

    def __init__(
        self,
        url: str,
        requests: int,
        tokens: int,
        streams: int,
        *,
        meanwhile: str,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._client = redis_client(url)
        self._storage = _Storage(self._client)
        self._windows = Windows(self._storage, time, requests, tokens)
        self._most_streams = streams
        self._take_lease = self._client.register_script(_TAKE_LEASE)
        self._renew_leases = self._client.register_script(_RENEW_LEASES)
        self._outage = Outage(
            f"Redis at {_place(url)}",
            meanwhile,
            (RedisError,),
            at_once=MOST_CONNECTIONS,
            probe=partial(self._client.set, f"{PREFIX}:probe", 1, px=1000),
        )
        self._lease_seconds = lease_seconds
        self._leases: dict[str, str] = {}
        """The client of each running stream of this worker."""
        self._renewing = False

    def reach(self) -> bool:
        """Ask for nothing; False, and a line in the log, where it does not answer."""
        try:
            self._outage.ask(self._client.ping)
        except StoreAway:
            return False
        return True

    def take_request(self, client: str) -> bool:
        return self._outage.ask(partial(self._windows.take_request, _moving(client)))

    def give_request_back(self, client: str) -> None:
        key = self._windows.per_minute_requests.key_for(_moving(client))
        self._outage.ask(partial(self._storage.give_back, key))

    def requests(self, client: str) -> Level:
        return self._outage.ask(partial(self._windows.requests, _moving(client)))

    def tokens(self, client: str) -> Level:
        return self._outage.ask(partial(self._windows.tokens, _fixed(client)))

    def charge(self, client: str, tokens: int) -> None:
        self._outage.ask(partial(self._windows.charge, _fixed(client), tokens))

    def open_stream(self, client: str, lease: str) -> bool:
        """As ``Store`` says; a stream that began while nobody could be asked counts later."""
        arguments: list[str | float] = [lease, self._lease_seconds, self._most_streams]
        try:
            taken = self._outage.ask(partial(self._take_lease, [_leases(client)], arguments))
        except StoreAway:
            self._keep(lease, client)
            raise
        if taken:
            self._keep(lease, client)
        return bool(taken)

    def close_stream(self, client: str, lease: str) -> None:
        if self._leases.pop(lease, None) is not None:
            self._outage.ask(partial(self._forget, client, lease))

    def close(self) -> None:
        """Close all connections and renew no lease any more."""
        self._leases.clear()
        self._client.connection_pool.disconnect()

    def _keep(self, lease: str, client: str) -> None:
        self._leases[lease] = client
        if not self._renewing:
            self._renewing = True
            gevent.spawn(self._renew)

    def _renew(self) -> None:
        """Renew the leases of all running streams until there are none; a greenlet of its own."""
        while self._leases:
            gevent.sleep(self._lease_seconds / 3)
            leases = dict(self._leases)
            if not leases:
                break
            try:
                self._outage.ask(partial(self._renew_all, leases))
                for lease, client in leases.items():
                    if lease not in self._leases:
                        # It was closed meanwhile, and may have been renewed after that.
                        self._outage.ask(partial(self._forget, client, lease))
            except StoreAway:
                continue
        self._renewing = False

    def _renew_all(self, leases: dict[str, str]) -> None:
        keys = [_leases(client) for client in leases.values()]
        self._renew_leases(keys, [self._lease_seconds, *leases])

    def _forget(self, client: str, lease: str) -> None:
        self._client.zrem(_leases(client), lease)


def _place(url: str) -> str:
    """Host and port: the rest may be a password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}"


def _moving(client: str) -> str:
    return f"moving:{client}"


def _fixed(client: str) -> str:
    return f"fixed:{client}"


def _leases(client: str) -> str:
    return f"{PREFIX}:streams:leases:{client}"
