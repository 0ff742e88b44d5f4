"""The content of items in the order of an event stream -> blocks, one after another.

Rule: an open call keeps its block until its arguments are complete or its item is done; what other items
say meanwhile waits, in order of their arrival. Text and thinking never wait for more of their kind: when
another item says something, their block is closed (docs/protocol.md, Responses, "States").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.piece_writer import PieceWriter
from proxy.convert.reply.pieces import ContentPiece, Piece
from proxy.convert.reply.responses.items import Item
from proxy.convert.reply.stream_blocks import THINKING
from proxy.convert.reply.text_calls.holder import TextCalls
from proxy.convert.reply.think_tags import ThinkTags


class Mark(Enum):
    """What happens to an item beside its content."""

    DONE = "done"
    """The item is complete."""


class State(str):
    """The packed state of a reasoning item, which completes it."""

    __slots__ = ()


class Citation(NamedTuple):
    """A citation of the text so far."""

    citation: Mapping[str, Any]


class ServerBlock(NamedTuple):
    """A block of a tool that ran at the upstream."""

    block: Mapping[str, Any]
    arguments: str = ""


Step = Piece | Mark | State | Citation | ServerBlock


class ItemWriter:
    """Writes the steps of all items of one answer through ``pieces``."""

    def __init__(
        self,
        reply: ReplyContext,
        pieces: PieceWriter,
        warnings: Counter[str],
        text_calls: TextCalls | None,
    ) -> None:
        self._pieces = pieces
        self._warnings = warnings
        self._text_calls = text_calls
        self._tags = ThinkTags() if reply.think_tags else None
        self._discards_thinking = reply.thinking == "discard"
        self._keeps_state = reply.thinking_asked or bool(reply.functions)
        self._open: Item | None = None
        """The item whose block is open, or was written last."""
        self._left: set[Item] = set()
        """Calls whose block was closed."""
        self._waiting: dict[Item, list[Step]] = {}

    @property
    def open(self) -> Item | None:
        """The item that writes now; None while others wait for it, or if there is none."""
        return None if self._waiting else self._open

    @property
    def text_is_plain(self) -> bool:
        """True if all further text of a message is told unchanged."""
        held = self._text_calls is not None and self._text_calls.holding
        return not held and (self._tags is None or self._tags.done)

    @property
    def thinking_is_plain(self) -> bool:
        """True if thinking is shown."""
        return not self._discards_thinking

    def write(self, item: Item, step: Step) -> None:
        """Write ``step``, or keep it until the open call is complete."""
        if item is not self._open and self._waits():
            self._waiting.setdefault(item, []).append(step)
            return
        self._do(item, step)
        if self._waiting:
            self._write_waiting(to_the_end=False)

    def end(self, finish: str) -> None:
        """Write all that waits, at the end of the answer with the finish reason ``finish``."""
        self._write_waiting(to_the_end=True)
        self._flush_tags()
        if self._text_calls is not None:
            self._pieces.write(self._text_calls.end(finish))

    def release(self) -> None:
        """Write text that was held back: the answer breaks off."""
        tags, calls = self._tags, self._text_calls
        held: list[Piece] = [] if tags is None or tags.done else list(tags.flush())
        if calls is not None:
            held = [*calls.read(held), *calls.release()]
        self._pieces.release(held)

    def _waits(self) -> bool:
        """Whether the other items must wait for the open call."""
        item = self._open
        if item is None or not item.is_call or item in self._left:
            return False
        if item.done or item.arguments.done:
            return False
        return not item.name or not self._pieces.tools.settled

    def _write_waiting(self, *, to_the_end: bool) -> None:
        while self._waiting and (to_the_end or not self._waits()):
            item = next(iter(self._waiting))
            for step in self._waiting.pop(item):
                self._do(item, step)

    def _do(self, item: Item, step: Step) -> None:
        if isinstance(step, Mark):
            if item is self._open:
                self._complete(item)
        elif isinstance(step, State):
            self._keep_state(item, step)
        elif isinstance(step, ServerBlock):
            self._write_block(item, step)
        elif isinstance(step, Citation):
            if item is self._open:
                self._pieces.blocks.cite(step.citation)
        elif item in self._left:
            self._warnings["arguments_for_closed_call"] += 1
        else:
            if item is not self._open:
                self._enter(item)
            self._tell(item, step)

    def _tell(self, item: Item, piece: Piece) -> None:
        tags = self._tags
        if tags is not None and isinstance(piece, ContentPiece) and item.kind == "message":
            if piece.kind == "text" and not tags.done:
                self._put(tags.feed(piece.text))
                return
            self._flush_tags()
        self._put((piece,))

    def _put(self, pieces: Iterable[Piece]) -> None:
        calls = self._text_calls
        self._pieces.write(pieces if calls is None else calls.read(pieces))

    def _enter(self, item: Item) -> None:
        """Let ``item`` write: the block of the item before it is closed."""
        before, self._open = self._open, item
        if before is None:
            return
        self._flush_tags()
        if self._text_calls is not None:
            self._pieces.write(self._text_calls.release())
        self._close(before)

    def _close(self, item: Item) -> None:
        self._pieces.close_block(limit_reached=item.cut)
        if item.is_call and item.name:
            self._left.add(item)

    def _complete(self, item: Item) -> None:
        """Close the block of ``item``, which is done."""
        if item.is_call:
            # Incomplete arguments are closed later, when it is known why the answer ended.
            if self._pieces.tools.complete:
                self._close(item)
            return
        self._flush_tags()
        if self._text_calls is None:
            self._pieces.close_block()

    def _keep_state(self, item: Item, state: State) -> None:
        """Write the state of a reasoning item: as the signature of its block, or as a block of its own."""
        if self._discards_thinking or not state:
            return
        blocks = self._pieces.blocks
        if blocks.matched is not None:
            return
        if item is self._open and blocks.kind is THINKING:
            blocks.sign(state)
        elif item.last_part is not None or self._keeps_state:
            self._enter(item)
            if blocks.matched is None:
                blocks.redacted(state)

    def _write_block(self, item: Item, step: ServerBlock) -> None:
        self._enter(item)
        if self._pieces.blocks.matched is None:
            self._pieces.blocks.whole(step.block, step.arguments)

    def _flush_tags(self) -> None:
        if self._tags is not None and not self._tags.done:
            self._put(self._tags.flush())
