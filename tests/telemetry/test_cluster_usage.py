"""Usage counts summed in a real Redis."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from time import time

import gevent
import pytest

from proxy.redis_client import redis_client
from proxy.telemetry import cluster_usage
from proxy.telemetry.cluster_usage import HASH, ClusterUsage
from proxy.telemetry.request_record import RequestRecord
from proxy.telemetry.stats import Counts, totals
from tests.redis_relay import RedisRelay
from tests.redis_server import RedisServer, redis_server
from tests.waiting import until

REQUESTS = ("statuses", "200")
COST = ("cost", 'a:model|with "odd" signs')


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


class Worker:
    """One worker's counters and its share of the sums."""

    def __init__(self, server: RedisServer, counts: Counts | None = None) -> None:
        self.counts = counts or {}
        self.usage = ClusterUsage(redis_client(server.url), lambda: dict(self.counts))

    def count(self, key: tuple[str, ...] = REQUESTS, number: float = 1) -> None:
        self.usage.expect(RequestRecord("req_1", "req_1", "POST", "/v1/messages"))
        self.counts[key] = self.counts.get(key, 0) + number

    def sums(self) -> Counts:
        found = self.usage.sums()
        assert found is not None
        return found[0]


def test_two_workers_are_summed(server: RedisServer) -> None:
    one, two = Worker(server), Worker(server)
    for _ in range(3):
        one.count()
        two.count(COST, 0.1)
    assert one.usage.flush()
    assert two.usage.flush()
    one.count()
    assert one.usage.flush()
    assert one.usage.flush()
    assert two.sums() == {REQUESTS: 4, COST: pytest.approx(0.3)}


def test_clients_are_summed_and_ordered_by_the_place_of_their_key(server: RedisServer) -> None:
    one, two = Worker(server), Worker(server)
    for place in (10, 2, 1):
        one.count(("clients", f"key {place}"), place)
        two.count(("clients", f"key {place}"))
    two.count(("clients", "other"))
    assert one.usage.flush()
    assert two.usage.flush()
    shown = totals(one.sums(), 0.0)["clients"]
    assert list(shown.items()) == [("key 1", 2), ("key 2", 3), ("key 10", 11), ("other", 1)]


def test_what_a_predecessor_counted_is_not_sent_again(server: RedisServer) -> None:
    worker = Worker(server, {REQUESTS: 10})
    worker.count()
    worker.usage.flush()
    assert worker.sums() == {REQUESTS: 1}


def test_they_are_sent_without_being_asked(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_usage, "FLUSH_SECONDS", 0.05)
    worker = Worker(server)
    worker.count()
    for _ in range(100):
        if worker.sums():
            break
        gevent.sleep(0.05)
    assert worker.sums() == {REQUESTS: 1}
    worker.count()
    for _ in range(100):
        if worker.sums() == {REQUESTS: 2}:
            break
        gevent.sleep(0.05)
    assert worker.sums() == {REQUESTS: 2}


def test_once_closed_nothing_is_sent_by_itself(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_usage, "FLUSH_SECONDS", 0.05)
    worker = Worker(server)
    worker.count()
    worker.usage.close()
    assert worker.sums() == {REQUESTS: 1}
    worker.count()
    gevent.sleep(0.3)
    assert worker.sums() == {REQUESTS: 1}


def test_redis_away_is_told_once_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    with redis_server() as server:
        worker = Worker(server)
        worker.count()
        assert worker.usage.flush()
        server.stop()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                worker.count()
                assert not worker.usage.flush()
                assert worker.usage.sums() is None
            assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
                "Redis does not answer, usage counts are kept and sent later"
            ]
            # It comes back empty: the first request is gone with it.
            server.start()
            assert worker.usage.flush()
        assert caplog.messages[1:] == ["Redis answers again, usage counts are shared"]
        assert worker.sums() == {REQUESTS: 3}


def test_after_any_other_failure_the_worker_goes_on(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cluster_usage, "FLUSH_SECONDS", 0.01)
    failures = [OSError(24, "Too many open files"), ValueError("broken"), KeyError("gone")]
    counts: Counts = {}
    first = [True]

    def counted() -> Counts:
        # The first read is that of a request.
        if failures and not first:
            raise failures.pop()
        first.clear()
        return dict(counts)

    usage = ClusterUsage(redis_client(server.url), counted)
    with caplog.at_level(logging.WARNING):
        usage.expect(RequestRecord("req_1", "req_1", "POST", "/v1/messages"))
        counts[REQUESTS] = 1
        until(lambda: (usage.sums() or ({}, 0))[0] == {REQUESTS: 1}, "it is silent for good")
    assert failures == []
    assert caplog.messages == ["uncaught exception"] * 3


