"""Which of several keys is sent (docs/features.md "Failover")."""

from __future__ import annotations

import pytest

from proxy.providers.key_ring import KeyRing


def ring(**rests: float) -> KeyRing:
    keys = KeyRing(("a", "b", "c"))
    for key, until in rests.items():
        keys.cool_down(key, until)
    return keys


@pytest.mark.parametrize(
    ("rests", "now", "besides", "ready"),
    [
        pytest.param({}, 0.0, (), ("a", "b", "c"), id="the operator's order"),
        pytest.param({"a": 5.0}, 4.9, (), ("b", "c"), id="a resting key is passed over"),
        pytest.param({"a": 5.0}, 5.0, (), ("a", "b", "c"), id="its rest is over"),
        pytest.param({"a": 5.0}, 0.0, ("b",), ("c",), id="without those that were tried"),
        pytest.param({"a": 5.0, "b": 6.0, "c": 7.0}, 0.0, (), (), id="all of them rest"),
    ],
)
def test_ready_keys(
    rests: dict[str, float], now: float, besides: tuple[str, ...], ready: tuple[str, ...]
) -> None:
    assert ring(**rests).available(now, besides) == ready


def test_the_key_whose_rest_is_over_first() -> None:
    keys = ring(a=9.0, b=6.0, c=7.0)
    assert keys.next_available() == "b"
    assert (keys.available_at(0.0), keys.available_at(8.0)) == (6.0, 8.0)


def test_a_longer_rest_stays() -> None:
    keys = ring(a=100.0)
    keys.cool_down("a", 5.0)
    assert keys.available(50.0) == ("b", "c")


def test_a_lone_key_never_rests() -> None:
    keys = KeyRing(("only",))
    keys.cool_down("only", 100.0)
    assert keys.available(0.0) == ("only",)


def test_no_key_is_a_credential_too() -> None:
    assert KeyRing(()).available(0.0) == (None,)
    assert KeyRing((None,)).available(0.0) == (None,)


def test_a_key_that_is_given_twice_is_one() -> None:
    keys = KeyRing(("a", "a"))
    keys.cool_down("a", 100.0)
    assert keys.available(0.0) == ("a",)


def test_keys_are_named_by_their_number() -> None:
    assert [ring().position(key) for key in "abc"] == [1, 2, 3]
