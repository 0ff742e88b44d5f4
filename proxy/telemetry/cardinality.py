"""Names that clients make up, as labels: so many of them, and the rest under one name.

Rule: each label value is a set of series for as long as the service runs, so their number is
bounded whatever clients send; what the operator configured always has its own.
"""

from __future__ import annotations

from collections.abc import Iterable

OTHER = "other"
"""Stands for every name that came too late."""
NONE = "none"
"""Stands for no name."""
LONGEST = 256
"""Characters of a name that somebody made up; each stands in many lines."""


class LabelNames:
    """Which names get a label value of their own."""

    __slots__ = ("_names", "_room", "configured")

    def __init__(self, configured: Iterable[str], most: int) -> None:
        self._names = {"": NONE} | {name: name for name in (NONE, OTHER, *configured)}
        self._room = most
        self.configured = frozenset(self._names.values())
        """Labels that are there whatever clients send."""

    def label(self, name: str) -> str:
        """``name`` itself while there is room, else ``other``."""
        known = self._names.get(name)
        if known is not None:
            return known
        if self._room <= 0 or len(name) > LONGEST:
            return OTHER
        self._room -= 1
        # Half of a surrogate pair cannot be written to any file.
        self._names[name] = label = name.encode("utf-8", "replace").decode()
        return label


class LabelPairs:
    """Which pairs of names get labels of their own: each name's room alone leaves very many."""

    __slots__ = ("_first", "_known", "_room", "_second")

    def __init__(self, first: LabelNames, second: LabelNames, most: int) -> None:
        self._first, self._second = first, second
        self._known: set[tuple[str, str]] = set()
        self._room = most

    def labels(self, first: str, second: str) -> tuple[str, str]:
        """The labels of both; made-up ones are ``other`` where their pair came too late."""
        pair = (self._first.label(first), self._second.label(second))
        if pair in self._known:
            return pair
        ours = (pair[0] in self._first.configured, pair[1] in self._second.configured)
        if all(ours) or self._room > 0:
            self._room -= not all(ours)
            self._known.add(pair)
            return pair
        return (pair[0] if ours[0] else OTHER, pair[1] if ours[1] else OTHER)
