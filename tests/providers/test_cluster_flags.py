"""Learned flags of several machines, through a real Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from proxy.providers import cluster_flags
from proxy.providers.cluster_flags import HASH, MOST_FIELDS, ClusterFlags
from proxy.providers.learned_entry import VALID_SECONDS, decoded_entry
from proxy.providers.learned_flags import CAPACITY, LearnedFlags
from proxy.redis_client import redis_client
from tests.redis_server import RedisServer, redis_server
from tests.waiting import until

NOW = 1_000_000.0


class Machine:
    """One machine's flags, which exchange only when told to."""

    running: list[Machine]
    """Those of the present test."""

    def __init__(self, server: RedisServer) -> None:
        self.running.append(self)
        self.now = NOW
        self.learned = LearnedFlags(lambda: self.now)
        self.cluster = ClusterFlags(redis_client(server.url), self.learned, lambda: self.now)
        # No greenlet runs between the steps of a test.
        self.learned.listen = None

    def flags(self, model: str = "m") -> object:
        assert self.cluster.exchange()
        return self.learned.flags_for("u", model)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    Machine.running = []
    with redis_server() as server:
        yield server
        for machine in Machine.running:
            # Its greenlet would otherwise report in a later test that Redis does not answer.
            machine.cluster.close()


def test_machines_learn_and_forget_together(redis: RedisServer) -> None:
    one, other = Machine(redis), Machine(redis)
    one.learned.learn("u", "m", {"efforts": ("low", "high"), "no_stop": True})
    assert one.flags() == other.flags() == {"efforts": ("low", "high"), "no_stop": True}
    other.now += 1
    other.learned.learn("u", "m", {"vision": False}, forget=["efforts"])
    assert other.flags() == one.flags() == {"no_stop": True, "vision": False}
    one.now += 2
    one.learned.forget("u", "m")
    assert one.flags() == other.flags() == {}


def test_a_machine_that_starts_later_knows_what_the_others_learned(redis: RedisServer) -> None:
    one = Machine(redis)
    one.learned.learn("u", "m", {"vision": False})
    one.cluster.close()
    assert Machine(redis).flags() == {"vision": False}


def test_the_hash_expires_and_expired_fields_are_removed(redis: RedisServer) -> None:
    one = Machine(redis)
    one.learned.learn("u", "old", {"vision": False})
    one.flags()
    assert 0 < redis.client.ttl(HASH) <= VALID_SECONDS
    one.now += VALID_SECONDS
    one.learned.learn("u", "new", {"vision": False})
    assert one.flags("new") == {"vision": False}
    assert redis.client.hkeys(HASH) == ['["u","new"]']


def test_the_hash_does_not_grow_without_end(redis: RedisServer) -> None:
    one = Machine(redis)
    for number in range(CAPACITY + 3):
        one.now += 0.001
        one.learned.learn("u", f"m{number}", {"vision": False})
    one.flags()
    assert redis.client.hlen(HASH) == CAPACITY
    assert not redis.client.hexists(HASH, '["u","m2"]')


def test_foreign_fields_are_removed_and_harm_nobody(redis: RedisServer) -> None:
    redis.client.hset(
        HASH, mapping={"x": "y", '["u","m"]': "[1", '["u","n"]': '[1003600,1,{"a":1}]'}
    )
    assert Machine(redis).flags() == {}
    assert redis.client.hkeys(HASH) == ['["u","n"]']


def test_a_key_of_another_type_ends_only_the_sharing(redis: RedisServer) -> None:
    redis.client.set(HASH, "text")
    one = Machine(redis)
    one.learned.learn("u", "m", {"vision": False})
    assert not one.cluster.exchange()
    assert one.learned.flags_for("u", "m") == {"vision": False}
    redis.client.delete(HASH)
    assert Machine(redis).flags() == {}
    assert one.flags() == {"vision": False}


