"""One message, or the deltas of one, -> content blocks.

Rule: within a delta reasoning comes before text and text before tool calls, whatever the order of
its members (docs/protocol.md section 3); nothing in it is lost, nothing is told twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from proxy.convert.reply.arguments import is_writable
from proxy.convert.reply.content_parts import content_pieces
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.plain_deltas import Run, plain_arguments, plain_reasoning, plain_text
from proxy.convert.reply.private_state import pack_detail, pack_message_state
from proxy.convert.reply.reasoning import (
    Form,
    ReasoningForms,
    ReasoningPiece,
    forms_in,
    reasoning_pieces,
)
from proxy.convert.reply.stream_blocks import TEXT, THINKING, TOOL, BlockWriter
from proxy.convert.reply.stream_tools import ToolCalls
from proxy.convert.reply.think_tags import ThinkTags
from proxy.convert.reply.tool_fragments import ToolFragment, legacy_fragment, tool_fragment
from proxy.convert.reply.usage import ReplyUsage

SIGNATURE = "thought_signature"
"""Gemini's state of a call or a message, under ``google`` or ``vertex``."""
MAX_EXPLANATION = 64 * 1024
"""Longest refusal, in characters, that is repeated as ``stop_details.explanation``."""


class DeltaReader:
    """Reads the deltas of one reply in order; the events collect in ``blocks.out``.

    ``read`` and ``read_message`` raise ``UpstreamError`` where the upstream ran away. Members of
    any type are taken; what has the wrong one was not sent.
    """

    def __init__(self, reply: ReplyContext, usage: ReplyUsage, warnings: Counter[str]) -> None:
        self.blocks = BlockWriter(show_thinking=reply.thinking == "show")
        self.tools = ToolCalls(reply, self.blocks, usage, warnings)
        self.content_seen = False
        """True once anything of the answer came, also reasoning that is discarded."""
        self.refusal = ""
        self._discards_thinking = reply.thinking == "discard"
        self._usage = usage
        self._warnings = warnings
        self._forms = ReasoningForms()
        self._tags = ThinkTags() if reply.think_tags else None
        self._encrypted: list[str] = []
        self._state: dict[str, Any] = {}

    def read_plain(self, chunk: object) -> bool:
        """Read a chunk that only goes on with the open block; False (nothing read) if it may not.

        What nearly every chunk of a stream is; ``read`` would do the same with it.
        """
        kind = self.blocks.kind
        if kind is TEXT:
            return self._read_plain_text(chunk)
        if kind is TOOL:
            return self._read_plain_arguments(chunk)
        return kind is THINKING and self._read_plain_reasoning(chunk)

    def run(self) -> Run | None:
        """What a chunk must hold to go on plainly with the open block; None where none can."""
        kind = self.blocks.kind
        if kind is TEXT:
            tagged = self._tags is not None and not self._tags.done
            return None if tagged else Run(self.blocks.index)
        if kind is TOOL:
            call = self.tools.sole
            return None if call is None else Run(self.blocks.index, call=call)
        if kind is None or self._forms.sole is None or self._tags is not None:
            return None
        shown = self.blocks.unsigned and self.blocks.show_thinking
        return Run(self.blocks.index, form=self._forms.sole) if shown else None

    def pass_on(self, run: Run, texts: Sequence[str]) -> bool:
        """Note ``texts`` (none empty) that go on with ``run``, their events written elsewhere.

        False (nothing noted) where ``read_plain`` would not have written one event for each.
        """
        if run.call is not None:
            return self.tools.pass_on(texts)
        text = "".join(texts)
        self._usage.add(text)
        if run.form is not None:
            self._forms.tell(text)
            self.blocks.note_thinking(text)
        return True

    def read(self, delta: Mapping[str, Any]) -> None:
        """Read a streamed delta."""
        self._read(delta, self.tools.feed)

    def read_message(self, message: Mapping[str, Any]) -> None:
        """Read a message that came whole."""
        self._read(message, self.tools.feed_whole)

    def end(self) -> None:
        """No delta follows: write what was held back and close everything."""
        self._flush_tags()
        self.tools.end()
        self._write_encrypted()
        self.blocks.close()
        if not self.blocks.index:
            self.blocks.start_text()
            self.blocks.close()
        if self._state and not self.tools.adopt(self._state):
            self.blocks.redacted(pack_message_state(self._state))

    def _read_plain_text(self, chunk: object) -> bool:
        if self._tags is not None and not self._tags.done:
            return False
        text = plain_text(chunk)
        if text is None:
            return False
        self._usage.add(text)
        self.blocks.text(text)
        return True

    def _read_plain_arguments(self, chunk: object) -> bool:
        call = self.tools.sole
        arguments = plain_arguments(chunk, *call) if call else None
        if arguments is None:
            return False
        self.tools.more(arguments)
        return True

    def _read_plain_reasoning(self, chunk: object) -> bool:
        form = self._forms.sole
        if form is None or not self.blocks.unsigned or self._tags is not None:
            return False
        text = plain_reasoning(chunk, form)
        if text is None:
            return False
        self._usage.add(text)
        self._forms.tell(text)
        self.blocks.more_thinking(text)
        return True

    def _read(self, source: Mapping[str, Any], feed: Callable[[ToolFragment], None]) -> None:
        forms = forms_in(source)
        if forms:
            self._read_reasoning(source, forms)
        content = source.get("content")
        if content:
            self._read_content(content)
        refusal = source.get("refusal")
        if refusal and isinstance(refusal, str):
            self._read_refusal(refusal)
        calls = source.get("tool_calls")
        if calls:
            entries = calls if isinstance(calls, list) else [calls]
            self._read_calls(map(tool_fragment, entries), feed)
        elif source.get("function_call"):
            self._read_calls([legacy_fragment(source["function_call"])], feed)
        state = source.get("extra_content")
        if state:
            self._keep_state(state)

    def _keep_state(self, state: object) -> None:
        """Keep the signatures in Gemini's state; marks of what a delta is are no state."""
        for vendor, members in state.items() if isinstance(state, dict) else ():
            signature = members.get(SIGNATURE) if isinstance(members, dict) else None
            if signature and is_writable(signature):
                self._state[vendor] = {SIGNATURE: signature}

    def _read_reasoning(self, source: Mapping[str, Any], forms: Sequence[Form]) -> None:
        for piece in reasoning_pieces(source):
            self.content_seen = True
            if piece.data:
                detail = piece.detail
                packed = pack_detail({**detail, "data": piece.data}) if detail else piece.data
                self._read_encrypted(packed)
            else:
                self._read_reasoning_text(piece)
        self._forms.cover(forms)

    def _read_reasoning_text(self, piece: ReasoningPiece) -> None:
        text = self._forms.fresh(piece.form, piece.text) if piece.text else ""
        if text:
            self._think(text, piece)
        elif piece.signature or piece.detail:
            self._read_signature(piece)

    def _read_signature(self, piece: ReasoningPiece) -> None:
        """What comes without text is for the open thinking block; a signature may have its own."""
        if self._discards_thinking:
            return
        kind, index = self.blocks.kind, self.blocks.index
        if kind is THINKING or (kind is None and index == 0 and piece.signature):
            self.blocks.thinking("", piece.signature, piece.part, piece.detail)
        elif piece.signature:
            self._warnings["late_signature"] += 1

    def _read_encrypted(self, data: str) -> None:
        if self._discards_thinking:
            return
        self._encrypted.append(data)
        if not self.tools.unfinished:
            self._make_room()

    def _read_content(self, content: object) -> None:
        for piece in content_pieces(content):
            if piece.kind == "thinking":
                self.content_seen = True
                self._think(piece.text)
            elif piece.kind == "refusal":
                self._read_refusal(piece.text)
            elif self._tags is None or self._tags.done:
                self._say(piece.text)
            else:
                self.content_seen = True
                self._say_tagged(self._tags.feed(piece.text))

    def _read_refusal(self, refusal: str) -> None:
        self._flush_tags()
        self.refusal += refusal[: MAX_EXPLANATION - len(self.refusal)]
        self._say(refusal)

    def _read_calls(
        self, fragments: Iterable[ToolFragment | None], feed: Callable[[ToolFragment], None]
    ) -> None:
        for fragment in fragments:
            if fragment is None:
                self._warnings["odd_tool_call"] += 1
                continue
            self.content_seen = True
            self._flush_tags()
            feed(fragment)

    def _think(self, text: str, piece: ReasoningPiece | None = None) -> None:
        self._usage.add(text)
        if self._discards_thinking:
            return
        if self.blocks.kind is not THINKING:
            if self._is_blank_in_call(text):
                return
            self._make_room()
        if piece is None:
            self.blocks.thinking(text)
        else:
            self.blocks.thinking(text, piece.signature, piece.part, piece.detail)

    def _say(self, text: str) -> None:
        self.content_seen = True
        if self.blocks.kind is not TEXT:
            if self._is_blank_in_call(text):
                return
            self._make_room()
        self._usage.add(text)
        self.blocks.text(text)

    def _is_blank_in_call(self, text: str) -> bool:
        """True for blanks amid a call's arguments: they mean nothing and must not cut it in two."""
        if not (text.isspace() and self.tools.unfinished):
            return False
        self._warnings["blank_text_in_tool_call"] += 1
        return True

    def _say_tagged(self, pieces: Iterable[tuple[str, str]]) -> None:
        for kind, text in pieces:
            if kind == "thinking":
                self._think(text)
            else:
                self._say(text)

    def _flush_tags(self) -> None:
        if self._tags is not None and not self._tags.done:
            self._say_tagged(self._tags.flush())

    def _make_room(self) -> None:
        """Close the tool calls and write what waited for their end."""
        self.tools.settle()
        self._write_encrypted()

    def _write_encrypted(self) -> None:
        for data in self._encrypted:
            self.blocks.redacted(data)
        self._encrypted.clear()
