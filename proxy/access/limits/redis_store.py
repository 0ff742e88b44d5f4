"""Counts in Redis or Valkey, shared by all workers and machines that use the same server.

Rule: a limit is checked and counted in one step inside Redis, so that two workers cannot both take the
last unit. A unit of a ``held`` kind is a lease that its worker renews: leases of a killed worker expire.
What is read is checked: a value that this program cannot have written is removed, and its client counted
from zero.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from time import monotonic, time
from typing import TypeVar
from urllib.parse import urlsplit

import gevent
from limits.storage import RedisStorage
from redis import Redis, RedisError, ResponseError
from redis.exceptions import NoPermissionError

from proxy.access.limits.headers import Level
from proxy.access.limits.kinds import Amounts, Kind
from proxy.access.limits.store import ForeignValue, StoreUnavailable
from proxy.access.limits.store_health import StoreHealth
from proxy.access.limits.windows import Windows
from proxy.redis_client import MOST_CONNECTIONS, is_outage, redis_client

log = logging.getLogger(__name__)

T = TypeVar("T")

PREFIX = "claude-proxy:limits"
LONGEST_WINDOW = 120.0
"""Seconds: a minute, and one more because the clocks of machines differ."""
COUNT_DIGITS = 18
QUIET_SECONDS = 60.0
"""Shortest time between two log lines about foreign values."""
LEASE_SECONDS = 15.0
"""How long a lease counts after its last renewal."""

_NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "
_ONLY_LEASES = """
local function only_leases(key)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
end
"""
_TAKE_LEASE = (
    _NOW
    + _ONLY_LEASES
    + """
only_leases(KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + 2 * ARGV[2], '+inf')
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 1000)
return 1
"""
)
_RENEW_LEASES = (
    _NOW
    + _ONLY_LEASES
    + """
for i, key in ipairs(KEYS) do
  only_leases(key)
  redis.call('ZADD', key, now + ARGV[1], ARGV[i + 1])
  redis.call('PEXPIRE', key, ARGV[1] * 1000)
