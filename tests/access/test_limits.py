"""Rate limits below HTTP: counts in memory and in a real Redis, headers, identities, outages."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, time
from typing import Literal

import gevent
import pytest
from gevent.server import StreamServer

from proxy.access.limits.headers import Level, limit_headers, refusal
from proxy.access.limits.identity import client_address, client_identity
from proxy.access.limits.kinds import KINDS, REQUESTS, STREAMS, TOKENS, Amounts, Kind
from proxy.access.limits.limiter import Limiter, Limits, Ticket
from proxy.access.limits.memory_store import MemoryStore, WorkerStorage
from proxy.access.limits.redis_store import PREFIX, RedisStore
from proxy.access.limits.store import Store, StoreUnavailable
from proxy.access.limits.store_health import RETRY_SECONDS, StoreHealth
from proxy.errors import AuthenticationFailed, LimitsUnknown, RateLimited
from tests.redis_server import RedisServer, redis_server
from tests.waiting import until

MINUTE = 60.0
PATIENCE = 30.0


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """A server that answers, however long a busy machine makes everybody wait."""
    for name in (
        "access.limits.store_health.CALL_SECONDS",
        "redis_client.SECONDS",
        "redis_client.CONNECT_SECONDS",
    ):
        monkeypatch.setattr(f"proxy.{name}", PATIENCE)
    return server


Make = Callable[..., Store]


def amounts(requests: int = 0, tokens: int = 0, streams: int = 0) -> Amounts:
    wanted = dict(zip(KINDS, (requests, tokens, streams), strict=True))
    return {kind: amount for kind, amount in wanted.items() if amount}


def limits_of(requests: int = 0, tokens: int = 0, streams: int = 0) -> Limits:
    return Limits(amounts(requests, tokens, streams))


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a store with the given limits, of either kind; those of Redis share one server."""
    stores: list[RedisStore] = []

    def made(requests: int = 0, tokens: int = 0, streams: int = 0) -> Store:
        if request.param == "memory":
            return MemoryStore(amounts(requests, tokens, streams))
        server: RedisServer = request.getfixturevalue("redis")
        server.client.flushall()
        stores.append(RedisStore(server.url, amounts(requests, tokens, streams), meanwhile="-"))
        return stores[-1]

    yield made
    for store in stores:
        store.close()


def ticket(store: Store, limits: Limits, *, costly: bool = True, client: str = "a") -> Ticket:
    return Limiter(limits, store).ticket(client, spends=costly)


def test_requests_are_counted_to_the_request(make: Make) -> None:
    store = make(requests=3)
    left = []
    for _ in range(3):
        asked = ticket(store, limits_of(3))
        asked.begin()
        left.append(asked.headers["anthropic-ratelimit-requests-remaining"])
    assert left == ["2", "1", "0"]
    with pytest.raises(RateLimited) as refused:
        ticket(store, limits_of(3)).begin()
    assert (refused.value.status, refused.value.type) == (429, "rate_limit_error")
    assert refused.value.message.startswith("This client's rate limit of 3 requests per minute is")
    assert 58 <= int(refused.value.headers["retry-after"]) <= 60
    assert refused.value.headers["anthropic-ratelimit-requests-limit"] == "3"
    ticket(store, limits_of(3), client="b").begin()


def test_used_up_tokens_refuse_without_taking_a_request(make: Make) -> None:
    store = make(requests=9, tokens=100)
    limits = limits_of(requests=9, tokens=100)
    asked = ticket(store, limits)
    asked.begin()
    assert asked.headers["anthropic-ratelimit-tokens-remaining"] == "100"
    asked.charge(99)
    asked.charge(99)
    last = ticket(store, limits)
    last.begin()
    assert last.headers["anthropic-ratelimit-tokens-remaining"] == "1"
    last.charge(5000)
    with pytest.raises(RateLimited, match="100 tokens per minute") as refused:
        ticket(store, limits).begin()
    headers = refused.value.headers
    assert headers["anthropic-ratelimit-tokens-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-remaining"] == "7"
    assert 58 <= int(headers["retry-after"]) <= 60
    # What costs no tokens goes on.
    ticket(store, limits, costly=False).begin()


