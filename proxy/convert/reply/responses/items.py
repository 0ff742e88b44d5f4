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

    def __init__(self, source: Source = "content", index: int | None = None) -> None:
        self.source = source
        self.index = index
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
        "parts",
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
        self.parts: list[Part] = []
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
        number = index if index.__class__ is int else None
        open_part = None
        for part in reversed(self.parts):
            if part.source != source:
                continue
            if number is not None and part.index == number:
                return part
            if open_part is None and not part.done and (number is None or part.index is None):
                open_part = part
        if open_part is None:
            return self.new_part(source, number)
        if number is not None:
            open_part.index = number
        return open_part

    def new_part(self, source: Source, index: object = None) -> Part:
        """Begin a part of the list ``source``."""
        number = index if isinstance(index, int) and index.__class__ is int else None
        part = Part(source, number)
        self.parts.append(part)
        return part

    def part_at(self, source: Source, place: int) -> Part:
        """The part at ``place`` of the whole item's list ``source``."""
        parts = [part for part in self.parts if part.source == source]
        for part in parts:
            if part.index == place:
                return part
        if place < len(parts) and parts[place].index is None:
            return parts[place]
        return self.new_part(source, place)
