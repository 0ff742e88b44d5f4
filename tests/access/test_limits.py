"""Rate limits below HTTP: counts in memory and in a real Redis, headers, identities, outages."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, time

import gevent
import pytest
from gevent.server import StreamServer

from proxy.access.limits.headers import Level, limit_headers, refusal, rfc3339
from proxy.access.limits.identity import client_address, client_identity
from proxy.access.limits.limiter import Limiter, Limits, Ticket
from proxy.access.limits.memory_store import MemoryStore, WorkerStorage
from proxy.access.limits.redis_store import PREFIX, RedisStore
from proxy.access.limits.store import Store, StoreAway
from proxy.access.limits.store_health import REST_SECONDS, Outage
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
        "access.limits.store_health.ASK_SECONDS",
        "redis_client.SECONDS",
        "redis_client.CONNECT_SECONDS",
    ):
        monkeypatch.setattr(f"proxy.{name}", PATIENCE)
    return server


Make = Callable[..., Store]


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a store with the given limits, of either kind; those of Redis share one server."""
    stores: list[RedisStore] = []

    def made(requests: int = 0, tokens: int = 0, streams: int = 0) -> Store:
        if request.param == "memory":
            return MemoryStore(requests, tokens, streams)
        server: RedisServer = request.getfixturevalue("redis")
        server.client.flushall()
        stores.append(RedisStore(server.url, requests, tokens, streams, meanwhile="-"))
        return stores[-1]

    yield made
    for store in stores:
        store.close()


def ticket(store: Store, limits: Limits, *, costly: bool = True, client: str = "a") -> Ticket:
    return Limiter(limits, store).ticket(client, tokens=costly)


def test_requests_are_counted_to_the_request(make: Make) -> None:
    store = make(requests=3)
    left = []
    for _ in range(3):
        asked = ticket(store, Limits(3))
        asked.take()
        left.append(asked.headers["anthropic-ratelimit-requests-remaining"])
    assert left == ["2", "1", "0"]
    with pytest.raises(RateLimited) as refused:
        ticket(store, Limits(3)).take()
    assert (refused.value.status, refused.value.type) == (429, "rate_limit_error")
    assert refused.value.message.startswith("This client's rate limit of 3 requests per minute is")
    assert 58 <= int(refused.value.headers["retry-after"]) <= 60
    assert refused.value.headers["anthropic-ratelimit-requests-limit"] == "3"
    ticket(store, Limits(3), client="b").take()


def test_used_up_tokens_refuse_without_taking_a_request(make: Make) -> None:
    store = make(requests=9, tokens=100)
    limits = Limits(requests=9, tokens=100)
    asked = ticket(store, limits)
    asked.take()
    assert asked.headers["anthropic-ratelimit-tokens-remaining"] == "100"
    asked.charge(99)
    asked.charge(99)
    last = ticket(store, limits)
    last.take()
    assert last.headers["anthropic-ratelimit-tokens-remaining"] == "1"
    last.charge(5000)
    with pytest.raises(RateLimited, match="100 tokens per minute") as refused:
        ticket(store, limits).take()
    headers = refused.value.headers
    assert headers["anthropic-ratelimit-tokens-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-remaining"] == "7"
    assert 58 <= int(headers["retry-after"]) <= 60
    # What costs no tokens goes on.
    ticket(store, limits, costly=False).take()


def test_a_refused_stream_takes_nothing(make: Make) -> None:
    store = make(requests=9, streams=2)
    limits = Limits(requests=9, streams=2)
    running = [ticket(store, limits) for _ in range(2)]
    for stream in running:
        stream.take()
        stream.open_stream()
    late = ticket(store, limits)
    late.take()
    with pytest.raises(RateLimited, match="of 2 streams at a time is reached") as refused:
        late.open_stream()
    assert refused.value.headers["retry-after"] == "2"
    assert refused.value.headers["anthropic-ratelimit-requests-remaining"] == "7"
    late.close()
    other = ticket(store, limits, client="b")
    other.open_stream()
    running[0].close()
    running[0].close()
    again = ticket(store, limits)
    again.take()
    assert again.headers["anthropic-ratelimit-requests-remaining"] == "6"
    again.open_stream()
    with pytest.raises(RateLimited):
        ticket(store, limits).open_stream()


def test_a_window_moves(clock: Clock) -> None:
    store = MemoryStore(2, 0, 0, clock=clock)
    assert store.take_request("a")
    clock.now += 20
    assert store.take_request("a")
    assert store.requests("a") == Level(2, 0, 40.0)
    clock.now += 39.9
    assert not store.take_request("a")
    clock.now += 0.1
    assert store.take_request("a")
    assert not store.take_request("a")
    assert store.requests("a") == Level(2, 0, 20.0)