end
"""
)


WITHOUT_END = -1
"""PTTL of a key that does not expire."""


class _Foreign(ResponseError):
    """A value that the server returned without an error, but that this program cannot have written."""


class _Storage(RedisStorage):
    """The Redis storage of the package ``limits``, over a client with short timeouts."""

    def __init__(self, client: Redis) -> None:
        # The library requires a URL, although it uses the address of the client's pool.
        super().__init__("redis://", connection_pool=client.connection_pool, key_prefix=PREFIX)
        self._client = client

    def get(self, key: str) -> int:
        """As in the library, for a count that this program wrote; raises ``_Foreign`` for another value."""
        value = self._client.get(self.prefixed_key(key))
        if value is None:
            return 0
        if not (isinstance(value, bytes) and value.isdigit() and len(value) <= COUNT_DIGITS):
            raise _Foreign("not a count")
        return int(value)

    def get_expiry(self, key: str) -> float:
        """As in the library, but not rounded to seconds, or clients would retry too early."""
        left = self._client.pttl(self.prefixed_key(key))
        if left == WITHOUT_END or left > LONGEST_WINDOW * 1000:
            raise _Foreign("a count that does not expire")
        return max(left, 0) / 1000 + time()

    def remove(self, key: str) -> None:
        """Delete ``key``; raises ``_Foreign`` if this user of Redis may not delete."""
        try:
            self._client.delete(key)
        except NoPermissionError as error:
            raise _Foreign("not removed") from error

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """As in the library; raises ``_Foreign`` if entries in the future are the cause of a refusal."""
        if super().acquire_entry(key, limit, expiry, amount):
            return True
        self.get_moving_window(key, limit, expiry)
        return False

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """As in the library; raises ``_Foreign`` for entries that lie in the future."""
        start, count = super().get_moving_window(key, limit, expiry)
        if not start <= time() + LONGEST_WINDOW - expiry:
            raise _Foreign("entries in the future")
        return start, count

    def give_back(self, key: str) -> None:
        """Remove the latest entry from the moving window."""
        self._client.lpop(self.prefixed_key(key))


class RedisStore:
    """A ``Store`` that workers share in Redis; its constructor opens no connection."""

    def __init__(
        self,
        url: str,
        amounts: Amounts,
        *,
        meanwhile: str,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._amounts = amounts
        self._client = redis_client(url)
        self._storage = _Storage(self._client)
        self._windows = Windows(self._storage, time, amounts)
        self._take_lease = self._client.register_script(_TAKE_LEASE)
        self._renew_leases = self._client.register_script(_RENEW_LEASES)
        self._health = StoreHealth(
            f"Redis at {_place(url)}",
            meanwhile,
            (RedisError,),
            is_outage=is_outage,
            at_once=MOST_CONNECTIONS,
            probe=partial(self._client.set, f"{PREFIX}:probe", 1, px=1000),
        )
        self._lease_seconds = lease_seconds
        self._leases: dict[str, str] = {}
        """The key of the set in Redis, for each lease that this worker holds."""
        self._renewing = False
        self._quiet_until = 0.0

    def reach(self) -> bool:
        """Send a ping; if Redis does not answer, log a warning and return False."""
        try:
            self._health.call(self._client.ping)
        except StoreUnavailable:
            return False
        except ForeignValue:
            # It answers, though not as expected.
            return True
        return True

    def take(self, kind: Kind, client: str, cost: int = 1, lease: str = "") -> bool:
        if kind.window == "held":
            return self._hold(kind, client, lease)
        return self._counted(kind, client, partial(self._windows.take, kind, client, cost))

    def give_back(self, kind: Kind, client: str, lease: str = "") -> None:
        if kind.window != "held":
            key = self._windows.key(kind, client)
            self._counted(kind, client, partial(self._storage.give_back, key))
        elif (leases := self._leases.pop(lease, None)) is not None:
            self._on_leases(partial(self._client.zrem, leases, lease))

    def level(self, kind: Kind, client: str) -> Level:
        return self._counted(kind, client, partial(self._windows.level, kind, client))

    def close(self) -> None:
        """Close all connections and stop renewing leases."""
        self._leases.clear()
        self._client.connection_pool.disconnect()

    def _counted(self, kind: Kind, client: str, call: Callable[[], T]) -> T:
        """The answer of ``call`` about a count, from which a foreign value is removed first.

        Raises ``StoreUnavailable``, also if the value cannot be removed.
        """
        try:
            return self._health.call(call)
        except ForeignValue:
            self._log_foreign_value()
            key = self._storage.prefixed_key(self._windows.key(kind, client))
        try:
            self._health.call(partial(self._storage.remove, key))
            return self._health.call(call)
        except ForeignValue as error:
            raise StoreUnavailable from error

    def _on_leases(self, call: Callable[[], T]) -> T:
        """The answer of ``call`` about leases, whose scripts remove values of another type themselves."""
        try:
            return self._health.call(call)
        except ForeignValue as error:
            self._log_foreign_value()
            raise StoreUnavailable from error

    def _log_foreign_value(self) -> None:
        now = monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            # Without the key, which identifies a client, and without the value.
            log.warning(
                "Redis held a value that is no count for a client: removed if that is allowed"
            )

    def _hold(self, kind: Kind, client: str, lease: str) -> bool:
        """Take a lease; if Redis does not answer, the lease is counted at a later renewal."""
        leases = f"{PREFIX}:{kind.name}:leases:{client}"
        arguments: list[str | float] = [lease, self._lease_seconds, self._amounts[kind]]
        try:
            taken = self._on_leases(partial(self._take_lease, [leases], arguments))
        except StoreUnavailable:
            self._keep(lease, leases)
            raise
        if taken:
            self._keep(lease, leases)
        return bool(taken)

    def _keep(self, lease: str, leases: str) -> None:
        self._leases[lease] = leases
        if not self._renewing:
            self._renewing = True
            gevent.spawn(self._renew)

    def _renew(self) -> None:
        """Renew all leases until there are none; runs in its own greenlet."""
        while self._leases:
            gevent.sleep(self._lease_seconds / 3)
            held = dict(self._leases)
            if not held:
                break
            try:
                self._on_leases(partial(self._renew_all, held))
                for lease, leases in held.items():
                    if lease not in self._leases:
                        # It was given back meanwhile, and may have been renewed after that.
                        self._on_leases(partial(self._client.zrem, leases, lease))
            except StoreUnavailable:
                continue
        self._renewing = False

    def _renew_all(self, held: dict[str, str]) -> None:
        self._renew_leases(list(held.values()), [self._lease_seconds, *held])


def _place(url: str) -> str:
    """Host and port of ``url``; the other parts may contain a password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}"
