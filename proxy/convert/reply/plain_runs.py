"""A fast path for chunks that only continue the open block.

Rule: a run gives exactly the events that ``DeltaReader`` and ``PieceWriter`` would give. If this is not
certain, there is no run. If chunks differ in more than their text, as with OpenAI's ``obfuscation``, this
saves a quarter of the CPU time of a stream (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.convert.reply.delta_reader import DeltaReader
from proxy.convert.reply.piece_writer import PieceWriter
from proxy.convert.reply.plain_deltas import Run
from proxy.convert.reply.stream_blocks import TEXT, TOOL
from proxy.convert.reply.text_calls.holder import TextCalls
from proxy.convert.reply.usage import ReplyUsage


class PlainRuns:
    """The runs of one answer; a run is a sequence of plain deltas of one block."""

    __slots__ = (
        "_blocks",
        "_cuts_text",
        "_reader",
        "_text_calls",
        "_tools",
        "_usage",
        "_writer",
    )

    def __init__(
        self,
        reader: DeltaReader,
        writer: PieceWriter,
        usage: ReplyUsage,
        text_calls: TextCalls | None,
    ) -> None:
        self._reader = reader
        self._blocks = writer.blocks
        self._cuts_text = writer.blocks.cuts_text
        self._tools = writer.tools
        self._writer = writer
        self._usage = usage
        self._text_calls = text_calls

    def run(self) -> Run | None:
        """The present run, which describes the chunks that only continue the open block; None if none can."""
        if self._text_calls is not None and self._text_calls.holding:
            return None
        blocks = self._blocks
        kind = blocks.kind
        if kind is TEXT:
            if self._cuts_text:
                return None
            return Run(blocks.index) if self._reader.text_is_plain else None
        if kind is TOOL:
            call = None if self._writer.waiting else self._tools.sole
            return None if call is None else Run(blocks.index, call=call)
        form = self._reader.sole_form
        if kind is None or form is None or not (blocks.unsigned and blocks.show_thinking):
            return None
        return Run(blocks.index, form=form)

    def read(self, chunk: object) -> bool:
        """Read ``chunk`` if it only continues the open block; False (nothing read) if not."""
        run = self.run()
        text = None if run is None else run.string_in(chunk)
        if run is None or text is None or not self.pass_on(run, (text,)):
            return False
        self._blocks.out.append(run.event(text))
        return True

    def pass_on(self, run: Run, texts: Sequence[str]) -> bool:
        """Note ``texts`` (none empty), which continue ``run``; the caller writes their events.

        False (nothing noted) if the full path would not give one event for each.
        """
        if run.call is not None:
            return self._tools.pass_on(texts)
        text = "".join(texts)
        calls = self._text_calls if run.form is None else None
        if calls is not None and not calls.pass_on(text, texts):
            return False
        self._usage.add(text)
        if run.form is not None:
            self._reader.forms.add(text)
            self._blocks.note_thinking(text)
        return True
