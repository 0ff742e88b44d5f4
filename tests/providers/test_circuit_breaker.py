"""When a provider rests and when it is asked again (docs/features.md "Failover")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.circuit_breaker import Breaker, BreakerRule, Entry, Outcome

RULE = BreakerRule(failures=3, window=10.0, open_seconds=30.0, longest_open_seconds=100.0)


def fail(breaker: Breaker, *moments: float) -> list[bool]:
    """Failures of requests that were let in while the breaker was closed."""
    return [breaker.failed(Entry.ORDINARY, moment) for moment in moments]


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(RULE)
    assert fail(breaker, at, at, at) == [False, False, True]
    return breaker


@pytest.mark.parametrize(
    ("moments", "state"),
    [
        pytest.param((0.0, 1.0), "closed", id="fewer failures than the rule says"),
        pytest.param((0.0, 1.0, 2.0), "open", id="as many, within the window"),
        pytest.param((0.0, 5.0, 10.0), "closed", id="the first one is out of the window"),
        pytest.param((0.0, 5.0, 10.0, 11.0), "open", id="three of the last ten seconds"),
    ],
)
def test_failures_within_a_window_open_it(moments: tuple[float, ...], state: str) -> None:
    breaker = Breaker(RULE)
    fail(breaker, *moments)
    assert breaker.state(moments[-1]) == state


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(RULE)
    fail(breaker, 0.0, 1.0)
    breaker.succeeded()
    assert fail(breaker, 2.0, 3.0) == [False, False]
    assert breaker.enter(4.0) is Entry.ORDINARY


@pytest.mark.parametrize(
    ("now", "entry", "state"),
    [
        pytest.param(0.0, None, "open", id="at once"),
        pytest.param(29.9, None, "open", id="just before the rest is over"),
        pytest.param(30.0, Entry.PROBE, "half_open", id="when the rest is over"),
    ],
)
def test_an_open_one_lets_nobody_in_until_its_rest_is_over(
    now: float, entry: Entry | None, state: str
) -> None:
    breaker = opened()
    assert breaker.enter(now) is entry
    assert breaker.state(now) == state


def test_one_probe_at_a_time() -> None:
    breaker = opened()
    assert [breaker.enter(30.0), breaker.enter(30.0), breaker.enter(500.0)] == [
        Entry.PROBE,
        None,
        None,
    ]


def test_a_probe_that_succeeds_closes_it_and_forgets_everything() -> None:
    breaker = opened()
    breaker.enter(30.0)
    breaker.succeeded()
    assert breaker.enter(31.0) is Entry.ORDINARY
    assert fail(breaker, 31.0, 31.0, 31.0) == [False, False, True]
    assert breaker.open_until == 61.0


def test_each_probe_that_fails_doubles_the_rest_up_to_the_longest() -> None:
    breaker, now, rests = opened(), 30.0, []
    for _ in range(4):
        assert breaker.enter(now) is Entry.PROBE
        assert breaker.failed(Entry.PROBE, now)
        assert breaker.open_until is not None
        rests.append(breaker.open_until - now)
        now = breaker.open_until
    assert rests == [60.0, 100.0, 100.0, 100.0]


def test_edge_70_a_probe_whose_client_left_lets_the_next_one_probe() -> None:
    breaker = opened()
    entry = breaker.enter(30.0)
    assert entry is Entry.PROBE
    breaker.inconclusive(entry)
    assert breaker.enter(30.0) is Entry.PROBE


def test_edge_70_a_client_that_left_is_no_failure() -> None:
    breaker = Breaker(RULE)
    for _ in range(5):
        breaker.inconclusive(Entry.ORDINARY)
    assert breaker.state(0.0) == "closed"


def test_failures_of_requests_from_before_change_nothing_while_it_is_open() -> None:
    breaker = opened()
    assert fail(breaker, 1.0, 2.0, 3.0) == [False, False, False]
    assert breaker.open_until == 30.0
    breaker.enter(30.0)
    assert fail(breaker, 31.0) == [False]
    assert breaker.enter(31.0) is None, "the probe is still under way"


def test_a_request_from_before_that_succeeds_closes_it() -> None:
    breaker = opened()
    breaker.succeeded()
    assert breaker.enter(1.0) is Entry.ORDINARY


@given(st.lists(st.sampled_from(["enter", "fail", "succeed", "leave", "wait"]), max_size=60))
def test_never_more_than_one_probe_and_never_shut_for_good(steps: list[str]) -> None:
    breaker, now = Breaker(RULE), 0.0
    probe = False
    for step in steps:
        if step == "enter":
            entry = breaker.enter(now)
            assert not (probe and entry is Entry.PROBE)
            probe = probe or entry is Entry.PROBE
        elif step == "wait":
            now += 40.0
        elif step == "succeed":
            breaker.succeeded()
            probe = False
        else:
            entry = Entry.PROBE if probe else Entry.ORDINARY
            if step == "fail":
                breaker.failed(entry, now)
            else:
                breaker.inconclusive(entry)
            probe = False
    if probe:
        breaker.inconclusive(Entry.PROBE)
    assert breaker.enter(now + RULE.longest_open_seconds) is not None


@pytest.mark.parametrize(
    ("failed", "state"),
    [
        pytest.param(True, "open", id="it failed again"),
        pytest.param(False, "closed", id="it answered"),
        pytest.param(None, "half_open", id="nothing was learned"),
    ],
)
def test_an_outcome_is_told_once(failed: bool | None, state: str) -> None:
    breaker = opened()
    entry = breaker.enter(30.0)
    assert entry is not None
    outcome = Outcome(breaker, entry)
    assert outcome.report(failed, 30.0) is (failed is True)
    assert not outcome.report(not failed, 30.0)
    assert breaker.state(30.0) == state
