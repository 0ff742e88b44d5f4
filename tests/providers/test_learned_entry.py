"""Entries that come from another process or machine: what is read, and what is not believed."""

from __future__ import annotations

import json

import pytest

from proxy.providers.learned_entry import (
    LONGEST_VALID,
    VALID_SECONDS,
    Learned,
    decoded_entry,
    encoded_entry,
    encoded_pair,
)

NOW = 1_000_000.0
PAIR = json.dumps(["https://a/v1", "m"]).encode()


def read(entry: object, pair: bytes = PAIR) -> tuple[tuple[str, str], Learned] | None:
    data = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
    return decoded_entry(pair, data, NOW)


def test_an_entry_is_read_as_it_was_written() -> None:
    pair = ("https://a/v1", 'a "model"\t\n模')
    entry = Learned({"efforts": ("low", "high"), "max_output": 9, "vision": False}, NOW + 9, NOW)
    assert decoded_entry(encoded_pair(pair), encoded_entry(entry), NOW) == (pair, entry)


@pytest.mark.parametrize(
    ("flags", "known"),
    [
        pytest.param({"vision": False, "no_such_flag": 1}, {"vision": False}, id="unknown flag"),
        pytest.param({"max_output": "8192"}, {}, id="a text for a number"),
        pytest.param({"max_output": -1}, {}, id="a number out of range"),
        pytest.param({"structured": "xml"}, {}, id="an unknown word"),
        pytest.param({"efforts": [1, 2]}, {}, id="a list of numbers"),
        pytest.param({"name": "x"}, {}, id="no flag"),
        pytest.param({"vision": None}, {}, id="null"),
        pytest.param({"efforts": ["low"]}, {"efforts": ("low",)}, id="a list becomes a tuple"),
    ],
)
def test_only_flags_of_this_version_with_valid_values_count(
    flags: dict[str, object], known: dict[str, object]
) -> None:
    found = read([NOW + 9, NOW, flags])
    assert found is not None
    assert found[1].flags == known


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b"[1, 2", id="half of it"),
        pytest.param({}, id="an object"),
        pytest.param([NOW + 9, {}], id="too few parts"),
        pytest.param([NOW + 9, NOW, {}, 1], id="too many parts"),
        pytest.param(["soon", NOW, {}], id="a time that is none"),
        pytest.param([NOW + 9, None, {}], id="no time of change"),
        pytest.param([NOW + 9, NOW, []], id="flags that are none"),
        pytest.param([NOW, NOW - 9, {}], id="expired"),
        pytest.param([NOW + LONGEST_VALID + 1, NOW, {}], id="of a wrong clock"),
    ],
)
def test_anything_else_is_passed_over(entry: object) -> None:
    assert read(entry) is None


@pytest.mark.parametrize(
    "pair", [b"", b"{}", b'"u"', b"[1, 2]", b'["u"]', b'["u", "m", "x"]', b"\xff"]
)
def test_a_key_that_is_no_pair_is_passed_over(pair: bytes) -> None:
    assert read([NOW + 9, NOW, {}], pair) is None


def test_a_clock_elsewhere_that_is_ahead_has_no_lasting_effect() -> None:
    found = read([NOW + LONGEST_VALID, NOW + 1e9, {"vision": False}])
    assert found is not None
    assert found[1] == Learned({"vision": False}, NOW + VALID_SECONDS, NOW + VALID_SECONDS)
