"""A fast path for Responses events that only continue the open block.

Rule: a run gives exactly the events that the readers and ``ItemWriter`` would give. If this is not certain,
there is no run. A run begins with a delta that was read in full, and ends with any other event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from proxy.convert.reply.events import Event, arguments_delta, text_delta, thinking_delta
from proxy.convert.reply.responses.item_writer import ItemWriter
from proxy.convert.reply.responses.items import Item, Part
from proxy.convert.reply.stream_blocks import TEXT, THINKING, TOOL, BlockWriter
from proxy.convert.reply.text_calls.holder import TextCalls
from proxy.convert.reply.tool_calls import ToolCalls
from proxy.convert.reply.usage import ReplyUsage

RunKind = Literal["text", "thinking", "tool_use"]
KIND_FOR_EVENT: dict[str, RunKind] = {
    "response.output_text.delta": TEXT,
    "response.reasoning_summary_text.delta": THINKING,
    "response.reasoning_text.delta": THINKING,
    "response.function_call_arguments.delta": TOOL,
}
"""The block that the deltas of a run continue, by the type of the event."""
_EVENT_FOR_KIND = {TEXT: text_delta, THINKING: thinking_delta, TOOL: arguments_delta}
_KEYS = ("output_index", "item_id", "call_id", "content_index", "summary_index")


class ResponsesRun(NamedTuple):
    """A sequence of deltas of one part, as ``plain_deltas.Run``."""

    block: int
    """Index of the block."""
    type: str
    """The type of the events."""
    output_index: object
    item_id: object
    call_id: object
    content_index: object
    summary_index: object

    @property
    def member(self) -> str:
        return "delta"

    def string_in(self, chunk: object) -> str | None:
        """The string of an event that only continues this run; None for any other one."""
        if chunk.__class__ is not dict:
            return None
        event: Any = chunk
        if event.get("type") != self[1] or _keys_of(event) != self[2:]:
            return None
        text = event.get("delta")
        return text or None if text.__class__ is str else None

    def event(self, text: str) -> Event:
        """The delta event with ``text``."""
        return _EVENT_FOR_KIND[KIND_FOR_EVENT[self.type]](self.block, text)


def _keys_of(event: dict[str, Any]) -> tuple[object, ...]:
    get = event.get
    return tuple([get(key) for key in _KEYS])


class LastDelta(NamedTuple):
    """The last event, which was a delta, and the part that it continued."""

    type: str
    keys: tuple[object, ...]
    item: Item
    part: Part


class PlainRuns:
    """The runs of one answer."""

    __slots__ = ("_blocks", "_last", "_text_calls", "_tools", "_usage", "_writer")

    def __init__(
        self,
        writer: ItemWriter,
        blocks: BlockWriter,
        tools: ToolCalls,
        usage: ReplyUsage,
        text_calls: TextCalls | None,
    ) -> None:
        self._writer = writer
        self._blocks = blocks
        self._tools = tools
        self._usage = usage
        self._text_calls = text_calls
        self._last: LastDelta | None = None

    def note(self, kind: str, event: dict[str, Any], item: Item | None, part: Part | None) -> None:
        """Note the event that was read last: a delta of ``part``, or any other one without a part."""
        if item is None or part is None or kind not in KIND_FOR_EVENT:
            self._last = None
        else:
            self._last = LastDelta(kind, _keys_of(event), item, part)

    def run(self) -> ResponsesRun | None:
        """The present run, which describes the events that only continue the open block."""
        last = self._last
        if last is None or last.item is not self._writer.open or last.item.done or last.part.done:
            return None
        blocks = self._blocks
        kind = KIND_FOR_EVENT[last.type]
        if blocks.kind is not kind:
            return None
        if kind is TEXT:
            plain = not blocks.cuts_text and self._writer.text_is_plain
        elif kind is THINKING:
            plain = blocks.show_thinking and blocks.unsigned and last.item.last_part is last.part
        else:
            sole = self._tools.sole
            plain = sole is not None and sole[0] == last.item.number
        return ResponsesRun(blocks.index, last.type, *last.keys) if plain else None

    def read(self, chunk: object) -> bool:
        """Read ``chunk`` if it only continues the open block; False (nothing read) if not."""
        run = self.run()
        text = None if run is None else run.string_in(chunk)
        if run is None or text is None or not self.pass_on((text,)):
            return False
        self._blocks.out.append(run.event(text))
        return True

    def pass_on(self, texts: Sequence[str]) -> bool:
        """Note ``texts`` (none empty), which continue the present run; the caller writes their events.

        False (nothing noted) if the full path would not give one event for each.
        """
        last = self._last
        if last is None:
            return False
        kind = KIND_FOR_EVENT[last.type]
        text = "".join(texts)
        if kind is TOOL:
            if not self._tools.pass_on(texts):
                return False
        elif kind is TEXT and self._text_calls is not None:
            if not self._text_calls.pass_on(text, texts):
                return False
            self._usage.add(text)
        else:
            self._usage.add(text)
        if kind is THINKING:
            self._blocks.note_thinking(text)
        last.part.add(text)
        return True
