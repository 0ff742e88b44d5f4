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


class LabelNames:
    """Which names get a label value of their own."""

    __slots__ = ("_names", "_room")

    def __init__(self, configured: Iterable[str], most: int) -> None:
        self._names = {"": NONE} | {name: name for name in (NONE, OTHER, *configured)}
        self._room = most

    def label(self, name: str) -> str:
        """``name`` itself while there is room, else ``other``."""
        known = self._names.get(name)
        if known is not None:
            return known
        if self._room <= 0:
            return OTHER
        self._room -= 1
        # Half of a surrogate pair cannot be written to any file.
        self._names[name] = label = name.encode("utf-8", "replace").decode()
        return label
