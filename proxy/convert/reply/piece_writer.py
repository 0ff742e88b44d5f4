"""Pieces of one answer -> its content blocks.

Rule: pieces become blocks in their order, with one exception: text and reasoning between the arguments of
a call wait until the arguments are complete or the answer ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeGuard

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.cut_blocks import CutBlocks, StopMatched
from proxy.convert.reply.fallback_credit import with_credit
from proxy.convert.reply.limits import PIECES_BETWEEN_PAUSES, Pause, no_pause
from proxy.convert.reply.pieces import (
    ContentPiece,
    MemberPiece,
    Piece,
    ReasoningPiece,
    StatePiece,
    ToolFragment,
)
from proxy.convert.reply.private_state import pack_detail, pack_members, pack_message_state
from proxy.convert.reply.stop_reasons import STOPPED, Stop, is_cut, stop_for
from proxy.convert.reply.stream_blocks import TEXT, THINKING, TOOL, BlockWriter
from proxy.convert.reply.tool_calls import ToolCalls
from proxy.convert.reply.usage import ReplyUsage

MAX_EXPLANATION = 64 * 1024
"""Longest refusal, in characters, that is copied to ``stop_details.explanation``."""


class PieceWriter:
    """Writes the blocks of one answer; the events collect in ``blocks.out``."""

    def __init__(
        self,
        reply: ReplyContext,
        usage: ReplyUsage,
        warnings: Counter[str],
        pause: Pause = no_pause,
    ) -> None:
        """``pause`` is called after every PIECES_BETWEEN_PAUSES pieces of one call of ``write``."""
        self.blocks = _blocks_for(reply)
        self._pause = pause
        self.tools = ToolCalls(reply, self.blocks, usage, warnings, pause)
        self._reply = reply
        self._usage = usage
        self._warnings = warnings
        self._discards_thinking = reply.thinking == "discard"
        self._refusal = ""
        self._encrypted: list[str] = []
        self._early: ReasoningPiece | None = None
        """A signature that arrived before its thinking text."""
        self._waiting: list[ContentPiece | ReasoningPiece] = []
        self._state: dict[str, Any] = {}
        self._members: dict[str, Any] = {}

    def write(self, pieces: Iterable[Piece]) -> None:
        """Write ``pieces``; nothing is written after a stop sequence at which the text was cut.

        Raises ``UpstreamError`` for runaway tool arguments.
        """
        if self.blocks.matched is None:
            try:
                self._write(pieces)
            except StopMatched:
                return

    def _write(self, pieces: Iterable[Piece]) -> None:
        for number, piece in enumerate(pieces, 1):
            if not number % PIECES_BETWEEN_PAUSES:
                self._pause()
            if self._must_wait(piece):
                self._waiting.append(piece)
                continue
            _WRITER_FOR_PIECE[piece.__class__](self, piece)
            if self._waiting and not self.tools.unfinished:
                self._write_waiting()

    def release(self, pieces: Iterable[Piece]) -> None:
        """Write ``pieces`` and text that was held back: the answer breaks off.

        Writes nothing while a call is open, because that would close the call.
        """
        if self.blocks.kind is TOOL:
            return
        self.write(pieces)
        with suppress(StopMatched):
            self.blocks.release()

    def close_block(self, *, limit_reached: bool = False) -> None:
        """Close the open block: what follows belongs to another item of the upstream's answer.

        ``limit_reached``: the output limit ended the open call within its arguments.
        """
        if self.blocks.matched is None:
            with suppress(StopMatched):
                self.tools.close_all(limit_reached=limit_reached)
                self.blocks.close()

    def end(self, finish: str) -> None:
        """Write the waiting pieces and close all blocks, at the end of the answer.

        ``finish``: the upstream's finish reason. Usage must be noted before.
        """
        if self.blocks.matched is None:
            with suppress(StopMatched):
                self._write_rest(finish)
        if not self.blocks.index:
            self.blocks.start_text()
            self.blocks.close()
        if self.blocks.matched is not None:
            return
        if self._state and not self.tools.adopt(self._state):
            self.blocks.redacted(pack_message_state(self._state))

    def _write_rest(self, finish: str) -> None:
        self.tools.end(limit_reached=is_cut(finish) or (self.tools.used and self._at_limit()))
        self._write_waiting()
        if self._early is not None:
            self._warnings["late_signature"] += 1
        self._write_encrypted()
        self.blocks.close()

    def _at_limit(self) -> bool:
        limit = self._reply.max_tokens
        return limit is not None and 0 < limit <= self._usage.reported()["output_tokens"]

    @property
    def waiting(self) -> bool:
        """True while text or reasoning waits for the end of a call's arguments."""
        return bool(self._waiting)

    def _must_wait(self, piece: Piece) -> TypeGuard[ContentPiece | ReasoningPiece]:
        """Whether ``piece`` is text or reasoning while the arguments of a call are incomplete.

        Blanks are ignored there, and encrypted reasoning is kept separately.
        """
        if self.blocks.kind is not TOOL or not isinstance(piece, ContentPiece | ReasoningPiece):
            return False
        if isinstance(piece, ReasoningPiece) and piece.data:
            return False
        if not self._waiting and piece.text.isspace():
            return False
        return self.tools.unfinished

    def _write_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for number, piece in enumerate(waiting, 1):
            if not number % PIECES_BETWEEN_PAUSES:
                self._pause()
            _WRITER_FOR_PIECE[piece.__class__](self, piece)

    def stop(self, finish: str, matched: object) -> Stop:
        """Why the answer ended, for the upstream's finish reason and matched stop sequence."""
        if self.blocks.matched is not None:
            finish, matched = STOPPED, self.blocks.matched
        stop = stop_for(
            finish,
            tool_used=self.tools.used,
            call_cut=self.tools.cut,
            refusal=self._refusal,
            matched=matched,
            stop_sequences=self._reply.stop_sequences,
        )
        return with_credit(stop) if self._reply.fallback_credit else stop

    def _write_call(self, fragment: ToolFragment) -> None:
        self.tools.feed(fragment)

    def _write_content(self, piece: ContentPiece) -> None:
        kind, text = piece
        if kind == "thinking":
            self._write_thinking(text)
            return
        write = self.blocks.text
        if kind == "refusal":
            self._refusal += text[: MAX_EXPLANATION - len(self._refusal)]
            write = self.blocks.refusal
        if self.blocks.kind is not TEXT:
            if self._is_blank_in_call(text):
                return
            self._close_calls()
        self._usage.add(text)
        write(text)

    def _write_reasoning(self, piece: ReasoningPiece) -> None:
        _, text, signature, part, data, detail = piece
        if data:
            self._keep_encrypted(pack_detail({**detail, "data": data}) if detail else data)
        elif text:
            self._write_thinking(text, signature, part, detail)
        elif signature or detail:
            self._write_signature(piece)

    def _write_thinking(
        self,
        text: str,
        signature: str = "",
        part: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        self._usage.add(text)
        if self._discards_thinking:
            return
        if self.blocks.kind is not THINKING:
            if self._is_blank_in_call(text):
                return
            self._close_calls()
            if self._early is not None and not signature:
                early, self._early = self._early, None
                self.blocks.thinking("", early.signature, early.part, early.detail)
        self.blocks.thinking(text, signature, part, detail)

    def _write_signature(self, piece: ReasoningPiece) -> None:
        """Write a piece without text: its signature belongs to the open thinking block.

        As the first piece of an answer it begins a block; otherwise it is kept for text that follows.
        """
        if self._discards_thinking:
            return
        kind, index = self.blocks.kind, self.blocks.index
        if kind is THINKING or (kind is None and index == 0 and piece.signature):
            self.blocks.thinking("", piece.signature, piece.part, piece.detail)
        elif piece.signature and not self.blocks.left_unsigned and self._early is None:
            self._early = piece
        elif piece.signature:
            self._warnings["late_signature"] += 1

    def _keep_encrypted(self, data: str) -> None:
        if self._discards_thinking:
            return
        self._encrypted.append(data)
        if not self.tools.unfinished:
            self._close_calls()

    def _keep_state(self, piece: StatePiece) -> None:
        self._state |= piece.state

    def _keep_members(self, piece: MemberPiece) -> None:
        """Keep new members as private state; some upstreams repeat members with every delta."""
        if piece.members.items() <= self._members.items():
            return
        self._members |= piece.members
        self._encrypted.append(pack_members(piece.members))
        if not self.tools.unfinished and self.blocks.kind is not TEXT:
            self._close_calls()

    def _is_blank_in_call(self, text: str) -> bool:
        """True for blanks between a call's arguments, which must not split the call into two."""
        if not (text.isspace() and self.tools.unfinished):
            return False
        self._warnings["blank_text_in_tool_call"] += 1
        return True

    def _close_calls(self) -> None:
        """Close the tool calls and write the pieces that waited for them."""
        self.tools.close_all()
        self._write_encrypted()

    def _write_encrypted(self) -> None:
        for data in self._encrypted:
            self.blocks.redacted(data)
        self._encrypted.clear()


# Of the class, not bound to a writer: a writer that refers to itself would keep the whole request in
# memory until a full garbage collection.
_WRITER_FOR_PIECE: Mapping[type, Callable[[PieceWriter, Any], None]] = {
    ContentPiece: PieceWriter._write_content,
    ReasoningPiece: PieceWriter._write_reasoning,
    ToolFragment: PieceWriter._write_call,
    StatePiece: PieceWriter._keep_state,
    MemberPiece: PieceWriter._keep_members,
}


def _blocks_for(reply: ReplyContext) -> BlockWriter:
    show = reply.thinking == "show"
    if reply.cut_here:
        return CutBlocks(reply.cut_here, show_thinking=show)
    return BlockWriter(show_thinking=show)
