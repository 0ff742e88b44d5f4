"""Events of a Responses stream -> the content of items.

Rule: ``done`` events and the answer at the end complete what the deltas before them did not tell, and never
repeat it. Events that tell nothing are named in ``event_types`` (docs/protocol.md, Responses, "Every
event").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from proxy.convert.reply.content_parts import entries, string_in
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.responses import call_reader, reasoning_reader, text_reader
from proxy.convert.reply.responses.call_reader import CallReader
from proxy.convert.reply.responses.item_writer import ItemWriter, Mark
from proxy.convert.reply.responses.items import KIND_FOR_TYPE, Item, ItemKind, Part
from proxy.convert.reply.responses.part_reading import (
    Event,
    PartReading,
    member,
)
from proxy.convert.reply.responses.reasoning_reader import ReasoningReader
from proxy.convert.reply.responses.search_reader import SearchReader
from proxy.convert.reply.responses.text_reader import TextReader


class EventReader:
    """Reads the events of one answer that concern items."""

    def __init__(self, reply: ReplyContext, writer: ItemWriter, warnings: Counter[str]) -> None:
        shared = PartReading(writer, warnings)
        self._writer = writer
        self._warnings = warnings
        self._searches = SearchReader(shared, reply)
        self._text = TextReader(shared, self._searches)
        self._reasoning = ReasoningReader(shared, reply.origin)
        self._calls = CallReader(shared)
        self._shared = shared
        self.table = shared.table
        self.content_seen = False
        """True once an item was added or told something."""
        self.content_is_new = False
        """True if that happened since the caller last set this to False."""

    def read(self, kind: str, event: Event) -> bool:
        """Read ``event`` of the type ``kind``; False if it does not concern an item's content.

        Raises ``UpstreamError`` for an answer above a limit and for runaway arguments.
        """
        self._shared.last = None
        if kind in text_reader.HANDLERS:
            text_reader.HANDLERS[kind](self._text, event)
        elif kind in call_reader.HANDLERS:
            call_reader.HANDLERS[kind](self._calls, event)
        elif kind in reasoning_reader.HANDLERS:
            reasoning_reader.HANDLERS[kind](self._reasoning, event)
        elif kind in HANDLERS:
            HANDLERS[kind](self, event)
        else:
            return False
        self.content_seen = self.content_is_new = True
        return True

    @property
    def works_silently(self) -> bool:
        """True while the last item is none that tells its content as it arises."""
        items = self.table.items
        return bool(items) and not items[-1].done and items[-1].kind in SILENT

    @property
    def searches(self) -> int:
        """Searches that the client gets to see."""
        return self._searches.count

    @property
    def last(self) -> tuple[Item, Part] | None:
        """The item and part of the last event, if it was a delta that counted."""
        return self._shared.last

    def read_answer(self, output: object) -> None:
        """Read the items of the whole answer, for what no event told; then complete the calls."""
        items = [sent for sent in entries(output or [], "items") if isinstance(sent, dict)]
        for sent, item in zip(items, self._matched(items), strict=True):
            self.content_seen = True
            item = item or self.table.new(sent, _kind_of(sent))
            self.table.note(item, sent)
            self._complete(item, sent)
        for item in self.table.items:
            if item.is_call and not item.done:
                self._calls.complete(item, {})
        self._searches.settle()

    def _matched(self, items: list[dict[str, object]]) -> list[Item | None]:
        """For each of ``items`` the one that events told of: by its ids, else by its place in its kind."""
        found = [self.table.known(sent, _kind_of(sent)) for sent in items]
        named = {item for item in found if item is not None}
        others: dict[ItemKind, list[Item]] = {}
        for item in reversed(self.table.items):
            if item not in named:
                others.setdefault(item.kind, []).append(item)
        for place, sent in enumerate(items):
            left = others.get(_kind_of(sent))
            if found[place] is None and left:
                found[place] = left.pop()
        return found

    def take_added(self, event: Event) -> None:
        """Begin an item; what it has already counts when it is done."""
        sent = event.get("item")
        if not isinstance(sent, dict):
            return
        kind = _kind_of(sent)
        item = self.table.added(event, sent, kind)
        if item.is_call:
            self._calls.begin(item, sent)
        elif kind == "reasoning":
            item.encrypted = item.encrypted or string_in(sent, "encrypted_content")

    def take_done(self, event: Event) -> None:
        """Complete an item; one that was never added is told now."""
        sent = event.get("item")
        if isinstance(sent, dict):
            self._complete(self.table.find(event, _kind_of(sent), sent), sent)

    def take_part_added(self, event: Event) -> None:
        """Begin a part of a message, or of readable reasoning."""
        self._take_part(event, Item.begun_part)

    def take_part_done(self, event: Event) -> None:
        """Complete such a part; its block stays open for the next part of the item."""
        part = self._take_part(event, Item.done_part)
        if part is not None:
            part.done = True

    def _take_part(self, event: Event, place: Callable[..., Part]) -> Part | None:
        part = event.get("part")
        if not isinstance(part, dict):
            return None
        reasoning = part.get("type") in ("reasoning_text", "summary_text")
        item = self.table.find(event, "reasoning" if reasoning else "message")
        held = place(item, "content", event.get("content_index"))
        if reasoning:
            self._reasoning.complete_part(item, held, member(part, "text"))
        else:
            self._text.complete_part(item, held, part)
        return held

    def _complete(self, item: Item, sent: Event) -> None:
        if item.done:
            return
        if item.is_call:
            self._calls.complete(item, sent)
            return
        if item.kind == "message":
            self._text.complete(item, sent)
        elif item.kind == "reasoning":
            self._reasoning.complete(item, sent)
        elif item.kind == "search":
            self._searches.complete(item, sent)
        else:
            self._warnings["unexpected_item"] += 1
        item.done = True
        self._writer.write(item, Mark.DONE)
        if item.citations:
            self._searches.settle()


SILENT: frozenset[ItemKind] = frozenset({"reasoning", "search", "other"})
"""Kinds of items at which an upstream works for minutes without an event."""


def _kind_of(sent: Event) -> ItemKind:
    kind = sent.get("type")
    return KIND_FOR_TYPE.get(kind, "other") if isinstance(kind, str) else "other"


HANDLERS: Mapping[str, Callable[[EventReader, Event], None]] = {
    "response.output_item.added": EventReader.take_added,
    "response.output_item.done": EventReader.take_done,
    "response.content_part.added": EventReader.take_part_added,
    "response.content_part.done": EventReader.take_part_done,
}
"""By the type of the event; those of one kind of item are its reader's."""
CONTENT: frozenset[str] = frozenset(
    {*HANDLERS, *text_reader.HANDLERS, *call_reader.HANDLERS, *reasoning_reader.HANDLERS}
)
"""The types of all events about the content of items."""
