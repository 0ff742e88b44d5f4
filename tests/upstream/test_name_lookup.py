"""Lookups of upstream names: bounded, shared, kept for seconds, and none is held up by others."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TypeVar

import gevent
import pytest
from gevent.event import Event

from proxy.upstream.name_lookup import (
    ANSWER_SECONDS,
    FAILURE_SECONDS,
    LAST_ANSWER_SECONDS,
    MOST_IN_DOMAIN,
    MOST_LOOKUPS,
    MOST_NAMES,
    SILENT_SECONDS,
    LookupTimeout,
    NameLookup,
)
from tests.upstream.silent_names import Resolver, resolver
from tests.waiting import until

T = TypeVar("T")
PATIENT = 60.0


class Clock:
    """The monotonic clock, which a test can set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    with resolver(monkeypatch) as installed:
        yield installed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def names(clock: Clock) -> NameLookup:
    return NameLookup(clock)


def timed(function: Callable[[], T]) -> tuple[float, T]:
    began = monotonic()
    result = function()
    return monotonic() - began, result


def outcome(names: NameLookup, host: str, seconds: float) -> tuple[str, ...] | type[Exception]:
    try:
        return names.addresses(host, seconds)
    except Exception as error:
        return type(error)


def hold(names: NameLookup, system: Resolver, hosts: list[str], most: int = MOST_LOOKUPS) -> None:
    """Let callers ask for each of ``hosts``; returns once ``most`` lookups or all are being made."""
    for host in hosts:
        gevent.spawn(outcome, names, host, PATIENT)
    count = len(system.asked) + min(len(hosts), most)
    until(lambda: len(system.asked) == count, f"{len(system.asked)} lookups instead of {count}")


@pytest.mark.parametrize("address", ["10.1.2.3", "2606:4700::1111", "fe80::1"])
def test_an_address_is_not_looked_up(names: NameLookup, system: Resolver, address: str) -> None:
    assert names.addresses(address, 0.0) == (address,)
    assert system.asked == []


def test_localhost_is_not_looked_up(names: NameLookup, system: Resolver) -> None:
    assert names.addresses("localhost", 0.0)[-1] == "127.0.0.1"
    assert system.asked == []


def test_addresses_come_once_and_in_the_order_of_the_answer(
    names: NameLookup, system: Resolver
) -> None:
    system.answers["a.test"] = ["10.0.0.2", "10.0.0.1", "10.0.0.2"]
    assert names.addresses("a.test", PATIENT) == ("10.0.0.2", "10.0.0.1")


def test_callers_of_a_name_share_one_lookup(names: NameLookup, system: Resolver) -> None:
    callers = [gevent.spawn(names.addresses, "a.test", PATIENT) for _ in range(30)]
    gevent.joinall(callers)
    assert {caller.value for caller in callers} == {("127.0.0.1",)}
    assert system.asked == ["a.test"]


def test_an_answer_is_used_for_seconds(names: NameLookup, system: Resolver, clock: Clock) -> None:
    system.answers["a.test"] = ["10.0.0.1"]
    names.addresses("a.test", PATIENT)
    system.answers["a.test"] = ["10.0.0.2"]
    clock.ahead = ANSWER_SECONDS - 1
    assert names.addresses("a.test", PATIENT) == ("10.0.0.1",)
    clock.ahead = ANSWER_SECONDS + 1
    assert names.addresses("a.test", PATIENT) == ("10.0.0.2",)
    assert system.asked == ["a.test", "a.test"]