def test_a_refused_stream_takes_nothing(make: Make) -> None:
    store = make(requests=9, streams=2)
    limits = limits_of(requests=9, streams=2)
    running = [ticket(store, limits) for _ in range(2)]
    for stream in running:
        stream.begin()
        stream.take(STREAMS)
    late = ticket(store, limits)
    late.begin()
    with pytest.raises(RateLimited, match="of 2 streams at a time is reached") as refused:
        late.take(STREAMS)
    assert refused.value.headers["retry-after"] == "2"
    assert refused.value.headers["anthropic-ratelimit-requests-remaining"] == "7"
    late.close()
    other = ticket(store, limits, client="b")
    other.take(STREAMS)
    running[0].close()
    running[0].close()
    again = ticket(store, limits)
    again.begin()
    assert again.headers["anthropic-ratelimit-requests-remaining"] == "6"
    again.take(STREAMS)
    with pytest.raises(RateLimited):
        ticket(store, limits).take(STREAMS)


@pytest.mark.parametrize("window", ["moving", "fixed"])
def test_a_further_kind_is_a_row(clock: Clock, window: Literal["moving", "fixed"]) -> None:
    searches = Kind("searches", "searches per minute", window, "rate_limit_searches")
    store = MemoryStore({REQUESTS: 9, searches: 3}, clock=clock)
    limits = Limits({REQUESTS: 9, searches: 3})
    asked = ticket(store, limits)
    asked.begin()
    asked.take(searches, 2)
    asked.take(searches)
    clock.now += 20
    with pytest.raises(RateLimited, match="of 3 searches per minute is reached") as refused:
        asked.take(searches)
    assert refused.value.headers["retry-after"] == "40"
    assert refused.value.headers["anthropic-ratelimit-requests-remaining"] == "9"
    ticket(store, limits, client="b").take(searches)


def test_a_window_moves(clock: Clock) -> None:
    store = MemoryStore(amounts(2, 0, 0), clock=clock)
    assert store.take(REQUESTS, "a")
    clock.now += 20
    assert store.take(REQUESTS, "a")
    assert store.level(REQUESTS, "a") == Level(2, 0, 40.0)
    clock.now += 39.9
    assert not store.take(REQUESTS, "a")
    clock.now += 0.1
    assert store.take(REQUESTS, "a")
    assert not store.take(REQUESTS, "a")
    assert store.level(REQUESTS, "a") == Level(2, 0, 20.0)


def test_tokens_recover_a_minute_after_the_first_of_them(clock: Clock) -> None:
    store = MemoryStore(amounts(0, 10, 0), clock=clock)
    assert store.level(TOKENS, "a") == Level(10, 10, 0.0)
    store.take(TOKENS, "a", 4)
    clock.now += 30
    store.take(TOKENS, "a", 40)
    assert store.level(TOKENS, "a") == Level(10, 0, 30.0)
    clock.now += 30
    assert store.level(TOKENS, "a") == Level(10, 10, 0.0)


def test_clients_that_are_heard_of_no_more_are_forgotten(clock: Clock) -> None:
    storage = WorkerStorage(clock)
    for number in range(100):
        storage.acquire_entry(f"r{number}", 5, 60)
        storage.incr(f"t{number}", 60, 7)
    assert len(storage) == 200
    clock.now += 61
    assert storage.get("t1") == 0
    assert len(storage) == 0


def test_memory_forgets_ended_streams() -> None:
    store = MemoryStore(amounts(0, 0, 1))
    for number in range(50):
        assert store.take(STREAMS, f"client-{number}", lease="lease")
        store.give_back(STREAMS, f"client-{number}", "lease")
    assert len(store) == 0


def test_headers_are_those_of_the_messages_api() -> None:
    levels = {REQUESTS: Level(5, 2, 12.2), TOKENS: Level(100, -7, 0.0)}
    assert limit_headers(levels, 1_800_000_000.0) == {
        "anthropic-ratelimit-requests-limit": "5",
        "anthropic-ratelimit-requests-remaining": "2",
        "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:13Z",
        "anthropic-ratelimit-tokens-limit": "100",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:00Z",
    }


@pytest.mark.parametrize(("seconds", "wait"), [(-1.0, "1"), (0.2, "1"), (1.01, "2"), (60.0, "60")])
def test_retry_after_is_a_whole_second_at_least(seconds: float, wait: str) -> None:
    error = refusal(REQUESTS, 5, seconds, {"a": "b"})
    assert error.headers == {"a": "b", "retry-after": wait}


