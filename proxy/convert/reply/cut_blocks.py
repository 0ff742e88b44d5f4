"""Content blocks whose text is cut at stop sequences that were not sent upstream.

Rule: the text before the sequence is written, its block is closed, and nothing follows. A sequence
counts only within one text block; thinking, arguments of calls and refusals are not scanned
(docs/protocol.md 1.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.convert.reply import events
from proxy.convert.reply.stop_scanner import StopScanner
from proxy.convert.reply.stream_blocks import TEXT, BlockWriter


class StopMatched(Exception):
    """The text reached the stop sequence ``CutBlocks.matched``."""


class CutBlocks(BlockWriter):
    """A ``BlockWriter`` whose methods raise ``StopMatched`` at a stop sequence.

    A text block begins when some text certainly precedes every sequence.
    """

    __slots__ = ("_begun", "_scanner", "matched")

    cuts_text = True

    def __init__(self, sequences: Sequence[str], *, show_thinking: bool = True) -> None:
        super().__init__(show_thinking=show_thinking)
        self._scanner = StopScanner(sequences)
        self._begun = False
        """True once the start of the present text block was written."""
        self.matched: str | None = None

    def text(self, text: str) -> None:
        """Scan ``text`` and write it; only the part before a sequence is written."""
        self._enter_text()
        self._write(self._scanner.feed(text))

    def refusal(self, text: str) -> None:
        """Write ``text`` without a scan."""
        self._enter_text()
        self._write(self._scanner.flush())
        self._write(text)

    def start_text(self) -> None:
        super().start_text()
        self._begun = True

    def cite(self, citation: Mapping[str, Any]) -> None:
        if self._begun and self.matched is None:
            super().cite(citation)

    def release(self) -> None:
        """Write what was held back of a text block."""
        if self.kind is TEXT and self.matched is None:
            self._write(self._scanner.flush())

    def close(self) -> None:
        """Close the open block; a text block with what was held back of it."""
        self.release()
        self._close_begun()

    def _enter_text(self) -> None:
        if self.kind is not TEXT:
            self.close()
            self.kind, self._begun = TEXT, False

    def _write(self, text: str) -> None:
        if text:
            if not self._begun:
                self.start_text()
            self.out.append(events.text_delta(self.index, text))
        if self._scanner.matched is not None:
            self.matched = self._scanner.matched
            self._close_begun()
            raise StopMatched

    def _close_begun(self) -> None:
        if self.kind is TEXT and not self._begun:
            self.kind = None
        super().close()
