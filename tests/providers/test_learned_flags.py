"""What is remembered of refusals, and for how long: docs/protocol.md 1.5."""

from __future__ import annotations

from proxy.providers.learned_entry import LONGEST_PAIR, VALID_SECONDS
from proxy.providers.learned_flags import LearnedFlags


class Clock:
    """Stands still until it is set."""

    now = 5.0

    def __call__(self) -> float:
        return self.now


def test_learned_flags_belong_to_one_base_url_and_model() -> None:
    learned = LearnedFlags(Clock())
    learned.learn("https://a/v1", "m", {"max_output": 8192})
    learned.learn("https://a/v1", "m", {"no_stream_usage": True})
    assert learned.flags_for("https://a/v1", "m") == {"max_output": 8192, "no_stream_usage": True}
    assert learned.flags_for("https://a/v1", "n") == {}
    assert learned.flags_for("https://b/v1", "m") == {}


def test_the_latest_value_of_a_flag_wins() -> None:
    learned = LearnedFlags(Clock())
    learned.learn("u", "m", {"structured": "json_object"})
    learned.learn("u", "m", {"structured": "none"})
    assert learned.flags_for("u", "m") == {"structured": "none"}


def test_nothing_learned_pushes_nothing_out() -> None:
    learned = LearnedFlags(Clock(), capacity=1)
    learned.learn("u", "a", {"vision": False})
    learned.learn("u", "b", {})
    assert learned.flags_for("u", "b") == {}
    assert learned.flags_for("u", "a") == {"vision": False}


def test_the_pair_least_recently_used_is_forgotten() -> None:
    learned = LearnedFlags(Clock(), capacity=2)
    learned.learn("u", "a", {"vision": False})
    learned.learn("u", "b", {"vision": False})
    learned.flags_for("u", "a")
    learned.learn("u", "c", {"vision": False})
    assert [model for model in "abc" if learned.flags_for("u", model)] == ["a", "c"]


def test_an_overlong_name_is_not_remembered() -> None:
    learned = LearnedFlags(Clock())
    learned.learn("u", "m" * LONGEST_PAIR, {"vision": False})
    assert learned.flags_for("u", "m" * LONGEST_PAIR) == {}


def test_learned_flags_are_valid_for_an_hour() -> None:
    clock = Clock()
    learned = LearnedFlags(clock)
    learned.learn("u", "m", {"vision": False})
    clock.now += VALID_SECONDS / 2
    learned.learn("u", "m", {"max_output": 9})
    clock.now += VALID_SECONDS / 2 - 1
    assert learned.flags_for("u", "m") == {"vision": False, "max_output": 9}
    clock.now += 1
    assert learned.flags_for("u", "m") == {}


def test_after_an_hour_only_what_the_next_refusal_taught_is_valid() -> None:
    clock = Clock()
    learned = LearnedFlags(clock)
    learned.learn("u", "m", {"vision": False})
    clock.now += VALID_SECONDS
    learned.learn("u", "m", {"max_output": 9})
    assert learned.flags_for("u", "m") == {"max_output": 9}
    clock.now += VALID_SECONDS - 1
    assert learned.flags_for("u", "m") == {"max_output": 9}


def test_a_clock_that_is_set_back_does_not_make_flags_last() -> None:
    clock = Clock()
    learned = LearnedFlags(clock)
    learned.learn("u", "m", {"vision": False})
    clock.now -= 86_400
    assert learned.flags_for("u", "m") == {}
    learned.learn("u", "m", {"max_output": 9})
    assert learned.flags_for("u", "m") == {"max_output": 9}


def test_what_no_longer_helps_is_forgotten() -> None:
    learned = LearnedFlags(Clock())
    learned.learn("u", "m", {"max_output": 9, "no_stop": True})
    learned.learn("u", "m", {"vision": False}, forget=["no_stop", "never_learned"])
    assert learned.flags_for("u", "m") == {"max_output": 9, "vision": False}
    assert learned.forget("u", "m") == {"max_output": 9, "vision": False}
    assert learned.forget("u", "m") == learned.flags_for("u", "m") == {}


def test_what_is_learned_after_forgetting_is_valid_for_an_hour_again() -> None:
    clock = Clock()
    learned = LearnedFlags(clock)
    learned.learn("u", "m", {"vision": False})
    clock.now += VALID_SECONDS - 1
    learned.forget("u", "m")
    learned.learn("u", "m", {"vision": False})
    clock.now += VALID_SECONDS - 1
    assert learned.flags_for("u", "m") == {"vision": False}
