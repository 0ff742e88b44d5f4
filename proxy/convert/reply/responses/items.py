"""The items of a Responses answer while it arrives, and what was told of each.

Rule: a part keeps what was told of it, so that an event with the whole text adds only what is missing
(docs/protocol.md, Responses, "Completion").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

ItemKind = Literal["message", "reasoning", "call", "custom", "search", "other"]
Source = Literal["content", "summary"]
"""The list of an item that has a part."""

KIND_FOR_TYPE: dict[str, ItemKind] = {
    "message": "message",
    "reasoning": "reasoning",
    "function_call": "call",
    "custom_tool_call": "custom",
    "web_search_call": "search",
}
"""The kinds of items that become blocks; every other type is ``other``."""

KEPT_CHARS = 256 * 1024
"""Characters of a part that are kept to compare them with the whole text."""


class Part:
    """One part of an item: text, a refusal, a part of reasoning, or arguments."""

    __slots__ = ("_told", "done", "index", "length", "source")

    def __init__(self, source: Source = "content") -> None:
        self.source = source
        self.index: int | None = None
        self.done = False
        self.length = 0
        """Characters that were told."""
        self._told: list[str] = []

    def add(self, text: str) -> None:
        """Note ``text`` as told."""
        if self.length < KEPT_CHARS:
            self._told.append(text)
        self.length += len(text)

    def add_all(self, texts: Sequence[str]) -> None:
        """Note ``texts`` as told, in order."""
        self.add("".join(texts))

    def rest(self, whole: str) -> str | None:
        """What ``whole`` adds to what was told; None if it differs, or cannot be compared."""
        if not self.length:
            return whole
        told = "".join(self._told)
        self._told = [told]
        if not whole.startswith(told):
            return None
        if self.length > len(told):
            return "" if len(whole) == self.length else None
        return whole[self.length :]


class Item:
    """One item of the answer."""

    __slots__ = (
        "_by_index",
        "_parts",
        "arguments",
        "call_id",
        "citations",
        "cut",
        "done",
        "early",
        "encrypted",
        "id",
        "index",
        "kind",
        "last_part",
        "name",
        "number",
        "source",
    )

    def __init__(self, number: int, kind: ItemKind) -> None:
        self.number = number
        """Its place among the items, in order of arrival."""
        self.kind = kind
        self.index: int | None = None
        """The upstream's ``output_index``."""
        self.id = ""
        self.call_id = ""
        self.name = ""
        """The name of the called tool, once it was told."""
        self.arguments = Part()
        self.early = ""
        """Arguments that the item had when it was added; they count if no others arrive."""
        self._parts: dict[Source, list[Part]] = {"content": [], "summary": []}
        self._by_index: dict[tuple[Source, int], Part] = {}
        self.last_part: Part | None = None
        """The part of reasoning whose text was told last."""
        self.source: Source | None = None
        """The list whose parts are the thinking of a reasoning item."""
        self.encrypted = ""
        """State that the reasoning item had when it was added."""
        self.citations: set[tuple[str, str, str]] = set()
        """The citations of a message that were told."""
        self.done = False
        self.cut = False
        """True if the upstream calls the item incomplete."""

    @property
    def is_call(self) -> bool:
        return self.kind in ("call", "custom")

    def part(self, source: Source, index: object) -> Part:
        """The part at ``index`` of the list ``source``; the part in progress if there is no index."""
        number = index if isinstance(index, int) and index.__class__ is int else None
        known = None if number is None else self._by_index.get((source, number))
        if known is not None:
            return known
        last = self.last_of(source)
        if last is None or last.done or not (number is None or last.index is None):
            return self.new_part(source, number)
        if number is not None:
            self._name(last, number)
        return last

    def done_part(self, source: Source, index: object) -> Part:
        """The part that a ``done`` event is about: one without a known index may be done already."""
        last = self.last_of(source)
        if not (isinstance(index, int) and index.__class__ is int):
            return last or self.new_part(source)
        if (source, index) not in self._by_index and last is not None and last.index is None:
            self._name(last, index)
        return self.part(source, index)

    def begun_part(self, source: Source, index: object) -> Part:
        """The part that an ``added`` event begins: without an index it is a new one."""
        last = self.last_of(source)
        if index.__class__ is not int and (last is None or last.length):
            return self.new_part(source)
        return self.part(source, index)

    def part_at(self, source: Source, place: int) -> Part:
        """The part at ``place`` of the whole item's list ``source``."""
        known = self._by_index.get((source, place))
        if known is not None:
            return known
        parts = self._parts[source]
        if place < len(parts) and parts[place].index is None:
            return parts[place]
        return self.new_part(source, place)

    def last_of(self, source: Source) -> Part | None:
        """The part of the list ``source`` that began last."""
        parts = self._parts[source]
        return parts[-1] if parts else None

    def new_part(self, source: Source, number: int | None = None) -> Part:
        """Begin a part of the list ``source``."""
        part = Part(source)
        self._parts[source].append(part)
        if number is not None:
            self._name(part, number)
        return part

    def _name(self, part: Part, number: int) -> None:
        part.index = number
        self._by_index[part.source, number] = part
