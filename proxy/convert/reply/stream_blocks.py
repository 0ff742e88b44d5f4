"""Writes the content blocks of one reply as events.

Rule: one block is open at a time, indexes are 0, 1, 2 and so on, and the deltas of a block are of its
kind (docs/protocol.md section 4). This module ensures this; callers only pass the content in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from proxy.convert.reply import events
from proxy.convert.reply.events import Event
from proxy.convert.reply.limits import MOST_BLOCKS, MOST_MEMBERS, too_many
from proxy.convert.reply.private_state import pack_detail
from proxy.convert.reply.reasoning import ThinkingDigest

Kind = Literal["text", "thinking", "tool_use"]
TEXT: Kind = "text"
THINKING: Kind = "thinking"
TOOL: Kind = "tool_use"

_IDENTITY = frozenset({"id", "type"})
"""Members that distinguish an item of the upstream's reasoning from the one before it."""


class BlockWriter:
    """The blocks of one reply, at most MOST_BLOCKS. Events collect in ``out`` until ``take`` is called.

    With ``show_thinking=False`` thinking blocks have no text; their signature contains it, so that the
    upstream gets it back.
    """

    __slots__ = (
        "_detail",
        "_digest",
        "_hidden",
        "_part",
        "_signature",
        "_signed_first",
        "index",
        "kind",
        "left_unsigned",
        "out",
        "show_thinking",
    )

    cuts_text = False
    """True if the writer cuts text at stop sequences."""
    matched: str | None = None
    """The stop sequence at which the text was cut; nothing may be written after it."""

    def __init__(self, *, show_thinking: bool = True) -> None:
        self.out: list[Event] = []
        self.index = 0
        """Index of the open block, or of the next one; equals the number of closed blocks."""
        self.kind: Kind | None = None
        """Kind of the open block."""
        self.show_thinking = show_thinking
        self.left_unsigned = False
        """True if the last thinking block was closed without a signature of the upstream."""
        self._digest = ThinkingDigest()
        self._signed_first = False
        self._signature = ""
        self._part: int | None = None
        self._detail: dict[str, Any] | None = None
        self._hidden: list[str] = []
        """Text of the open thinking block that is not shown."""

    def take(self) -> list[Event]:
        """The events since the last call."""
        taken, self.out = self.out, []
        return taken

    def text(self, text: str) -> None:
        """Write text to the open text block, or to a new one."""
        if self.kind is not TEXT:
            self.close()
            self.start_text()
        self.out.append(events.text_delta(self.index, text))

    def refusal(self, text: str) -> None:
        """Write text of a refusal, which is not scanned for stop sequences."""
        self.text(text)

    def release(self) -> None:
        """Write text that was held back; the open block stays open."""

    def start_text(self) -> None:
        """Open an empty text block; no block may be open."""
        self.out.append(events.block_start(self.index, events.text_block()))
        self.kind = TEXT

    def thinking(
        self,
        text: str,
        signature: str = "",
        part: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Write thinking to the open thinking block, or to a new one.

        A signature completes a block, or begins it if the text follows later. The next ``part`` (item) of
        the upstream's reasoning completes it too. ``detail``: members that the upstream must get back
        with this item.
        """
        if self.kind is not THINKING or self._is_past(signature, part, detail):
            self.close()
            self.out.append(events.block_start(self.index, events.thinking_block()))
            self.kind = THINKING
            self._digest = ThinkingDigest()
            self._signed_first = bool(signature) and not text
        if part is not None:
            self._part = part
        if signature:
            self._signature = signature
        if detail:
            self._add_detail(detail)
        if text:
            self._more_thinking(text)

    def _add_detail(self, detail: Mapping[str, Any]) -> None:
        """Note members of the item; new ones only up to MOST_MEMBERS."""
        if self._detail is None:
            self._detail = {}
        held = self._detail
        for name, value in detail.items():
            if name in held or len(held) < MOST_MEMBERS:
                held[name] = value

    def _more_thinking(self, text: str) -> None:
        self._digest.add(text)
        if self.show_thinking:
            self.out.append(events.thinking_delta(self.index, text))
        else:
            self._hidden.append(text)

    def note_thinking(self, text: str) -> None:
        """Note thinking of the open block whose event the caller writes."""
        self._digest.add(text)

    @property
    def unsigned(self) -> bool:
        """True if the open thinking block has no signature of the upstream yet."""
        return not self._signature

    def redacted(self, data: str) -> None:
        """Write a whole ``redacted_thinking`` block."""
        self.close()
        self.out.append(events.block_start(self.index, events.redacted_block(data)))
        self._stop()

    def whole(self, block: Mapping[str, Any], arguments: str = "") -> None:
        """Write a block whose content does not stream, except for the ``arguments`` of a server tool."""
        self.close()
        self.out.append(events.block_start(self.index, block))
        if arguments:
            self.out.append(events.arguments_delta(self.index, arguments))
        self._stop()

    def cite(self, citation: Mapping[str, Any]) -> None:
        """Add a citation to the open text block; nothing without one."""
        if self.kind is TEXT:
            self.out.append(events.citations_delta(self.index, citation))

    def sign(self, state: str) -> None:
        """Close the open thinking block; ``state`` is all that the upstream must get back of it."""
        self._hidden.clear()
        self._detail, self._signature = None, state
        self.close()

    def start_tool(self, tool_id: str, name: str, toolset: str | None = None) -> None:
        """Open a ``tool_use`` block; ``toolset``: the family if ``name`` is a member of a toolset."""
        self.close()
        self.out.append(events.block_start(self.index, events.tool_block(tool_id, name, toolset)))
        self.kind = TOOL

    def arguments(self, partial_json: str) -> None:
        """Write arguments to the open ``tool_use`` block."""
        self.out.append(events.arguments_delta(self.index, partial_json))

    def close(self) -> None:
        """Close the open block, if there is one."""
        if self.kind is None:
            return
        if self.kind is THINKING:
            self.out.append(events.signature_delta(self.index, self._block_signature()))
            self.left_unsigned = self.unsigned
            self._signature = ""
            self._part = self._detail = None
            self._hidden.clear()
        self._stop()

    def _block_signature(self) -> str:
        """The upstream's signature, this proxy's, or one that contains what the block cannot show."""
        if self._detail is None and not self._hidden:
            return self._signature or self._digest.signature()
        detail = dict(self._detail or {"type": "reasoning.text"})
        if self._hidden:
            detail["text"] = "".join(self._hidden)
        if self._signature:
            detail["signature"] = self._signature
        return pack_detail(detail)

    def _is_past(self, signature: str, part: int | None, detail: Mapping[str, Any] | None) -> bool:
        """True if the open thinking block is complete, so that this belongs to the next one."""
        if (
            self._signature
            and signature != self._signature
            and (signature or not self._signed_first)
        ):
            return True
        held = self._detail
        if (
            held
            and detail
            and any(held.get(k, detail[k]) != detail[k] for k in _IDENTITY & detail.keys())
        ):
            return True
        return part is not None and self._part is not None and part != self._part

    def _stop(self) -> None:
        self.out.append(events.block_stop(self.index))
        self.kind = None
        self.index += 1
        if self.index > MOST_BLOCKS:
            raise too_many("content blocks", MOST_BLOCKS)
