"""Reasoning that an upstream could not decrypt is remembered, for an hour and a bounded number."""

from __future__ import annotations

from proxy.providers.refused_states import MOST_STATES, RefusedStates


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_r55_for_an_hour() -> None:
    clock = Clock()
    states = RefusedStates(clock)
    assert not states
    states.add(["a"])
    assert states
    clock.now += 1800
    states.add(["b"])
    clock.now += 1799
    assert "a" in states
    assert "b" in states
    assert "c" not in states
    assert None not in states
    clock.now += 1
    assert "a" not in states
    assert "b" in states


def test_r55_one_that_is_refused_again_counts_from_then() -> None:
    clock = Clock()
    states = RefusedStates(clock)
    states.add(["a", "b"])
    clock.now += 3000
    states.add(["a"])
    clock.now += 700
    assert "a" in states
    assert "b" not in states
    states.add([])
    clock.now += 3600
    states.add([])
    assert not states


def test_r55_a_bounded_number() -> None:
    states = RefusedStates(Clock())
    states.add(str(n) for n in range(MOST_STATES + 2))
    assert "1" not in states
    assert "2" in states
    assert str(MOST_STATES + 1) in states