def test_tokens_recover_a_minute_after_the_first_of_them(clock: Clock) -> None:
    store = MemoryStore(0, 10, 0, clock=clock)
    assert store.tokens("a") == Level(10, 10, 0.0)
    store.charge("a", 4)
    clock.now += 30
    store.charge("a", 40)
    assert store.tokens("a") == Level(10, 0, 30.0)
    clock.now += 30
    assert store.tokens("a") == Level(10, 10, 0.0)


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
    store = MemoryStore(0, 0, 1)
    for number in range(50):
        assert store.open_stream(f"client-{number}", "lease")
        store.close_stream(f"client-{number}", "lease")
    assert not store._streams


def test_headers_are_those_of_the_messages_api() -> None:
    levels = {"requests": Level(5, 2, 12.2), "tokens": Level(100, -7, 0.0)}
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
    error = refusal("requests", 5, seconds, {"a": "b"})
    assert error.headers == {"a": "b", "retry-after": wait}


def test_a_moment_is_rounded_up() -> None:
    assert rfc3339(0.0) == "1970-01-01T00:00:00Z"
    assert rfc3339(0.001) == "1970-01-01T00:00:01Z"


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
    assert client_identity({"x-api-key": "a"}, (), "10.0.0.1", anybody=True) == address
    upstream = client_identity({"authorization": "Bearer b"}, (), "10.0.0.1")
    sent = {"x-api-key": "a", "authorization": "Bearer b"}
    assert client_identity(sent, (), "", dynamic=True, anybody=True) == upstream


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


def test_an_outage_is_told_once_and_its_end_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    outage, question = Outage("Store", "goes on", (KeyError,), clock=clock), Flaky()
    assert outage.ask(question) == "yes"
    question.fault = KeyError("secret")
    for _ in range(5):
        with pytest.raises(StoreAway):
            outage.ask(question)
    assert question.asked == 2
    clock.now += REST_SECONDS
    for _ in range(5):
        with pytest.raises(StoreAway):
            outage.ask(question)
    assert question.asked == 3
    question.fault = None
    clock.now += REST_SECONDS
    assert outage.ask(question) == "yes"
    assert outage.ask(question) == "yes"
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "Store is away (KeyError): goes on"),
        ("INFO", "Store is back: rate limits are in force again"),
    ]


def test_a_store_that_is_only_read_is_not_back(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    write, read = Flaky(), Flaky()
    outage = Outage("Store", "goes on", (KeyError,), clock=clock, probe=write)
    assert outage.ask(read) == "yes"
    assert write.asked == 0
    write.fault = KeyError("full")
    with pytest.raises(StoreAway):
        outage.ask(write)
    clock.now += REST_SECONDS
    with pytest.raises(StoreAway):
        outage.ask(read)
    write.fault = None
    clock.now += REST_SECONDS
    assert outage.ask(read) == "yes"
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]


def test_a_redis_that_is_full_is_away_until_it_takes_more(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    store = RedisStore(redis.url, 5, 5, 0, meanwhile="-")
    assert store.take_request("full")
    redis.client.config_set("maxmemory", "1")
    with pytest.raises(StoreAway):
        store.take_request("full")
    store._outage._again = 0.0
    with pytest.raises(StoreAway):
        store.tokens("full")
    redis.client.config_set("maxmemory", "0")
    store._outage._again = 0.0
    assert store.tokens("full").remaining == 5
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]
    store.close()


def test_what_is_no_outage_is_a_bug(clock: Clock) -> None:
    question = Flaky()
    question.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        Outage("Store", "goes on", (KeyError,), clock=clock).ask(question)


def test_two_stores_share_one_limit_to_the_request(redis: RedisServer) -> None:
    redis.client.flushall()
    stores = [RedisStore(redis.url, 50, 0, 7, meanwhile="-") for _ in range(4)]
    taken = [gevent.spawn(stores[n % 4].take_request, "a") for n in range(200)]
    opened = [gevent.spawn(stores[n % 4].open_stream, "a", f"lease-{n}") for n in range(40)]
    assert sum(bool(asked.get()) for asked in taken) == 50
    assert sum(bool(asked.get()) for asked in opened) == 7
    for store in stores:
        assert store.requests("a").remaining == 0
        store.close()


