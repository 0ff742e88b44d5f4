"""Choosing by number, name or part of a name."""

from __future__ import annotations

import pytest

from proxy.cli.init.choices import Item, Outcome, choose, columns, rows
from proxy.cli.lines import WIDTH

ITEMS = tuple(Item(f"acme/model-{number}") for number in range(1, 32))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("3", "acme/model-3", id="number"),
        pytest.param("acme/model-3", "acme/model-3", id="whole name"),
        pytest.param("MODEL-3", "acme/model-3", id="without vendor, in any case"),
        pytest.param("del-27", "acme/model-27", id="the only one with this part"),
    ],
)
def test_one_is_chosen(text: str, value: str) -> None:
    assert choose(text, ITEMS, ITEMS) == Outcome(value)


def test_a_number_counts_in_what_is_shown() -> None:
    found = choose("del-2", ITEMS, ITEMS).items
    assert [item.value for item in found][:3] == ["acme/model-2", "acme/model-20", "acme/model-21"]
    assert choose("2", found, ITEMS) == Outcome("acme/model-20")


def test_a_number_may_be_a_name() -> None:
    items = (Item("a"), Item("1"))
    assert choose("1", items, items) == Outcome("1")


@pytest.mark.parametrize("text", ["none", "0", "32"])
def test_nothing_matches(text: str) -> None:
    assert choose(text, ITEMS[:5], ITEMS[:5]) == Outcome()


def test_the_rest_of_a_long_list_is_counted() -> None:
    lines = rows(ITEMS)
    assert lines[0] == "   1) acme/model-1"
    assert lines[9:] == [
        "  10) acme/model-10",
        "  ... and 21 more: type a part of the name to search",
    ]


def test_every_line_fits_the_terminal() -> None:
    items = [Item("a", "x" * 200), Item("b", "y" * 200), Item("c")]
    assert all(len(line) <= WIDTH for line in [*rows(items), *columns(items)])
    assert columns([Item("a"), Item("b"), Item("c")]) == [
        "   1) a" + " " * 32 + " 3) c",
        "   2) b",
    ]
