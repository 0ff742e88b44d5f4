"""The record of what a conversion dropped or degraded.

Rule: a converter notes here everything that it leaves out or replaces by another kind of content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

MOST_NAMES = 1000
"""Names that are kept; more do not fit into the header."""
HEADER_BYTES = 1000
"""Maximum length of ``x-claude-proxy-dropped`` (docs/features.md "Conversion")."""


class Drops:
    """The names of what was dropped or degraded in one request, with their counts.

    Names are field names (``top_k``), block types (``document``, ``tools.web_search_20250305``) or
    names of tools, never indexes or values. Of names that clients choose the first MOST_NAMES are kept,
    the rest counted.
    """

    __slots__ = ("_logged", "_noted", "_others", "_routine")

    def __init__(self) -> None:
        self._noted: Counter[str] = Counter()
        self._routine: Counter[str] = Counter()
        self._logged: dict[str, str] = {}
        self._others = 0
        """Drops under names that are not kept."""

    def drop(self, name: str, count: int = 1, *, logged: str | None = None) -> None:
        """Note that ``name`` was left out although it may matter to the answer.

        ``logged``: its name in the log, if ``name`` contains text that the client chose.
        """
        if name not in self._noted and len(self._noted) >= MOST_NAMES:
            self._others += 1
            return
        self._noted[name] += count
        if logged is not None:
            self._logged[name] = logged

    def degrade(self, name: str, became: str) -> None:
        """Note that ``name`` was replaced by ``became``, such as a ``document`` by ``text``."""
        self.drop(f"{name}={became}")

    def degrade_many(self, name: str, became: str, count: int) -> None:
        """As ``degrade``, ``count`` times; 0 is none."""
        if count:
            self.drop(f"{name}={became}", count)

    def routine(self, name: str) -> None:
        """Note a drop that changes nothing in the answer, such as ``cache_control``."""
        if name in self._routine or len(self._routine) < MOST_NAMES:
            self._routine[name] += 1

    def header(self) -> str:
        """Value of ``x-claude-proxy-dropped``: sorted, each name once, without routine drops.

        A repeated name has its count (``document;n=3=text``). The value is cut at 1000 bytes, with
        ``+N`` for the N names that are left out.
        """
        return _header(self._noted, self._others)

    def logged(self) -> str:
        """``header`` without text that the client chose."""
        if not self._logged:
            return self.header()
        noted: Counter[str] = Counter()
        for name, count in self._noted.items():
            noted[self._logged.get(name, name)] += count
        return _header(noted, self._others)

    def report(self) -> list[dict[str, object]]:
        """Everything noted, routine drops too: ``[{"name", "became", "count", "routine"}]``."""
        rows: list[dict[str, object]] = []
        for counter, routine in ((self._noted, False), (self._routine, True)):
            for entry, count in sorted(counter.items()):
                name, _, became = entry.partition("=")
                rows.append(
                    {"name": name, "became": became or None, "count": count, "routine": routine}
                )
        return rows


def _header(noted: Mapping[str, int], others: int) -> str:
    """The value of the header for ``noted`` and for ``others`` whose names were not kept."""
    entries = [_entry(name, count) for name, count in sorted(noted.items())]
    if not others and sum(map(len, entries)) + 2 * len(entries) <= HEADER_BYTES + 2:
        return ", ".join(entries)
    kept, size, all_of_them = 0, 0, len(entries) + others
    while kept < len(entries):
        if size + _size_with(entries[kept], all_of_them - kept - 1) > HEADER_BYTES:
            break
        size += len(entries[kept]) + 2
        kept += 1
    return ", ".join([*entries[:kept], f"+{all_of_them - kept}"])


def _size_with(entry: str, others: int) -> int:
    """Length of ``entry`` with the suffix that counts the ``others`` after it."""
    return len(f"{entry}, +{others}")


def _entry(noted: str, count: int) -> str:
    name, equals, became = noted.partition("=")
    ascii_name = name.encode("ascii", "replace").decode().replace(",", "?").replace(";", "?")
    repeated = f";n={count}" if count > 1 else ""
    return f"{ascii_name}{repeated}{equals}{became}"