def test_a_batch_whose_answer_was_lost_is_not_added_twice(server: RedisServer) -> None:
    with RedisRelay(server.port) as relay:
        worker = Worker(replace(server, port=relay.port))
        worker.count()
        assert worker.usage.flush()
        worker.count()
        relay.loses_answers = True
        assert not worker.usage.flush()
        assert Worker(server).sums() == {REQUESTS: 2}
        relay.loses_answers = False
        worker.count()
        assert worker.usage.flush()
        assert worker.sums() == {REQUESTS: 3}


def test_the_beginning_is_that_of_the_first_machine(server: RedisServer) -> None:
    one = Worker(server)
    one.count()
    one.usage.flush()
    first = one.usage.sums()
    two = Worker(server)
    two.count()
    two.usage.flush()
    second = two.usage.sums()
    assert first is not None
    assert second is not None
    assert first[1] == second[1] == float(server.client.hget(HASH, "since") or 0)


TEXT = "no number"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("no JSON", "1", id="a name that is no JSON"),
        pytest.param("\xff", "1", id="a name in another encoding"),
        pytest.param('["statuses"]', "1", id="no label"),
        pytest.param('["statuses","200","more"]', "1", id="too many labels"),
        pytest.param('["another section","a"]', "1", id="an unknown section"),
        pytest.param('["statuses",200]', "1", id="a label that is no text"),
        pytest.param('{"statuses":1}', "1", id="an object"),
        pytest.param("[]", "1", id="an empty list"),
        pytest.param("7", "1", id="a number"),
        pytest.param('["tokens","a"]', "1", id="half a name"),
        pytest.param('["statuses","201"]', TEXT, id="a text"),
        pytest.param('["statuses","201"]', "", id="nothing"),
        pytest.param('["statuses","201"]', "nan", id="NaN"),
        pytest.param('["statuses","201"]', "inf", id="infinity"),
        pytest.param('["statuses","201"]', "-3", id="below 0"),
        pytest.param('["statuses","201"]', "1e300", id="above what JSON can hold"),
    ],
)
def test_a_field_of_another_program_is_left_out(
    server: RedisServer, field: str, value: str
) -> None:
    worker = Worker(server)
    worker.count()
    assert worker.usage.flush()
    server.client.hset(HASH, field.encode("latin-1"), value)
    assert worker.sums() == {REQUESTS: 1}
    totals(worker.sums(), 0.0)


@pytest.mark.parametrize("since", [TEXT, "nan", "inf", "-1", "1e300", ""])
def test_a_beginning_that_is_no_time_is_now(server: RedisServer, since: str) -> None:
    server.client.hset(HASH, "since", since)
    found = Worker(server).usage.sums()
    assert found is not None
    assert abs(found[1] - time()) < 60


@pytest.mark.parametrize("value", [TEXT, "inf", "nan", ""])
def test_a_count_that_is_no_number_begins_anew_and_stops_no_other(
    server: RedisServer, value: str
) -> None:
    other = ("statuses", "500")
    worker = Worker(server)
    server.client.hset(HASH, '["statuses","200"]', value)
    for _ in range(2):
        worker.count(other)
        worker.count()
        worker.count(COST)
        assert worker.usage.flush()
    assert worker.sums() == {other: 2, REQUESTS: 2, COST: 2}


def test_a_value_of_another_type_is_told_as_such_and_nothing_is_lost(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.client.set(HASH, TEXT)
    worker = Worker(server)
    worker.count()
    assert not worker.usage.flush()
    assert worker.usage.sums() is None
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "Redis holds something else"
    ]
    server.client.delete(HASH)
    worker.count()
    assert worker.usage.flush()
    assert worker.sums() == {REQUESTS: 2}


def test_a_flush_that_fails_in_any_way_leaves_no_worker_silent(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_usage, "FLUSH_SECONDS", 0.01)
    worker, faults = Worker(server), [ZeroDivisionError()]

    def counted() -> Counts:
        if worker.sums() and faults:
            raise faults.pop()
        return dict(worker.counts)

    worker.usage = ClusterUsage(redis_client(server.url), counted)
    for _ in range(500):
        worker.count()
        gevent.sleep(0.02)
        if not faults and worker.sums() == worker.counts:
            return
    raise AssertionError("nothing is sent any more")