def test_a_value_of_another_type_is_told_as_such(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis.client.set(HASH, "text")
    assert not Machine(redis).cluster.exchange()
    assert [record.message.partition(",")[0] for record in caplog.records] == [
        "Redis holds something else"
    ]


FOREIGN = [
    "text",
    "[1",
    "7",
    '"ab"',
    '{"a":1,"b":2}',
    "[]",
    "[9e99,1]",
    '["9e99",1,{}]',
    "[9e99,1,[]]",
    "[9e99,1,{}],1",
    "[1e999,1e999,{}]",
    "[" * 5000,
    "[9e99,1,{" + '"a":1,' * 5000 + '"b":1}]',
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda value: value[:20])
def test_no_field_of_another_program_stops_the_sharing(redis: RedisServer, foreign: str) -> None:
    good = Machine(redis)
    good.learned.learn("u", "m", {"vision": False})
    good.flags()
    redis.client.hset(HASH, mapping={foreign: "[1003600,1,{}]", '["u","n"]': foreign})
    assert Machine(redis).flags() == {"vision": False}
    assert redis.client.hkeys(HASH) == ['["u","m"]']


def test_names_that_are_never_stored_are_not_adopted(redis: RedisServer) -> None:
    long = json.dumps(["u" * 1000, "m" * 1000])
    redis.client.hset(HASH, long, '[1003600,1,{"vision":false}]')
    one = Machine(redis)
    assert one.flags() == {}
    assert one.learned.flags_for("u" * 1000, "m" * 1000) == {}
    assert redis.client.hkeys(HASH) == []


def test_each_field_is_decoded_once(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def noted(pair: bytes, entry: bytes, now: float) -> object:
        read.append(pair)
        return decoded_entry(pair, entry, now)

    monkeypatch.setattr("proxy.providers.cluster_flags.decoded_entry", noted)
    one, other = Machine(redis), Machine(redis)
    for number in range(20):
        one.learned.learn("u", f"m{number}", {"vision": False})
        assert one.flags(f"m{number}") == other.flags(f"m{number}") == {"vision": False}
    assert len(read) == 40


def test_a_hash_that_is_far_too_large_is_removed_unread(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis.client.hset(HASH, mapping={f'["u","{number}"]': "x" for number in range(MOST_FIELDS + 1)})
    one = Machine(redis)
    monkeypatch.setattr("proxy.providers.cluster_flags.decoded_entry", None)
    assert one.flags() == {}
    assert redis.client.hkeys(HASH) == []


def test_what_could_not_be_sent_is_sent_later(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = Machine(redis), Machine(redis)
    redis.stop()
    one.learned.learn("u", "m", {"vision": False})
    assert [one.cluster.exchange() for _ in range(3)] == [False] * 3
    redis.start()
    assert one.flags() == other.flags() == {"vision": False}
    assert [record.message.partition(",")[0] for record in caplog.records] == [
        "Redis does not answer",
        "Redis answers again",
    ]


@pytest.mark.parametrize(
    ("base_url", "sent"),
    [
        ("https://api.example/v1", True),
        ("https://x.openai.azure.com/openai?api-version=2024-10-21", True),
        ("https://user:secret@api.example/v1", False),
        ("https://secret@api.example/v1", False),
        ("https://api.example/v1?key=secret", False),
        ("https://api.example/v1?api-version=1&code=secret", False),
    ],
)
def test_a_url_that_may_hold_a_credential_stays_here(
    redis: RedisServer, base_url: str, sent: bool
) -> None:
    one = Machine(redis)
    one.learned.learn(base_url, "m", {"vision": False})
    assert one.cluster.exchange()
    assert bool(redis.client.hlen(HASH)) is sent
    assert one.learned.flags_for(base_url, "m") == {"vision": False}


def test_after_any_other_failure_the_machine_goes_on(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_flags, "EXCHANGE_SECONDS", 0.01)
    failures = [OSError(24, "Too many open files"), ValueError("broken")]

    def clock() -> float:
        if failures:
            raise failures.pop()
        return NOW

    learned, other = LearnedFlags(lambda: NOW), Machine(redis)
    cluster = ClusterFlags(redis_client(redis.url), learned, clock)
    other.learned.learn("u", "m", {"vision": False})
    assert other.cluster.exchange()
    # Each request asks, and that is when machines exchange what they know.
    until(lambda: learned.flags_for("u", "m"), "what others learned is not read")
    assert failures == []
    cluster.close()