@pytest.mark.parametrize("error", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_a_failed_lookup_is_not_repeated_for_seconds(
    names: NameLookup, system: Resolver, clock: Clock, error: int
) -> None:
    system.answers["a.test"] = error
    for _ in range(3):
        with pytest.raises(socket.gaierror) as caught:
            names.addresses("a.test", PATIENT)
        assert caught.value.errno == error
    assert system.asked == ["a.test"]
    system.answers["a.test"] = ["10.0.0.1"]
    clock.ahead = FAILURE_SECONDS + 1
    assert names.addresses("a.test", PATIENT) == ("10.0.0.1",)


def test_a_caller_waits_no_longer_than_it_may(names: NameLookup, system: Resolver) -> None:
    took, ended = timed(lambda: outcome(names, "silent.test", 0.2))
    assert ended is LookupTimeout
    assert 0.2 <= took < 5


def test_a_lookup_that_took_too_long_is_not_waited_for_again(
    names: NameLookup, system: Resolver, clock: Clock
) -> None:
    hold(names, system, ["silent.test"])
    clock.ahead = 10.0
    took, ended = timed(lambda: outcome(names, "silent.test", 10.0))
    assert ended is LookupTimeout
    assert took < 5
    assert system.asked == ["silent.test"]


def test_who_comes_later_waits_only_for_the_rest(
    names: NameLookup, system: Resolver, clock: Clock
) -> None:
    hold(names, system, ["silent.test"])
    clock.ahead = 59.5
    took, ended = timed(lambda: outcome(names, "silent.test", PATIENT))
    assert ended is LookupTimeout
    assert took < 10


def test_silent_names_do_not_delay_another(
    names: NameLookup, system: Resolver, clock: Clock
) -> None:
    hold(names, system, [f"silent.{number}.test" for number in range(12)])
    took, ended = timed(lambda: outcome(names, "a.example", PATIENT))
    assert ended == ("127.0.0.1",)
    assert took < 5


def test_silent_names_of_one_domain_leave_room_for_others(
    names: NameLookup, system: Resolver, clock: Clock
) -> None:
    hold(
        names,
        system,
        [f"silent{number}.evil.test" for number in range(2 * MOST_LOOKUPS)],
        MOST_IN_DOMAIN,
    )
    clock.ahead = SILENT_SECONDS
    took, ended = timed(lambda: outcome(names, "another.evil.test", PATIENT))
    assert ended is LookupTimeout
    assert took < 5
    assert names.addresses("a.example", PATIENT) == ("127.0.0.1",)
    assert len([name for name in system.asked if name.startswith("silent")]) == MOST_IN_DOMAIN


def test_silent_names_everywhere_are_refused_at_once_but_what_is_known_goes_on(
    names: NameLookup, system: Resolver, clock: Clock
) -> None:
    assert names.addresses("known.test", PATIENT) == ("127.0.0.1",)
    hold(names, system, [f"silent.x{number}" for number in range(MOST_LOOKUPS)])
    clock.ahead = SILENT_SECONDS
    took, ended = timed(lambda: outcome(names, "a.example", PATIENT))
    assert ended is LookupTimeout
    assert took < 5
    for clock.ahead in (SILENT_SECONDS, LAST_ANSWER_SECONDS - 1):
        assert names.addresses("known.test", PATIENT) == ("127.0.0.1",)
    assert len(system.asked) == 1 + MOST_LOOKUPS
    system.release()
    found = ("127.0.0.1",)
    until(lambda: outcome(names, "a.example", PATIENT) == found, "still no room")


def test_many_names_at_a_time_whose_servers_answer(names: NameLookup, system: Resolver) -> None:
    callers = [
        gevent.spawn(names.addresses, f"n{number}.a.test", PATIENT)
        for number in range(3 * MOST_LOOKUPS)
    ]
    gevent.joinall(callers)
    assert {caller.value for caller in callers} == {("127.0.0.1",)}
    assert len(system.asked) == 3 * MOST_LOOKUPS


@pytest.mark.parametrize("silent", [True, False], ids=["no answer", "told failure"])
def test_the_last_answer_is_used_while_the_name_servers_do_not_answer(
    names: NameLookup, system: Resolver, clock: Clock, silent: bool
) -> None:
    system.answers["silent.test"] = ["10.0.0.1"]
    names.addresses("silent.test", PATIENT)
    if silent:
        del system.answers["silent.test"]
    else:
        system.answers["silent.test"] = socket.EAI_AGAIN
    clock.ahead = ANSWER_SECONDS + 1
    took, ended = timed(lambda: outcome(names, "silent.test", PATIENT))
    assert ended == ("10.0.0.1",)
    assert took < 10
    system.release()
    clock.ahead = LAST_ANSWER_SECONDS + FAILURE_SECONDS + 1
    until(lambda: outcome(names, "silent.test", PATIENT) is socket.gaierror, "used too long")


def test_the_last_answer_is_not_used_once_the_name_is_gone(
    names: NameLookup, system: Resolver, clock: Clock
) -> None:
    names.addresses("a.test", PATIENT)
    system.answers["a.test"] = socket.EAI_NONAME
    clock.ahead = ANSWER_SECONDS + 1
    assert outcome(names, "a.test", PATIENT) is socket.gaierror


def test_a_caller_that_is_cancelled_ends_nobody_elses_lookup(
    names: NameLookup, system: Resolver
) -> None:
    first = gevent.spawn(names.addresses, "silent.test", PATIENT)
    second = gevent.spawn(outcome, names, "silent.test", PATIENT)
    until(lambda: system.asked, "nothing is looked up")
    first.kill()
    system.release()
    assert second.get() is socket.gaierror
    assert system.asked == ["silent.test"]


def test_the_event_loop_goes_on_meanwhile(names: NameLookup, system: Resolver) -> None:
    hold(names, system, ["silent.test"])
    went_on = Event()
    gevent.spawn(went_on.set)
    assert went_on.wait(10)


def test_a_text_that_is_no_name(names: NameLookup, system: Resolver) -> None:
    with pytest.raises(UnicodeError):
        names.addresses(f"{'a' * 64}.test", PATIENT)
    assert system.asked == []


def test_the_number_of_names_that_are_kept_is_bounded(names: NameLookup, system: Resolver) -> None:
    for number in range(MOST_NAMES + 1):
        names.addresses(f"n{number}.test", PATIENT)
    names.addresses("n2.test", PATIENT)
    assert len(system.asked) == MOST_NAMES + 1
    names.addresses("n0.test", PATIENT)
    assert len(system.asked) == MOST_NAMES + 2
