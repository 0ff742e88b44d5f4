"""Events of a Responses stream -> the content of items.

Rule: ``done`` events and the answer at the end complete what the deltas before them did not tell, and never
repeat it. Events that tell nothing are named in ``event_types`` (docs/protocol.md, Responses, "Every
event").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson

from proxy.convert.reasoning_state import packed_state
from proxy.convert.reply.arguments import json_text
from proxy.convert.reply.content_parts import entries, string_in
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.pieces import ContentPiece
from proxy.convert.reply.responses.item_table import ItemTable
from proxy.convert.reply.responses.item_writer import (
    ItemWriter,
    Mark,
    State,
    call_arguments,
    call_start,
)
from proxy.convert.reply.responses.items import KIND_FOR_TYPE, Item, ItemKind, Part, Source

Event = Mapping[str, Any]
BETWEEN_PARTS = "\n\n"


class EventReader:
    """Reads the events of one answer that concern items."""

    def __init__(self, reply: ReplyContext, writer: ItemWriter, warnings: Counter[str]) -> None:
        self._origin = reply.origin
        self._writer = writer
        self._warnings = warnings
        self.table = ItemTable()
        self.content_seen = False
        """True once an item was added or told something."""
        self.content_is_new = False
        """True if that happened since the caller last set this to False."""

    def read(self, kind: str, event: Event) -> bool:
        """Read ``event`` of the type ``kind``; False if it does not concern an item's content.

        Raises ``UpstreamError`` for an answer above a limit and for runaway arguments.
        """
        handler = HANDLERS.get(kind)
        if handler is None:
            return False
        self.content_seen = self.content_is_new = True
        handler(self, event)
        return True

    def read_answer(self, output: object) -> None:
        """Read the whole answer's items, for what no event told."""
        items = [sent for sent in entries(output or [], "items") if isinstance(sent, dict)]
        pairs = self._matched(items)
        for sent, item in zip(items, pairs, strict=True):
            kind = _kind_of(sent)
            self.content_seen = True
            self._complete(item or self.table.new(sent, kind), sent)
        for item in self.table.items:
            if item.is_call and not item.done:
                self._end_call(item, {})

    def _matched(self, items: list[dict[str, Any]]) -> list[Item | None]:
        """For each of ``items`` the one that events told of: by its ids, else by its place in its kind."""
        found = [self.table.known(sent, _kind_of(sent)) for sent in items]
        named = {item for item in found if item is not None}
        for place, sent in enumerate(items):
            if found[place] is None:
                kind = _kind_of(sent)
                rest = (i for i in self.table.items if i.kind == kind and i not in named)
                found[place] = next(rest, None)
                if (item := found[place]) is not None:
                    named.add(item)
        return found

    # Items.

    def _take_added(self, event: Event) -> None:
        sent = event.get("item")
        if not isinstance(sent, dict):
            return
        kind = _kind_of(sent)
        item = self.table.added(event, sent, kind)
        if item.is_call:
            self._name(item, string_in(sent, "name"))
            item.early = item.early or _text_of(sent.get(_member_of(item)))
        elif kind == "reasoning":
            item.encrypted = item.encrypted or string_in(sent, "encrypted_content")

    def _take_done(self, event: Event) -> None:
        sent = event.get("item")
        if isinstance(sent, dict):
            self._complete(self.table.find(event, _kind_of(sent), sent), sent)

    def _complete(self, item: Item, sent: Event) -> None:
        if item.done:
            return
        if item.is_call:
            self._end_call(item, sent)
            return
        if item.kind == "message":
            self._complete_message(item, sent)
        elif item.kind == "reasoning":
            self._complete_reasoning(item, sent)
        else:
            self._warnings["unexpected_item"] += 1
        item.done = True
        self._writer.write(item, Mark.DONE)

    def _complete_message(self, item: Item, sent: Event) -> None:
        content = sent.get("content")
        if isinstance(content, str):
            content = [{"type": "output_text", "text": content}]
        for place, part in enumerate(entries(content, "content parts")):
            if isinstance(part, dict):
                self._complete_part(item, item.part_at("content", place), part)

    def _complete_reasoning(self, item: Item, sent: Event) -> None:
        sources: tuple[Source, ...] = ("summary", "content")
        for source in sources if item.source is None else (item.source,):
            for place, part in enumerate(entries(sent.get(source), "parts of reasoning")):
                text = part if isinstance(part, str) else _member(part, "text")
                if text:
                    self._complete_thinking(item, item.part_at(source, place), text)
            if item.source is not None:
                break
        encrypted = string_in(sent, "encrypted_content") or item.encrypted
        if encrypted:
            item_id = string_in(sent, "id") or item.id
            self._writer.write(item, State(packed_state(self._origin, item_id, encrypted)))

    # Parts.

    def _take_part_added(self, event: Event) -> None:
        part = event.get("part")
        if not isinstance(part, dict):
            return
        kind = _kind_of_part(part)
        item = self.table.find(event, kind)
        index = event.get("content_index")
        began = item.parts[-1] if item.parts else None
        if index.__class__ is not int and (began is None or began.length):
            item.new_part("content")
        self._complete_part(item, item.part("content", index), part)

    def _take_part_done(self, event: Event) -> None:
        part = event.get("part")
        if isinstance(part, dict):
            item = self.table.find(event, _kind_of_part(part))
            held = _done_part(item, "content", event.get("content_index"))
            self._complete_part(item, held, part)
            held.done = True

    def _complete_part(self, item: Item, held: Part, part: Event) -> None:
        if item.kind == "reasoning":
            self._complete_thinking(item, held, _member(part, "text"))
        elif part.get("type") == "refusal":
            self._complete_text(item, held, _member(part, "refusal"), refusal=True)
        else:
            self._complete_text(item, held, _member(part, "text"))

    # Text and refusals.

    def _take_text(self, event: Event) -> None:
        self._text_delta(event, refusal=False)

    def _take_refusal(self, event: Event) -> None:
        self._text_delta(event, refusal=True)

    def _text_delta(self, event: Event, *, refusal: bool) -> None:
        text = string_in(event, "delta")
        item = self.table.find(event, "message")
        part = item.part("content", event.get("content_index"))
        if text and self._in_progress(item, part):
            self._tell_text(item, part, text, refusal=refusal)

    def _take_text_done(self, event: Event) -> None:
        self._end_text(event, _member(event, "text"), refusal=False)

    def _take_refusal_done(self, event: Event) -> None:
        self._end_text(event, _member(event, "refusal"), refusal=True)

    def _end_text(self, event: Event, text: str, *, refusal: bool) -> None:
        item = self.table.find(event, "message")
        part = _done_part(item, "content", event.get("content_index"))
        self._complete_text(item, part, text, refusal=refusal)
        part.done = True

    def _complete_text(self, item: Item, part: Part, text: str, *, refusal: bool = False) -> None:
        rest = self._rest(part, text)
        if rest:
            self._tell_text(item, part, rest, refusal=refusal)

    def _tell_text(self, item: Item, part: Part, text: str, *, refusal: bool) -> None:
        part.add(text)
        self._writer.write(item, ContentPiece("refusal" if refusal else "text", text))

    # Reasoning.

    def _take_summary(self, event: Event) -> None:
        self._thinking_delta(event, "summary", event.get("summary_index"))

    def _take_reasoning(self, event: Event) -> None:
        self._thinking_delta(event, "content", event.get("content_index"))

    def _thinking_delta(self, event: Event, source: Source, index: object) -> None:
        text = string_in(event, "delta")
        item = self.table.find(event, "reasoning")
        part = item.part(source, index)
        if text and self._in_progress(item, part):
            self._tell_thinking(item, part, text)

    def _take_summary_done(self, event: Event) -> None:
        self._end_thinking(event, "summary", event.get("summary_index"), _member(event, "text"))

    def _take_reasoning_done(self, event: Event) -> None:
        self._end_thinking(event, "content", event.get("content_index"), _member(event, "text"))

    def _take_summary_part_added(self, event: Event) -> None:
        self._begin_thinking(event, "summary", event.get("summary_index"))

    def _take_summary_part_done(self, event: Event) -> None:
        text = _member(event.get("part"), "text")
        self._end_thinking(event, "summary", event.get("summary_index"), text)

    def _take_reasoning_part_added(self, event: Event) -> None:
        self._begin_thinking(event, "content", event.get("content_index"))

    def _take_reasoning_part_done(self, event: Event) -> None:
        text = _member(event.get("part"), "text")
        self._end_thinking(event, "content", event.get("content_index"), text)

    def _begin_thinking(self, event: Event, source: Source, index: object) -> None:
        item = self.table.find(event, "reasoning")
        last = item.parts[-1] if item.parts else None
        if index.__class__ is not int and (last is None or last.length):
            item.new_part(source)
        part = item.part(source, index)
        self._complete_thinking(item, part, _member(event.get("part"), "text"))

    def _end_thinking(self, event: Event, source: Source, index: object, text: str) -> None:
        item = self.table.find(event, "reasoning")
        part = _done_part(item, source, index)
        self._complete_thinking(item, part, text)
        part.done = True

    def _complete_thinking(self, item: Item, part: Part, text: str) -> None:
        rest = self._rest(part, text) if item.source in (None, part.source) else ""
        if rest:
            self._tell_thinking(item, part, rest)

    def _tell_thinking(self, item: Item, part: Part, text: str) -> None:
        if item.source is None:
            item.source = part.source
        if item.source != part.source:
            return
        part.add(text)
        if item.last_part is not None and item.last_part is not part:
            text = BETWEEN_PARTS + text
        item.last_part = part
        self._writer.write(item, ContentPiece("thinking", text))

    # Calls.

    def _take_arguments(self, event: Event) -> None:
        self._arguments_delta(self.table.find(event, "call"), event)

    def _take_input(self, event: Event) -> None:
        self._arguments_delta(self.table.find(event, "custom"), event)

    def _arguments_delta(self, item: Item, event: Event) -> None:
        delta = event.get("delta")
        if delta and self._in_progress(item, item.arguments):
            self._tell_arguments(item, _text_of(delta), encoded=isinstance(delta, str))

    def _take_arguments_done(self, event: Event) -> None:
        self._arguments_done(self.table.find(event, "call"), event)

    def _take_input_done(self, event: Event) -> None:
        self._arguments_done(self.table.find(event, "custom"), event)

    def _arguments_done(self, item: Item, event: Event) -> None:
        self._name(item, string_in(event, "name"))
        if not item.done:
            self._complete_arguments(item, event.get(_member_of(item)))
            item.arguments.done = True
            self._writer.write(item, Mark.DONE)

    def _tell_arguments(self, item: Item, text: str, *, encoded: bool = True) -> None:
        item.arguments.add(text)
        self._writer.write(item, call_arguments(item, text, encoded=encoded))

    def _complete_arguments(self, item: Item, value: object) -> None:
        text = _text_of(value)
        if item.arguments.length or text.strip():
            rest = self._rest(item.arguments, text)
            if rest:
                self._tell_arguments(item, rest, encoded=isinstance(value, str))

    def _end_call(self, item: Item, sent: Event) -> None:
        """Complete the call ``item`` with its whole form ``sent``, or with what it had when added."""
        item.cut = sent.get("status") == "incomplete"
        value = sent.get(_member_of(item)) or item.early
        if item.cut and not item.name and not _is_whole(value):
            self._warnings["incomplete_call"] += 1
            item.done = True
            return
        self._name(item, string_in(sent, "name"))
        self._complete_arguments(item, value)
        item.done = True
        self._writer.write(item, Mark.DONE)

    def _name(self, item: Item, name: str) -> None:
        name = name.strip()
        if name and not item.name:
            item.name = name
            self._writer.write(item, call_start(item, item.call_id or item.id, name))

    # All kinds.

    def _in_progress(self, item: Item, part: Part) -> bool:
        if item.done or part.done:
            self._warnings["late_delta"] += 1
            return False
        return True

    def _rest(self, part: Part, text: str) -> str:
        """What the whole ``text`` of ``part`` adds."""
        if not text:
            return ""
        rest = part.rest(text)
        if rest is None:
            self._warnings["done_differs"] += 1
            return ""
        return rest


