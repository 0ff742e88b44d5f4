"""The images that an upstream could not decode are remembered, for an hour and a bounded number."""

from __future__ import annotations

import pytest

from proxy.failures.broken_images import image_key, is_among
from proxy.providers.learned_entry import LONGEST_PAIR
from proxy.providers.refused_images import MOST_IMAGES, MOST_PAIRS, RefusedImages


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_for_an_hour_and_for_one_pair(clock: Clock) -> None:
    images = RefusedImages(clock)
    assert images.of("u", "m") == ()
    images.add("u", "m", ["a"])
    clock.now += 1800
    images.add("u", "m", ["b"])
    assert images.of("u", "m") == ("a", "b")
    assert images.of("u", "other") == images.of("other", "m") == ()
    clock.now += 1799
    assert images.of("u", "m") == ("a", "b")
    clock.now += 1
    assert images.of("u", "m") == ("b",)
    clock.now += 1800
    assert images.of("u", "m") == ()


def test_an_image_that_is_refused_again_is_kept_longer(clock: Clock) -> None:
    images = RefusedImages(clock)
    images.add("u", "m", ["a", "b"])
    clock.now += 3000
    images.add("u", "m", ["a"])
    clock.now += 3000
    assert images.of("u", "m") == ("a",)


def test_the_number_is_bounded(clock: Clock) -> None:
    images = RefusedImages(clock)
    for number in range(MOST_IMAGES + 3):
        images.add("u", "m", [str(number)])
    assert images.of("u", "m") == tuple(map(str, range(3, MOST_IMAGES + 3)))
    for number in range(MOST_PAIRS):
        images.add("u", str(number), ["a"])
    assert images.of("u", "m") == ()
    assert images.of("u", "0") == ("a",)
    images.add("u" * LONGEST_PAIR, "m", ["a"])
    assert images.of("u" * LONGEST_PAIR, "m") == ()


def test_a_key_holds_a_hash_and_the_length_alone() -> None:
    url = "data:image/png;base64," + "A" * 4000
    key = image_key(url)
    assert len(key) == len("0123456789abcdef.4022")
    assert is_among(url, ("x", key))
    assert not is_among(url + "A", (key,))
    assert not is_among(url.replace("A", "B"), (key,))
