"""What is remembered of refusals, and for how long: docs/protocol.md 1.5."""

from __future__ import annotations

from proxy.providers.learned_flags import LESSON_SECONDS, LONGEST_PAIR, LearnedFlags


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
    assert learned.rows() == [
        {
            "base_url": "https://a/v1",
            "model": "m",
            "flags": {"max_output": 8192, "no_stream_usage": True},
            "healings": 2,
        }
    ]


def test_the_latest_lesson_wins() -> None:
    learned = LearnedFlags(Clock())
    learned.learn("u", "m", {"structured": "json_object"})
    learned.learn("u", "m", {"structured": "none"})
    assert learned.flags_for("u", "m") == {"structured": "none"}


def test_nothing_learned_leaves_no_row() -> None:
    learned = LearnedFlags(Clock())
    learned.learn("u", "m", {})
    assert learned.rows() == []


def test_the_pair_least_recently_used_is_forgotten() -> None:
    learned = LearnedFlags(Clock(), capacity=2)
    learned.learn("u", "a", {"vision": False})
    learned.learn("u", "b", {"vision": False})
    learned.flags_for("u", "a")
    learned.learn("u", "c", {"vision": False})
    assert [row["model"] for row in learned.rows()] == ["a", "c"]


def test_an_overlong_name_is_not_remembered() -> None:
    learned = LearnedFlags(Clock())
    learned.learn("u", "m" * LONGEST_PAIR, {"vision": False})
    assert learned.rows() == []


def test_a_lesson_is_believed_for_an_hour() -> None:
    clock = Clock()
    learned = LearnedFlags(clock)
    learned.learn("u", "m", {"vision": False})
    clock.now += LESSON_SECONDS / 2
    learned.learn("u", "m", {"max_output": 9})
    clock.now += LESSON_SECONDS / 2 - 1
    assert learned.flags_for("u", "m") == {"vision": False, "max_output": 9}
    clock.now += 1
    assert learned.rows() == []
    assert learned.flags_for("u", "m") == {}


def test_the_next_refusal_teaches_again_and_nothing_that_is_too_old() -> None:
    clock = Clock()
    learned = LearnedFlags(clock)
    learned.learn("u", "m", {"vision": False})
    clock.now += LESSON_SECONDS
    learned.learn("u", "m", {"max_output": 9})
    assert learned.flags_for("u", "m") == {"max_output": 9}
    clock.now += LESSON_SECONDS - 1
    assert learned.flags_for("u", "m") == {"max_output": 9}
