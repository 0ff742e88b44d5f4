"""Values in Redis that this program did not write: they concern their key, and no other client."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from time import time

import pytest
from redis import Redis

from proxy.access.limits.kinds import REQUESTS, STREAMS, TOKENS, Kind
from proxy.access.limits.limiter import Limiter, Limits
from proxy.access.limits.redis_store import PREFIX, RedisStore
from proxy.access.limits.store import StoreUnavailable
from tests.redis_server import RedisServer, redis_server

AMOUNTS = {REQUESTS: 5, TOKENS: 5, STREAMS: 5}
KEYS = {
    REQUESTS: f"{PREFIX}:requests/moving:bad/5",
    TOKENS: f"{PREFIX}:tokens/fixed:bad/5",
    STREAMS: f"{PREFIX}:streams:leases:bad",
}
Write = Callable[[Redis, str], object]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def store(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStore]:
    for name in ("access.limits.store_health.CALL_SECONDS", "redis_client.SECONDS"):
        monkeypatch.setattr(f"proxy.{name}", 30.0)
    server.client.flushall()
    store = RedisStore(server.url, AMOUNTS, meanwhile="goes on")
    yield store
    store.close()


FOREIGN: list[tuple[str, Write]] = [
    ("a text", lambda redis, key: redis.set(key, "text")),
    ("a list", lambda redis, key: redis.rpush(key, "a", "b", "c", "d", "e", "f")),
    ("a set", lambda redis, key: redis.sadd(key, "a")),
    ("a hash", lambda redis, key: redis.hset(key, "a", "b")),
    ("a sorted set", lambda redis, key: redis.zadd(key, {str(n): 9e15 for n in range(9)})),
    ("a stream", lambda redis, key: redis.xadd(key, {"a": "b"})),
    ("a count without end", lambda redis, key: redis.set(key, "3")),
    ("a count for years", lambda redis, key: redis.set(key, "3", ex=10**8)),
    ("a count below 0", lambda redis, key: redis.set(key, "-9999", ex=60)),
    ("a fraction", lambda redis, key: redis.set(key, "1.5", ex=60)),
    ("more than 64 bits", lambda redis, key: redis.set(key, "9" * 30, ex=60)),
    ("thousands of digits", lambda redis, key: redis.set(key, "9" * 9000, ex=60)),
    ("no text at all", lambda redis, key: redis.set(key, b"\xff\xfe")),
    ("the future", lambda redis, key: redis.rpush(key, *[str(time() + 1e6)] * 5)),
    ("infinity", lambda redis, key: redis.rpush(key, *["inf"] * 5)),
]


@pytest.mark.parametrize("kind", AMOUNTS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("write", [pytest.param(write, id=name) for name, write in FOREIGN])
def test_a_foreign_value_concerns_its_key_alone(
    server: RedisServer,
    store: RedisStore,
    kind: Kind,
    write: Write,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(server.client, KEYS[kind])
    limiter = Limiter(Limits(AMOUNTS, fail_closed=True), store)
    for client in ("bad", "other", "bad", "other"):
        ticket = limiter.ticket(client, spends=True)
        ticket.begin()
        ticket.take(STREAMS)
        # Limits stay in force for everybody, from zero for the client of this key.
        assert int(ticket.headers["anthropic-ratelimit-requests-remaining"]) in (4, 3)
        assert int(ticket.headers["anthropic-ratelimit-tokens-remaining"]) in (5, 4)
        ticket.charge(1)
        ticket.close()
    assert [store.level(counted, "bad").remaining for counted in (REQUESTS, TOKENS)] == [3, 3]
    assert "does not answer" not in caplog.text


def test_the_log_tells_it_once_and_names_no_client(
    server: RedisServer, store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in (REQUESTS, TOKENS):
        server.client.set(KEYS[kind], "secret value")
        store.level(kind, "bad")
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            logging.WARNING,
            "Redis held a value that is no count for a client: removed if that is allowed",
        )
    ]


def test_renewing_leases_is_not_stopped_by_one_of_them(
    server: RedisServer, store: RedisStore
) -> None:
    """The keys of three clients are renewed by one script, the second of which is foreign."""
    for client in ("one", "bad", "two"):
        assert store.take(STREAMS, client, lease=f"lease-{client}")
    leases = [f"{PREFIX}:streams:leases:{client}" for client in ("one", "bad", "two")]
    server.client.set(leases[1], "text")
    for key in (leases[0], leases[2]):
        server.client.zadd(key, {f"lease-{key.rpartition(':')[2]}": 1.0})
    store._renew_all({"lease-one": leases[0], "lease-bad": leases[1], "lease-two": leases[2]})
    scores = [server.client.zscore(key, f"lease-{key.rpartition(':')[2]}") for key in leases]
    assert all(score is not None and score > time() for score in scores)


def test_a_lease_in_the_far_future_holds_no_slot(server: RedisServer, store: RedisStore) -> None:
    server.client.zadd(KEYS[STREAMS], {f"foreign-{n}": time() + 1e6 for n in range(5)})
    assert store.take(STREAMS, "bad", lease="mine")
    assert server.client.zrange(KEYS[STREAMS], 0, -1) == ["mine"]


def test_a_value_that_cannot_be_removed_concerns_its_client(
    server: RedisServer, store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    for key in KEYS.values():
        server.client.set(key, "text")
    # The user of the proxy may read and write, but not delete, which an operator may have set.
    server.client.acl_setuser("default", commands=["-del"], enabled=True, nopass=True)
    try:
        for kind in (REQUESTS, TOKENS):
            with pytest.raises(StoreUnavailable):
                store.level(kind, "bad")
        with pytest.raises(StoreUnavailable):
            store.take(STREAMS, "bad", lease="mine")
        assert store.take(REQUESTS, "other")
        assert store.take(STREAMS, "other", lease="theirs")
        assert store.level(TOKENS, "other").remaining == 5
    finally:
        server.client.acl_setuser("default", commands=["+del"], enabled=True, nopass=True)
    assert "does not answer" not in caplog.text
