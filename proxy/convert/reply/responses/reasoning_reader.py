"""Events about a Responses item of reasoning -> thinking, and the state that completes it.

Rule: an item's thinking is its summary or its own text, whichever comes first; its parts are separated by
a blank line. Only the ``encrypted_content`` of the item that is done is final; that of the item when it was
added counts if the done item has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.convert.reasoning_state import packed_state
from proxy.convert.reply.content_parts import entries, string_in
from proxy.convert.reply.pieces import ContentPiece
from proxy.convert.reply.responses.item_writer import State
from proxy.convert.reply.responses.items import Item, Part, Source
from proxy.convert.reply.responses.part_reading import (
    Event,
    PartReading,
    member,
)

BETWEEN_PARTS = "\n\n"
SOURCES: tuple[Source, ...] = ("summary", "content")
"""The lists of an item that may have its thinking; the first that has any counts."""


class ReasoningReader:
    """Reads the events of one answer's items of reasoning."""

    __slots__ = ("_origin", "_shared")

    def __init__(self, shared: PartReading, origin: str) -> None:
        self._shared = shared
        self._origin = origin

    def complete(self, item: Item, sent: Event) -> None:
        """Tell what ``sent``, the whole item, adds to ``item``, and its state."""
        for source in SOURCES if item.source is None else (item.source,):
            for place, part in enumerate(entries(sent.get(source), "parts of reasoning")):
                text = part if isinstance(part, str) else member(part, "text")
                if text:
                    self.complete_part(item, item.part_at(source, place), text)
            if item.source is not None:
                break
        encrypted = string_in(sent, "encrypted_content") or item.encrypted
        if encrypted:
            item_id = string_in(sent, "id") or item.id
            state = State(packed_state(self._origin, item_id, encrypted))
            self._shared.writer.write(item, state)

    def complete_part(self, item: Item, part: Part, text: str) -> None:
        """Tell what ``text``, as far as it is known, adds to ``part``."""
        if item.source in (None, part.source):
            rest = self._shared.rest(part, text)
            if rest:
                self._tell(item, part, rest)

    def take_summary(self, event: Event) -> None:
        """Read a delta of a summary."""
        self._delta(event, "summary", event.get("summary_index"))

    def take_text(self, event: Event) -> None:
        """Read a delta of readable reasoning."""
        self._delta(event, "content", event.get("content_index"))

    def take_summary_done(self, event: Event) -> None:
        """Read the whole text of a part of the summary."""
        self._end(event, "summary", event.get("summary_index"), member(event, "text"))

    def take_text_done(self, event: Event) -> None:
        """Read the whole text of a part of readable reasoning."""
        self._end(event, "content", event.get("content_index"), member(event, "text"))

    def take_summary_part_added(self, event: Event) -> None:
        """Begin a part of the summary."""
        self._begin(event, "summary", event.get("summary_index"))

    def take_summary_part_done(self, event: Event) -> None:
        """Read a whole part of the summary."""
        text = member(event.get("part"), "text")
        self._end(event, "summary", event.get("summary_index"), text)

    def take_part_added(self, event: Event) -> None:
        """Begin a part of readable reasoning (vLLM)."""
        self._begin(event, "content", event.get("content_index"))

    def take_part_done(self, event: Event) -> None:
        """Read a whole part of readable reasoning (vLLM)."""
        text = member(event.get("part"), "text")
        self._end(event, "content", event.get("content_index"), text)

    def _delta(self, event: Event, source: Source, index: object) -> None:
        text = string_in(event, "delta")
        item = self._shared.table.find(event, "reasoning")
        part = item.part(source, index)
        if text and self._shared.in_progress(item, part):
            self._tell(item, part, text)

    def _begin(self, event: Event, source: Source, index: object) -> None:
        item = self._shared.table.find(event, "reasoning")
        part = item.begun_part(source, index)
        self.complete_part(item, part, member(event.get("part"), "text"))

    def _end(self, event: Event, source: Source, index: object, text: str) -> None:
        item = self._shared.table.find(event, "reasoning")
        part = item.done_part(source, index)
        self.complete_part(item, part, text)
        part.done = True

    def _tell(self, item: Item, part: Part, text: str) -> None:
        if item.source is None:
            item.source = part.source
        if item.source != part.source:
            return
        part.add(text)
        if item.last_part is not None and item.last_part is not part:
            text = BETWEEN_PARTS + text
        item.last_part = part
        self._shared.writer.write(item, ContentPiece("thinking", text))


HANDLERS: Mapping[str, Callable[[ReasoningReader, Event], None]] = {
    "response.reasoning_summary_part.added": ReasoningReader.take_summary_part_added,
    "response.reasoning_summary_part.done": ReasoningReader.take_summary_part_done,
    "response.reasoning_summary_text.delta": ReasoningReader.take_summary,
    "response.reasoning_summary_text.done": ReasoningReader.take_summary_done,
    "response.reasoning_part.added": ReasoningReader.take_part_added,
    "response.reasoning_part.done": ReasoningReader.take_part_done,
    "response.reasoning_text.delta": ReasoningReader.take_text,
    "response.reasoning_text.done": ReasoningReader.take_text_done,
}
"""By the type of the event."""
