"""A bounded number of label values for names that clients send.

Rule: each label value adds time series that exist as long as the service runs. Configured names always
have their own label value; of other names only the first ones have, all later ones share ``other``.
"""

from __future__ import annotations

from collections.abc import Iterable

OTHER = "other"
"""The label of names above the bound."""
NONE = "none"
"""The label of an empty name."""
LONGEST = 256
"""Most characters of a name that is not configured; each name is repeated in many lines."""


class LabelNames:
    """Which names get a label value of their own."""

    __slots__ = ("_names", "_room", "configured")

    def __init__(self, configured: Iterable[str], most: int) -> None:
        self._names = {"": NONE} | {name: name for name in (NONE, OTHER, *configured)}
        self._room = most
        self.configured = frozenset(self._names.values())
        """Labels that do not depend on what clients send."""

    def label(self, name: str) -> str:
        """``name`` itself while the bound is not reached, otherwise ``other``."""
        known = self._names.get(name)
        if known is not None:
            return known
        if self._room <= 0 or len(name) > LONGEST:
            return OTHER
        self._room -= 1
        # A lone surrogate cannot be encoded as UTF-8.
        self._names[name] = label = name.encode("utf-8", "replace").decode()
        return label


class LabelPairs:
    """Which pairs of names get labels of their own.

    Needed because the bounds of the single names allow too many pairs.
    """

    __slots__ = ("_first", "_known", "_room", "_second")

    def __init__(self, first: LabelNames, second: LabelNames, most: int) -> None:
        self._first, self._second = first, second
        self._known: set[tuple[str, str]] = set()
        self._room = most

    def labels(self, first: str, second: str) -> tuple[str, str]:
        """The labels of both names; above the bound ``other`` for each that is not configured."""
        pair = (self._first.label(first), self._second.label(second))
        if pair in self._known:
            return pair
        ours = (pair[0] in self._first.configured, pair[1] in self._second.configured)
        if all(ours) or self._room > 0:
            self._room -= not all(ours)
            self._known.add(pair)
            return pair
        return (pair[0] if ours[0] else OTHER, pair[1] if ours[1] else OTHER)