AUTH = ("front", "second")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(({"x-api-key": "k"}, ()), ({"x-api-key": "k"}, ()), True, id="one key"),
        pytest.param(({"x-api-key": "k"}, ()), ({"x-api-key": "l"}, ()), False, id="two keys"),
        pytest.param(
            ({"x-api-key": "k"}, ()), ({"authorization": "Bearer k"}, ()), True, id="either header"
        ),
        pytest.param(
            ({"x-api-key": "k", "authorization": "Bearer a"}, ()),
            ({"x-api-key": "k", "authorization": "Bearer b"}, ()),
            True,
            id="what goes upstream decides",
        ),
        pytest.param(
            ({"x-api-key": "front", "authorization": "Bearer a"}, AUTH),
            ({"x-api-key": "b", "authorization": "Bearer front"}, AUTH),
            True,
            id="an auth key decides wherever it stands",
        ),
        pytest.param(
            ({"x-api-key": "front"}, AUTH), ({"x-api-key": "second"}, AUTH), False, id="auth keys"
        ),
        pytest.param(({}, ()), ({"x-api-key": "10.0.0.1"}, ()), False, id="an address is no key"),
        pytest.param(({}, AUTH), ({}, AUTH), True, id="one address"),
    ],
)
def test_whose_limit_it_is(
    one: tuple[dict[str, str], tuple[str, ...]],
    other: tuple[dict[str, str], tuple[str, ...]],
    same: bool,
) -> None:
    identities = [client_identity(headers, keys, "10.0.0.1") for headers, keys in (one, other)]
    assert (identities[0] == identities[1]) is same
    assert all(len(identity) == 32 for identity in identities)


def test_on_dynamic_routes_the_key_that_goes_upstream_decides() -> None:
    both = {"x-api-key": "a", "authorization": "Bearer b"}
    assert client_identity(both, (), "", dynamic=True) == client_identity(
        {"x-api-key": "b"}, (), ""
    )


def test_a_key_that_nobody_looks_at_is_none() -> None:
    address = client_identity({}, (), "10.0.0.1")
    assert client_identity({"x-api-key": "a"}, (), "10.0.0.1", server_key=True) == address
    upstream = client_identity({"authorization": "Bearer b"}, (), "10.0.0.1")
    sent = {"x-api-key": "a", "authorization": "Bearer b"}
    assert client_identity(sent, (), "", dynamic=True, server_key=True) == upstream


def test_without_keys_addresses_differ() -> None:
    assert client_identity({}, (), "10.0.0.1") != client_identity({}, (), "10.0.0.2")
    with pytest.raises(AuthenticationFailed):
        client_identity({"x-api-key": "a b"}, (), "10.0.0.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param("10.0.0.1", None, "10.0.0.1", id="directly"),
        pytest.param("10.0.0.1", "1.2.3.4", "10.0.0.1", id="a stranger's word counts for nothing"),
        pytest.param("127.0.0.1", "9.9.9.9, 1.2.3.4", "1.2.3.4", id="what nginx here added"),
        pytest.param("::ffff:127.0.0.1", "1.2.3.4", "1.2.3.4", id="nginx, by a dual listener"),
        pytest.param("", "1.2.3.4", "1.2.3.4", id="by a Unix socket"),
        pytest.param(None, None, "", id="unknown"),
        pytest.param("127.0.0.1", None, "127.0.0.1", id="from this machine"),
    ],
)
def test_the_clients_address(peer: str | None, forwarded: str | None, address: str) -> None:
    assert client_address(peer, forwarded) == address


