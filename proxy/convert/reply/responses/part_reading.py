"""What the readers of all kinds of items share: the items so far, and where their content goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from proxy.convert.reply.content_parts import string_in
from proxy.convert.reply.responses.item_table import ItemTable
from proxy.convert.reply.responses.item_writer import ItemWriter
from proxy.convert.reply.responses.items import Item, Part

Event = Mapping[str, Any]


class PartReading:
    """The state that the readers of one answer share."""

    __slots__ = ("last", "table", "warnings", "writer")

    def __init__(self, writer: ItemWriter, warnings: Counter[str]) -> None:
        self.table = ItemTable()
        self.writer = writer
        self.warnings = warnings
        self.last: tuple[Item, Part] | None = None
        """What the delta continued that was read last; the caller sets it to None before an event."""

    def in_progress(self, item: Item, part: Part) -> bool:
        """Whether a delta of ``part`` still counts: neither the part nor ``item`` is done."""
        if item.done or part.done:
            self.warnings["late_delta"] += 1
            return False
        self.last = (item, part)
        return True

    def rest(self, part: Part, text: str) -> str:
        """What ``text``, the whole text of ``part``, adds to what was told of it."""
        if not text:
            return ""
        rest = part.rest(text)
        if rest is None:
            self.warnings["done_differs"] += 1
            return ""
        return rest


def member(value: object, name: str) -> str:
    """The string ``name`` of ``value``; ``""`` if ``value`` is no object or has none."""
    return string_in(value, name) if isinstance(value, dict) else ""
