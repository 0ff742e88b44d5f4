"""Choose one of many by its number, its name or a part of it.

Rule: pure; texts fit an 80-column terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.cli.lines import WIDTH, cut

ROWS = 10
"""Entries of a long list that are shown at once."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a menu."""

    value: str
    """What is chosen, and what may be typed for it."""
    label: str = ""
    """What is shown; empty: the value."""

    @property
    def shown(self) -> str:
        return self.label or self.value

    @property
    def bare(self) -> str:
        """A model's id without its vendor: ``openai/gpt-5`` is ``gpt-5``."""
        return self.value.rpartition("/")[2]

    def contains(self, text: str) -> bool:
        """Whether ``text`` is a part of its name, in any case."""
        return text.lower() in f"{self.value}\n{self.label}".lower()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was chosen, or the entries to choose from next; neither: nothing matched."""

    value: str | None = None
    items: tuple[Item, ...] = ()


def choose(text: str, shown: Sequence[Item], items: Sequence[Item]) -> Outcome:
    """The meaning of ``text``: a number counts in ``shown``, anything else searches in ``items``."""
    wanted = text.lower()
    # As a whole, then without the vendor before the slash.
    for names in ([i.value.lower() for i in items], [i.bare.lower() for i in items]):
        if names.count(wanted) == 1:
            return Outcome(items[names.index(wanted)].value)
    if text.isdecimal() and 1 <= int(text) <= len(shown):
        return Outcome(shown[int(text) - 1].value)
    found = tuple(item for item in items if item.contains(text))
    return Outcome(found[0].value) if len(found) == 1 else Outcome(items=found)


def rows(items: Sequence[Item], most: int = ROWS) -> list[str]:
    """The numbered lines of a menu, and how many entries are left out."""
    shown = items[:most]
    digits = len(str(len(shown)))
    lines = [cut(f"  {n:{digits}}) {item.shown}") for n, item in enumerate(shown, 1)]
    left = len(items) - len(shown)
    if left > 0:
        lines.append(f"  ... and {left} more: type a part of the name to search")
    return lines


def columns(items: Sequence[Item]) -> list[str]:
    """All entries in two columns, numbered downwards."""
    half = (len(items) + 1) // 2
    cells = [f"{number:2}) {item.shown}" for number, item in enumerate(items, 1)]
    left, right = cells[:half], [*cells[half:], ""]
    width = WIDTH // 2 - 2
    return [cut(f"  {a:{width}}{b}".rstrip()) for a, b in zip(left, right, strict=False)]