class Flaky:
    """Something to ask that fails when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: Exception | None = None

    def __call__(self) -> str:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return "yes"


def test_an_health_is_told_once_and_its_end_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    outage, question = StoreHealth("Store", "goes on", (KeyError,), clock=clock), Flaky()
    assert outage.call(question) == "yes"
    question.fault = KeyError("secret")
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            outage.call(question)
    assert question.asked == 2
    clock.now += RETRY_SECONDS
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            outage.call(question)
    assert question.asked == 3
    question.fault = None
    clock.now += RETRY_SECONDS
    assert outage.call(question) == "yes"
    assert outage.call(question) == "yes"
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "Store does not answer (KeyError): goes on"),
        ("INFO", "Store answers again: rate limits are in force"),
    ]


def test_a_store_that_is_only_read_is_not_back(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    write, read = Flaky(), Flaky()
    outage = StoreHealth("Store", "goes on", (KeyError,), clock=clock, probe=write)
    assert outage.call(read) == "yes"
    assert write.asked == 0
    write.fault = KeyError("full")
    with pytest.raises(StoreUnavailable):
        outage.call(write)
    clock.now += RETRY_SECONDS
    with pytest.raises(StoreUnavailable):
        outage.call(read)
    write.fault = None
    clock.now += RETRY_SECONDS
    assert outage.call(read) == "yes"
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]


def test_a_redis_that_is_full_is_away_until_it_takes_more(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    store = RedisStore(redis.url, amounts(5, 5, 0), meanwhile="-")
    assert store.take(REQUESTS, "full")
    redis.client.config_set("maxmemory", "1")
    with pytest.raises(StoreUnavailable):
        store.take(REQUESTS, "full")
    store._health._again = 0.0
    with pytest.raises(StoreUnavailable):
        store.level(TOKENS, "full")
    redis.client.config_set("maxmemory", "0")
    store._health._again = 0.0
    assert store.level(TOKENS, "full").remaining == 5
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]
    store.close()


def test_other_errors_than_an_outage_are_bugs(clock: Clock) -> None:
    question = Flaky()
    question.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        StoreHealth("Store", "goes on", (KeyError,), clock=clock).call(question)


def test_two_stores_share_one_limit_to_the_request(redis: RedisServer) -> None:
    redis.client.flushall()
    stores = [RedisStore(redis.url, amounts(50, 0, 7), meanwhile="-") for _ in range(4)]
    taken = [gevent.spawn(stores[n % 4].take, REQUESTS, "a") for n in range(200)]
    opened = [gevent.spawn(stores[n % 4].take, STREAMS, "a", lease=f"lease-{n}") for n in range(40)]
    assert sum(bool(asked.get()) for asked in taken) == 50
    assert sum(bool(asked.get()) for asked in opened) == 7
    for store in stores:
        assert store.level(REQUESTS, "a").remaining == 0
        store.close()


def test_what_stands_in_redis_lapses_and_names_no_key(redis: RedisServer) -> None:
    redis.client.flushall()
    store = RedisStore(redis.url, amounts(50, 50, 7), meanwhile="-")
    limits = limits_of(requests=50, tokens=50, streams=7)
    client = client_identity({"x-api-key": "sk-secret"}, (), "")
    asked = ticket(store, limits, client=client)
    asked.begin()
    asked.take(STREAMS)
    asked.charge(5)
    keys = redis.client.keys("*")
    assert sorted(keys) == [
        f"{PREFIX}:requests/moving:{client}/50",
        f"{PREFIX}:streams:leases:{client}",
        f"{PREFIX}:tokens/fixed:{client}/50",
    ]
    assert all(0 < redis.client.ttl(key) <= MINUTE for key in keys)
    asked.close()
    store.close()


@pytest.mark.long
def test_leases_are_renewed_and_those_of_a_dead_worker_lapse(redis: RedisServer) -> None:
    redis.client.flushall()
    alive, dead, late = (
        RedisStore(redis.url, amounts(0, 0, 2), meanwhile="-", lease_seconds=2.4) for _ in range(3)
    )
    assert alive.take(STREAMS, "a", lease="running")
    # A killed worker renews nothing any more and gives nothing back.
    dead._renewing = True
    assert dead.take(STREAMS, "a", lease="lost")
    assert not late.take(STREAMS, "a", lease="late")
    until(lambda: late.take(STREAMS, "a", lease="late"), "what the dead worker held does not lapse")
    assert sorted(redis.client.zrange(f"{PREFIX}:streams:leases:a", 0, -1)) == ["late", "running"]
    gevent.sleep(3)
    assert not dead.take(STREAMS, "a", lease="another")
    alive.give_back(STREAMS, "a", "running")
    late.give_back(STREAMS, "a", "late")
    assert redis.client.zrange(f"{PREFIX}:streams:leases:a", 0, -1) == []
    gevent.sleep(1.5)
    assert not alive._renewing
    for store in (alive, dead, late):
        store.close()


def test_redis_that_goes_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    with redis_server(password="hidden-word") as server:
        store = RedisStore(server.url, amounts(5, 5, 5), meanwhile="goes on")
        limits = limits_of(requests=5, tokens=5, streams=5)
        clock = Clock()
        store._health._clock = clock
        ticket(store, limits).begin()
        server.stop()
        running = ticket(store, limits)
        running.begin()
        running.take(STREAMS)
        running.charge(3)
        assert running.headers == {}
        with pytest.raises(LimitsUnknown) as refused:
            Limiter(Limits(amounts(5), fail_closed=True), store).ticket("a", spends=True).begin()
        assert (refused.value.status, refused.value.type) == (503, "api_error")
        assert refused.value.headers == {"retry-after": "5"}
        assert "cannot be checked" in refused.value.message
        server.start()
        clock.now += RETRY_SECONDS
        after = ticket(store, limits)
        after.begin()
        assert after.headers["anthropic-ratelimit-requests-remaining"] == "4"
        # Scripts are loaded again, and the stream that nobody could count counts now.
        store._renew_all(dict(store._leases))
        assert server.client.zcard(f"{PREFIX}:streams:leases:a") == 1
        running.close()
        assert server.client.zcard(f"{PREFIX}:streams:leases:a") == 0
        store.close()
    told = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert [level for level, _ in told] == ["WARNING", "INFO"]
    assert told[0][1].startswith(f"Redis at 127.0.0.1:{server.port} does not answer (")
    assert "hidden-word" not in str(told)


def test_a_wrong_password_is_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    with redis_server(password="right-word") as server:
        url = server.url.replace("right-word", "wrong-word")
        store = RedisStore(url, amounts(5, 0, 0), meanwhile="goes on")
        assert not store.reach()
        store.close()
    assert "AuthenticationError" in caplog.text
    assert "word" not in caplog.text


def test_a_redis_that_swallows_everything_costs_one_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = RedisStore(
            f"redis://127.0.0.1:{silent.getsockname()[1]}", amounts(5, 5, 5), meanwhile="goes on"
        )
        started = monotonic()
        for _ in range(300):
            ticket(store, limits_of(5, 5)).begin()
        assert monotonic() - started < 20
        store.close()


class SlowBeginning:
    """A way to a server on which each connection needs ``seconds`` before anything passes."""

    def __init__(self, port: int, seconds: float) -> None:
        self.begun = 0
        self._seconds = seconds
        self._target = ("127.0.0.1", port)
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.url = f"redis://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.stop()

    def _serve(self, client: socket.socket, _: object) -> None:
        self.begun += 1
        gevent.sleep(self._seconds)
        with socket.create_connection(self._target) as server, suppress(OSError):
            back = gevent.spawn(self._pass, server, client)
            self._pass(client, server)
            back.kill()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)


def test_a_slow_beginning_only_delays(
    server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    server.client.flushall()
    way = SlowBeginning(server.port, 3)
    store = RedisStore(way.url, amounts(5, 0, 0), meanwhile="goes on")
    store._health._clock = clock
    began = monotonic()
    assert not store.reach()
    assert monotonic() - began < 2.9

    def back() -> bool:
        clock.now += RETRY_SECONDS
        return store.reach()

    until(back, "the connection is never used")
    assert [
        store.level(REQUESTS, "a").remaining for _ in range(3) if store.take(REQUESTS, "a")
    ] == [4, 3, 2]
    assert way.begun == 1
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    store.close()
    way.close()


def test_valkeys_address_is_understood(redis: RedisServer) -> None:
    store = RedisStore(redis.url.replace("redis", "valkey"), amounts(5, 0, 0), meanwhile="-")
    assert store.reach()
    store.close()


def test_counting_in_memory_takes_microseconds() -> None:
    store = MemoryStore(amounts(10**6, 10**9, 10))
    limits = limits_of(requests=10**6, tokens=10**9, streams=10)
    best = MINUTE
    for _ in range(5):
        started = time()
        for number in range(200):
            asked = ticket(store, limits, client=f"c{number}")
            asked.begin()
            asked.take(STREAMS)
            asked.charge(100)
            asked.close()
        best = min(best, (time() - started) / 200)
    # Measured: 20 microseconds; a machine of eight may be busy.
    assert best < 0.0005
