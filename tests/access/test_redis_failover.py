"""Redis that fails over, restarts or refuses: what is an outage of all, and how soon it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from redis import ReadOnlyError

from proxy.access.limits.kinds import REQUESTS, STREAMS, TOKENS
from proxy.access.limits.redis_store import PREFIX, RedisStore
from proxy.access.limits.store import StoreUnavailable
from proxy.providers.cluster_flags import ClusterFlags
from proxy.providers.learned_flags import LearnedFlags
from proxy.redis_client import redis_client
from proxy.telemetry.cluster_usage import ClusterUsage
from proxy.telemetry.request_record import RequestRecord
from proxy.telemetry.stats import Counts
from tests.redis_relay import RedisPair, RedisRelay, redis_pair
from tests.redis_server import RedisServer, redis_server
from tests.waiting import until

AMOUNTS = {REQUESTS: 5, TOKENS: 5, STREAMS: 5}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """No answer comes too late, however busy the machine is."""
    for name in ("access.limits.store_health.CALL_SECONDS", "redis_client.SECONDS"):
        monkeypatch.setattr(f"proxy.{name}", 30.0)
    caplog.set_level(logging.INFO, "proxy.access.limits")


@pytest.fixture
def pair() -> Iterator[RedisPair]:
    with redis_pair() as pair:
        yield pair


def moved_on(store: RedisStore) -> RedisStore:
    """``store`` after the seconds in which it is not called."""
    store._health._again = 0.0
    return store


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records]


def test_limits_follow_the_replica_that_is_promoted(
    pair: RedisPair, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(pair.relay.url, AMOUNTS, meanwhile="-")
    assert store.take(REQUESTS, "a")
    assert store.take(STREAMS, "a", lease="running")
    pair.fail_over()
    with pytest.raises(StoreUnavailable):
        store.take(REQUESTS, "a")
    # The next connection reaches the server that has taken over; the count was replicated.
    assert moved_on(store).take(REQUESTS, "a")
    assert store.level(REQUESTS, "a").remaining == 3
    assert pair.second.client.zcard(f"{PREFIX}:streams:leases:a") == 1
    store.give_back(STREAMS, "a", "running")
    assert pair.second.client.zcard(f"{PREFIX}:streams:leases:a") == 0
    assert "ReadOnlyError" in caplog.text
    assert levels(caplog) == ["WARNING", "INFO"]
    store.close()


def test_all_connections_to_the_old_server_are_closed(pair: RedisPair) -> None:
    client = redis_client(pair.relay.url)
    pool = client.connection_pool
    for connection in [pool.get_connection() for _ in range(4)]:
        pool.release(connection)
    assert pair.relay.connections == 4
    pair.fail_over()
    with pytest.raises(ReadOnlyError):
        client.set("x", 1)
    assert client.set("x", 1)
    pool.disconnect()


def test_usage_follows_the_replica_and_is_counted_once(pair: RedisPair) -> None:
    counts: Counts = {("statuses", "200"): 0.0}
    usage = ClusterUsage(redis_client(pair.relay.url), lambda: dict(counts))

    def count() -> bool:
        usage.expect(RequestRecord("req_1", "req_1", "POST", "/v1/messages"))
        counts["statuses", "200"] += 1
        return usage.flush()

    assert count()
    pair.fail_over()
    assert not count()
    assert count()
    found = usage.sums()
    assert found is not None
    assert found[0] == {("statuses", "200"): 3}
    usage.close()


def test_learned_flags_follow_the_replica(pair: RedisPair) -> None:
    learned = LearnedFlags(lambda: 1_000_000.0)
    cluster = ClusterFlags(redis_client(pair.relay.url), learned, lambda: 1_000_000.0)
    learned.listen = None
    learned.learn("u", "m", {"vision": False})
    assert cluster.exchange()
    pair.fail_over()
    learned.learn("u", "n", {"no_stop": True})
    assert not cluster.exchange()
    assert cluster.exchange()
    assert sorted(pair.second.client.hkeys("{claude-proxy:learned}")) == ['["u","m"]', '["u","n"]']
    cluster.close()


def test_connections_that_are_reset_while_idle_are_no_outage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server() as server, RedisRelay(server.port) as relay:
        store = RedisStore(relay.url, AMOUNTS, meanwhile="-")
        for _ in range(3):
            assert store.take(REQUESTS, "a")
            relay.reset()
        assert store.level(REQUESTS, "a").remaining == 2
        server.client.client_kill_filter(_type="normal", skipme=True)
        until(lambda: relay.ended == relay.connections, "a connection is left")
        assert store.take(REQUESTS, "a")
        assert caplog.records == []
        store.close()


def test_a_server_that_restarts_empty_has_no_scripts_and_gets_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_server() as server:
        store = RedisStore(server.url, AMOUNTS, meanwhile="-")
        usage = ClusterUsage(redis_client(server.url), lambda: {("statuses", "200"): 1.0})
        for _ in range(2):
            assert store.take(REQUESTS, "a")
            assert store.take(STREAMS, "a", lease="one")
            assert store.level(REQUESTS, "a").remaining == 4
            server.client.script_flush()
            assert store.level(TOKENS, "a").remaining == 5
            assert usage.sums() is not None
            server.stop()
            server.start()
        # A renewal enters the lease again.
        store._renew_all({"one": f"{PREFIX}:streams:leases:a"})
        assert server.client.zcard(f"{PREFIX}:streams:leases:a") == 1
        assert caplog.records == []
        store.close()


OUTAGES = [
    b"LOADING Redis is loading the dataset in memory",
    b"READONLY You can't write against a read only replica.",
    b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    b"OOM command not allowed when used memory > 'maxmemory'.",
    b"CLUSTERDOWN The cluster is down",
    b"MOVED 3999 127.0.0.1:6381",
    b"ASK 3999 127.0.0.1:6381",
    b"TRYAGAIN Multiple keys request during rehashing of slot",
    b"CROSSSLOT Keys in request don't hash to the same slot",
    b"MISCONF Redis is configured to save RDB snapshots, but it is unable to persist on disk.",
    b"NOREPLICAS Not enough good replicas to write.",
    b"NOAUTH Authentication required.",
    b"WRONGPASS invalid username-password pair or user is disabled.",
    b"NOPERM User default has no permissions to run the 'evalsha' command",
    b"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    b"UNKILLABLE Sorry the script already executed write commands against the dataset.",
    b"DENIED Redis is running in protected mode",
    b"EXECABORT Transaction discarded because of previous errors.",
    b"ERR unknown command 'EVALSHA', with args beginning with:",
    b"ERR max number of clients reached",
    b"ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't",
    b"ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not",
]
OF_ONE_KEY = [
    b"WRONGTYPE Operation against a key holding the wrong kind of value",
    b"ERR value is not an integer or out of range",
    b"ERR increment or decrement would overflow",
    b"ERR hash value is not a float",
    b"ERR Error running script (call to f_1): @user_script:1: WRONGTYPE Operation against a key",
    b"ERR user_script:10: attempt to compare nil with number script: 1, on @user_script:10.",
]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: error.decode())
def test_what_the_server_refuses_to_all_is_an_outage(
    server: RedisServer, error: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server.client.flushall()
    with RedisRelay(server.port) as relay:
        store = RedisStore(relay.url, AMOUNTS, meanwhile="-")
        assert store.take(REQUESTS, "a")
        relay.error = error
        with pytest.raises(StoreUnavailable):
            store.take(REQUESTS, "a")
        relay.error = b""
        before = relay.connections
        with pytest.raises(StoreUnavailable):
            store.level(REQUESTS, "b")
        assert moved_on(store).take(REQUESTS, "a")
        assert relay.connections == before + 1, "the connection was kept"
        assert levels(caplog) == ["WARNING", "INFO"]
        store.close()


@pytest.mark.parametrize("error", OF_ONE_KEY, ids=lambda error: error.decode())
def test_an_error_about_a_key_is_no_outage(
    server: RedisServer, error: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server.client.flushall()
    with RedisRelay(server.port) as relay:
        store = RedisStore(relay.url, AMOUNTS, meanwhile="-")
        relay.error = error
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.take(REQUESTS, "a")
        assert store.level(TOKENS, "b").remaining == 5
        relay.error = b""
        assert store.take(REQUESTS, "a")
        assert "does not answer" not in caplog.text
        assert levels(caplog) == ["WARNING"]
        store.close()