def test_what_stands_in_redis_lapses_and_names_no_key(redis: RedisServer) -> None:
    redis.client.flushall()
    store = RedisStore(redis.url, 50, 50, 7, meanwhile="-")
    limits = Limits(requests=50, tokens=50, streams=7)
    client = client_identity({"x-api-key": "sk-secret"}, (), "")
    asked = ticket(store, limits, client=client)
    asked.take()
    asked.open_stream()
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
        RedisStore(redis.url, 0, 0, 2, meanwhile="-", lease_seconds=2.4) for _ in range(3)
    )
    assert alive.open_stream("a", "running")
    # A killed worker renews nothing any more and gives nothing back.
    dead._renewing = True
    assert dead.open_stream("a", "lost")
    assert not late.open_stream("a", "late")
    until(lambda: late.open_stream("a", "late"), "what the dead worker held does not lapse")
    assert sorted(redis.client.zrange(f"{PREFIX}:streams:leases:a", 0, -1)) == ["late", "running"]
    gevent.sleep(3)
    assert not dead.open_stream("a", "another")
    alive.close_stream("a", "running")
    late.close_stream("a", "late")
    assert redis.client.zrange(f"{PREFIX}:streams:leases:a", 0, -1) == []
    gevent.sleep(1.5)
    assert not alive._renewing
    for store in (alive, dead, late):
        store.close()


def test_redis_that_goes_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "proxy.access.limits")
    with redis_server(password="hidden-word") as server:
        store = RedisStore(server.url, 5, 5, 5, meanwhile="goes on")
        limits = Limits(requests=5, tokens=5, streams=5)
        clock = Clock()
        store._outage._clock = clock
        ticket(store, limits).take()
        server.stop()
        running = ticket(store, limits)
        running.take()
        running.open_stream()
        running.charge(3)
        assert running.headers == {}
        with pytest.raises(LimitsUnknown) as refused:
            Limiter(Limits(requests=5, fail_closed=True), store).ticket("a", tokens=True).take()
        assert (refused.value.status, refused.value.type) == (503, "api_error")
        assert refused.value.headers == {"retry-after": "5"}
        assert "cannot be checked" in refused.value.message
        server.start()
        clock.now += REST_SECONDS
        after = ticket(store, limits)
        after.take()
        assert after.headers["anthropic-ratelimit-requests-remaining"] == "4"
        # Scripts are loaded again, and the stream that nobody could count counts now.
        store._renew_all(dict(store._leases))
        assert server.client.zcard(f"{PREFIX}:streams:leases:a") == 1
        running.close()
        assert server.client.zcard(f"{PREFIX}:streams:leases:a") == 0
        store.close()
    told = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert [level for level, _ in told] == ["WARNING", "INFO"]
    assert told[0][1].startswith(f"Redis at 127.0.0.1:{server.port} is away (")
    assert "hidden-word" not in str(told)


def test_a_wrong_password_is_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    with redis_server(password="right-word") as server:
        url = server.url.replace("right-word", "wrong-word")
        store = RedisStore(url, 5, 0, 0, meanwhile="goes on")
        assert not store.reach()
        store.close()
    assert "AuthenticationError" in caplog.text
    assert "word" not in caplog.text


def test_a_redis_that_swallows_everything_costs_one_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = RedisStore(
            f"redis://127.0.0.1:{silent.getsockname()[1]}", 5, 5, 5, meanwhile="goes on"
        )
        started = monotonic()
        for _ in range(300):
            ticket(store, Limits(5, 5)).take()
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
    store = RedisStore(way.url, 5, 0, 0, meanwhile="goes on")
    store._outage._clock = clock
    began = monotonic()
    assert not store.reach()
    assert monotonic() - began < 2.9

    def back() -> bool:
        clock.now += REST_SECONDS
        return store.reach()

    until(back, "the connection is never used")
    assert [store.requests("a").remaining for _ in range(3) if store.take_request("a")] == [4, 3, 2]
    assert way.begun == 1
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    store.close()
    way.close()


def test_valkeys_address_is_understood(redis: RedisServer) -> None:
    store = RedisStore(redis.url.replace("redis", "valkey"), 5, 0, 0, meanwhile="-")
    assert store.reach()
    store.close()


def test_counting_in_memory_takes_microseconds() -> None:
    store = MemoryStore(10**6, 10**9, 10)
    limits = Limits(requests=10**6, tokens=10**9, streams=10)
    best = MINUTE
    for _ in range(5):
        started = time()
        for number in range(200):
            asked = ticket(store, limits, client=f"c{number}")
            asked.take()
            asked.open_stream()
            asked.charge(100)
            asked.close()
        best = min(best, (time() - started) / 200)
    # Measured: 20 microseconds; a machine of eight may be busy.
    assert best < 0.0005
