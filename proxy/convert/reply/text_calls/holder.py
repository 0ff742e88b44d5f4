"""Pieces of an answer -> the same pieces, with the calls at the end of its text as tool calls.

Rule: text passes at once unless it may be part of markup. Markup is decided at the end of the answer,
because only then nothing follows it; whatever else follows makes it text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.declared_tools import DeclaredTools
from proxy.convert.reply.pieces import (
    ContentPiece,
    MemberPiece,
    Piece,
    ReasoningPiece,
    StatePiece,
    ToolFragment,
)
from proxy.convert.reply.stop_reasons import is_cut, stop_reason_for
from proxy.convert.reply.text_calls.candidate import Candidate
from proxy.convert.reply.text_calls.forms import STARTS, TOKEN_FORMS
from proxy.convert.reply.text_calls.lines import Lines
from proxy.convert.reply.text_calls.quotation import is_quoted

LONGEST_START = max(map(len, STARTS))
MAX_LEADING_BLANKS = 64
"""Blanks before the first text that are held back, so that calls alone have no text before them."""


class TextCalls:
    """The calls in the text of one answer."""

    __slots__ = (
        "_candidate",
        "_declared",
        "_leading",
        "_lines",
        "_off",
        "_reply",
        "_start",
        "_warnings",
    )

    def __init__(self, reply: ReplyContext, warnings: Counter[str]) -> None:
        self._reply = reply
        self._warnings = warnings
        self._declared = DeclaredTools(reply.functions)
        self._lines = Lines()
        self._leading: str | None = ""
        """Blanks at the beginning of the text; None once there was other text."""
        self._start = ""
        """What may become the start of markup."""
        self._candidate: Candidate | None = None
        self._off = False
        """True when the upstream parses calls itself, so that markup can only be text."""

    @property
    def holding(self) -> bool:
        """True while text is held back."""
        return bool(self._candidate or self._start or self._leading)

    def pass_on(self, text: str) -> bool:
        """Note ``text`` that is sent as it is; False (nothing noted) if ``read`` must have it."""
        if self._off:
            return True
        if "<" in text:
            return False
        self._lines.add(text)
        return True

    def read(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """``pieces`` without what is held back. Each must be used before the next is asked for."""
        for piece in pieces:
            if isinstance(piece, ContentPiece) and piece.kind == "text" and not self._off:
                yield from self._read_text(piece.text)
                continue
            if not _says_nothing(piece):
                yield from self._release()
                self._off = self._off or isinstance(piece, ToolFragment)
            yield piece

    def end(self, finish: str) -> Iterator[Piece]:
        """What was held back, for the upstream's finish word: calls, or the text that it is.

        A limit or a filter that ended the answer may have cut off what would have followed.
        """
        candidate = self._candidate
        calls = () if candidate is None else candidate.end()
        if candidate is None or not calls or is_cut(finish) or stop_reason_for(finish) == "refusal":
            yield from self._release()
        elif is_quoted(map(candidate.markup_of, calls), self._reply.messages):
            self._warnings["quoted_text_calls"] += 1
            yield from self._release()
        else:
            self._warnings["text_calls"] += len(calls)
            self._candidate, self._leading = None, None
            for call in calls:
                yield call.fragment()

    def _release(self) -> Iterator[Piece]:
        """All that is held back, as text."""
        leading = self._leading or ""
        held = self._start if self._candidate is None else self._candidate.text
        self._candidate, self._start = None, ""
        if leading or held:
            self._leading = None
            self._lines.add(held)
            yield ContentPiece("text", leading + held)

    def _read_text(self, text: str) -> Iterator[Piece]:
        while text:
            if self._candidate is None:
                text, self._start = self._start + text, ""
                at = self._next_start(text)
                yield from self._say(text[:at])
                text = text[at:]
            if self._candidate is None:
                return
            refused = self._candidate.feed(text)
            if refused is None:
                return
            self._candidate = None
            self._lines.add(refused.text)
            yield from self._say(refused.text)
            text = refused.rest

    def _next_start(self, text: str) -> int:
        """Where markup begins; the end of what is certainly none where it may begin later.

        The lines are added up to there; the candidate, or what may become a start, is set.
        """
        at = added = 0
        while True:
            at = text.find("<", at)
            if at < 0:
                self._lines.add(text[added:])
                return len(text)
            begins = text.startswith(STARTS, at)
            if begins or (len(text) - at < LONGEST_START and _may_begin(text[at:], STARTS)):
                self._lines.add(text[added:at])
                added = at
                starts = self._starts_here()
                if text.startswith(starts, at):
                    self._candidate = Candidate(self._declared)
                    return at
                if not begins and _may_begin(text[at:], starts):
                    self._start = text[at:]
                    return at
            at += 1

    def _starts_here(self) -> tuple[str, ...]:
        if self._lines.fenced:
            return ()
        return STARTS if self._lines.at_start else _TOKEN_STARTS

    def _say(self, text: str) -> Iterator[Piece]:
        if self._leading is not None:
            text = self._leading + text
            if len(text) <= MAX_LEADING_BLANKS and (not text or text.isspace()):
                self._leading = text
                return
            self._leading = None
        if text:
            yield ContentPiece("text", text)


_TOKEN_STARTS = tuple(TOKEN_FORMS)


def text_calls_for(reply: ReplyContext, warnings: Counter[str]) -> TextCalls | None:
    """What finds the calls in the text of an answer; None where they are text."""
    return TextCalls(reply, warnings) if reply.text_tool_calls else None


def _says_nothing(piece: Piece) -> bool:
    """True for private state, which is beside the content and never follows it."""
    if isinstance(piece, ReasoningPiece):
        return not (piece.text or piece.data)
    return isinstance(piece, StatePiece | MemberPiece)


def _may_begin(text: str, starts: Iterable[str]) -> bool:
    return any(start.startswith(text) for start in starts)
