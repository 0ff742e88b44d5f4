"""Events about the calls of a Responses answer -> fragments of tool calls.

Rule: a call begins when its name is known. Blank arguments that no delta told are an empty object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import orjson

from proxy.convert.reply.arguments import json_text
from proxy.convert.reply.content_parts import string_in
from proxy.convert.reply.pieces import ToolFragment
from proxy.convert.reply.responses.item_writer import Mark
from proxy.convert.reply.responses.items import Item
from proxy.convert.reply.responses.part_reading import Event, PartReading


class CallReader:
    """Reads the events of one answer's calls, of functions and of custom tools."""

    __slots__ = ("_shared",)

    def __init__(self, shared: PartReading) -> None:
        self._shared = shared

    def begin(self, item: Item, sent: Event) -> None:
        """Read ``sent``, the call as it was added."""
        self._name(item, string_in(sent, "name"))
        item.early = item.early or _text_of(sent.get(_member_of(item)))

    def complete(self, item: Item, sent: Event) -> None:
        """Complete ``item`` with ``sent``, the whole call; an empty one adds nothing.

        An incomplete call of which nothing was told is dropped, unless its arguments are complete.
        """
        item.cut = sent.get("status") == "incomplete"
        value = sent.get(_member_of(item)) or item.early
        if item.cut and not item.name and not _is_whole(value):
            self._shared.warnings["incomplete_call"] += 1
            item.done = True
            return
        self._name(item, string_in(sent, "name"))
        self._complete_arguments(item, value)
        item.done = True
        self._shared.writer.write(item, Mark.DONE)

    def take_arguments(self, event: Event) -> None:
        """Read a delta of a function's arguments."""
        self._delta(self._shared.table.find(event, "call"), event)

    def take_arguments_done(self, event: Event) -> None:
        """Read the whole arguments of a function."""
        self._end(self._shared.table.find(event, "call"), event)

    def take_input(self, event: Event) -> None:
        """Read a delta of a custom tool's input."""
        self._delta(self._shared.table.find(event, "custom"), event)

    def take_input_done(self, event: Event) -> None:
        """Read the whole input of a custom tool."""
        self._end(self._shared.table.find(event, "custom"), event)

    def _delta(self, item: Item, event: Event) -> None:
        delta = event.get("delta")
        if delta and self._shared.in_progress(item, item.arguments):
            self._tell(item, _text_of(delta), encoded=isinstance(delta, str))

    def _end(self, item: Item, event: Event) -> None:
        self._name(item, string_in(event, "name"))
        if not item.done:
            self._complete_arguments(item, event.get(_member_of(item)))
            item.arguments.done = True
            if item.name:
                # Without a name it has not begun; the event that names it completes it.
                self._shared.writer.write(item, Mark.DONE)

    def _complete_arguments(self, item: Item, value: object) -> None:
        text = _text_of(value)
        if item.arguments.length or text.strip():
            rest = self._shared.rest(item.arguments, text)
            if rest:
                self._tell(item, rest, encoded=isinstance(value, str))

    def _tell(self, item: Item, text: str, *, encoded: bool) -> None:
        item.arguments.add(text)
        custom = item.kind == "custom"
        fragment = ToolFragment(item.number, "", "", text, custom, None, encoded=encoded)
        self._shared.writer.write(item, fragment)

    def _name(self, item: Item, name: str) -> None:
        name = name.strip()
        if not name or item.name:
            return
        item.name = name
        call_id = item.call_id or item.id
        fragment = ToolFragment(item.number, call_id, name, "", item.kind == "custom", None)
        self._shared.writer.write(item, fragment)


def _member_of(item: Item) -> str:
    return "input" if item.kind == "custom" else "arguments"


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


HANDLERS: Mapping[str, Callable[[CallReader, Event], None]] = {
    "response.function_call_arguments.delta": CallReader.take_arguments,
    "response.function_call_arguments.done": CallReader.take_arguments_done,
    "response.custom_tool_call_input.delta": CallReader.take_input,
    "response.custom_tool_call_input.done": CallReader.take_input_done,
}
"""By the type of the event."""