def _kind_of(sent: Event) -> ItemKind:
    kind = sent.get("type")
    return KIND_FOR_TYPE.get(kind, "other") if isinstance(kind, str) else "other"


def _kind_of_part(part: Event) -> ItemKind:
    return "reasoning" if part.get("type") in ("reasoning_text", "summary_text") else "message"


def _done_part(item: Item, source: Source, index: object) -> Part:
    """The part that a ``done`` event is about: without an index it may be done already."""
    if index.__class__ is not int and item.parts and item.parts[-1].source == source:
        return item.parts[-1]
    return item.part(source, index)


def _member_of(item: Item) -> str:
    return "input" if item.kind == "custom" else "arguments"


def _member(value: object, name: str) -> str:
    return string_in(value, name) if isinstance(value, dict) else ""


def _is_whole(arguments: object) -> bool:
    """Whether ``arguments`` are a JSON object, as a string or as itself."""
    if isinstance(arguments, str):
        with suppress(orjson.JSONDecodeError):
            arguments = orjson.loads(arguments)
    return isinstance(arguments, dict)


def _text_of(value: object) -> str:
    """Arguments as text; some servers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)


HANDLERS: Mapping[str, Callable[[EventReader, Event], None]] = {
    "response.output_item.added": EventReader._take_added,
    "response.output_item.done": EventReader._take_done,
    "response.content_part.added": EventReader._take_part_added,
    "response.content_part.done": EventReader._take_part_done,
    "response.output_text.delta": EventReader._take_text,
    "response.output_text.done": EventReader._take_text_done,
    "response.refusal.delta": EventReader._take_refusal,
    "response.refusal.done": EventReader._take_refusal_done,
    "response.reasoning_summary_part.added": EventReader._take_summary_part_added,
    "response.reasoning_summary_part.done": EventReader._take_summary_part_done,
    "response.reasoning_summary_text.delta": EventReader._take_summary,
    "response.reasoning_summary_text.done": EventReader._take_summary_done,
    "response.reasoning_part.added": EventReader._take_reasoning_part_added,
    "response.reasoning_part.done": EventReader._take_reasoning_part_done,
    "response.reasoning_text.delta": EventReader._take_reasoning,
    "response.reasoning_text.done": EventReader._take_reasoning_done,
    "response.function_call_arguments.delta": EventReader._take_arguments,
    "response.function_call_arguments.done": EventReader._take_arguments_done,
    "response.custom_tool_call_input.delta": EventReader._take_input,
    "response.custom_tool_call_input.done": EventReader._take_input_done,
}
"""By the type of the event."""
