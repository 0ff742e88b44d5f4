"""Pieces of an answer -> the same pieces, with the calls at the end of its text as tool calls.

Rule: text passes at once unless it may be part of markup. Markup is decided at the end of the answer,
because only then nothing follows it; whatever else follows makes it text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

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
from proxy.convert.reply.text_calls.forms import (
    AROUND_FUNCTIONS,
    FUNCTION,
    STARTS,
    TOKEN_FORMS,
)
from proxy.convert.reply.text_calls.lines import Lines
from proxy.convert.reply.text_calls.quotation import is_quoted

LONGEST_START = max(map(len, STARTS))
PART = 1024
"""Characters that are read at a time."""
MAX_LEADING_BLANKS = 64
"""Blanks before the first text that are held back, so that calls alone have no text before them."""


class Beginnings(NamedTuple):
    """How markup begins at some place: whole beginnings, and all parts that begin one."""

    whole: tuple[str, ...]
    parts: frozenset[str]


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
        "holding",
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
        self.holding = False
        """True while text is held back."""
        self._off = False
        """True when the upstream parses calls itself, so that markup can only be text."""

    def pass_on(self, text: str, parts: Sequence[str]) -> bool:
        """Note ``text`` that came in ``parts``, which are sent as they are.

        False (nothing noted) if ``read`` would hold back anything.
        """
        if self._off:
            return True
        if "<" in text and any(True for part in parts for _ in _possible_starts(part)):
            return False
        self._lines.add(text)
        return True

    def read(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """``pieces`` without what is held back. Each must be used before the next is asked for."""
        for piece in pieces:
            if isinstance(piece, ContentPiece) and piece.kind == "text" and not self._off:
                yield from self._read_text(piece.text)
                self.holding = bool(self._candidate or self._start or self._leading)
                continue
            if not _says_nothing(piece):
                yield from self.release()
                self._off = self._off or isinstance(piece, ToolFragment)
            yield piece

    def end(self, finish: str) -> Iterator[Piece]:
        """What was held back, for the upstream's finish word: calls, or the text that it is.

        A limit or a filter that ended the answer may have cut off what would have followed.
        """
        candidate = self._candidate
        calls = () if candidate is None else candidate.end()
        if candidate is None or not calls or is_cut(finish) or stop_reason_for(finish) == "refusal":
            yield from self.release()
        elif is_quoted(candidate.markups(calls), self._reply.messages):
            self._warnings["quoted_text_calls"] += 1
            yield from self.release()
        else:
            self._warnings["text_calls"] += len(calls)
            self._candidate, self._leading, self.holding = None, None, False
            for call in calls:
                yield call.fragment()

    def release(self) -> Iterator[Piece]:
        """All that is held back, as text: something else comes, or the answer breaks off."""
        leading = self._leading or ""
        held = self._start if self._candidate is None else self._candidate.text
        self._candidate, self._start, self.holding = None, "", False
        if leading or held:
            self._leading = None
            self._lines.add(held)
            yield ContentPiece("text", leading + held)

    def _read_text(self, text: str) -> Iterator[Piece]:
        if not (self.holding or any(True for _ in _possible_starts(text))):
            self._lines.add(text)
            yield from self._say(text)
            return
        # In short parts, so that what follows a candidate is not copied for each one.
        for at in range(0, len(text), PART):
            yield from self._read_part(text[at : at + PART])

    def _read_part(self, text: str) -> Iterator[Piece]:
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
        """Where markup begins, or may begin; the length of ``text`` where it cannot.

        The lines are added up to there; the candidate, or what may become a start, is set.
        """
        added = 0
        for at in _possible_starts(text):
            self._lines.add(text[added:at])
            added = at
            here = self._beginnings_here()
            if text.startswith(here.whole, at):
                self._candidate = Candidate(self._declared)
                return at
            if text[at:] in here.parts:
                self._start = text[at:]
                return at
        self._lines.add(text[added:])
        return len(text)

    def _beginnings_here(self) -> Beginnings:
        """What counts where the lines end.

        The content of a tag that does not count, because it stands amid a line, does not either.
        """
        if self._lines.fenced:
            return _NOTHING
        if not self._lines.at_start:
            return _AMID_LINE
        return _IN_TAG if self._lines.ends_with(*AROUND_FUNCTIONS) else _AT_START

    def _say(self, text: str) -> Iterator[Piece]:
        if self._leading is not None:
            text = self._leading + text
            if len(text) <= MAX_LEADING_BLANKS and (not text or text.isspace()):
                self._leading = text
                return
            self._leading = None
        if text:
            yield ContentPiece("text", text)


def text_calls_for(reply: ReplyContext, warnings: Counter[str]) -> TextCalls | None:
    """What finds the calls in the text of an answer; None where they are text."""
    return TextCalls(reply, warnings) if reply.text_tool_calls else None


def _says_nothing(piece: Piece) -> bool:
    """True for private state, which is beside the content and never follows it."""
    if isinstance(piece, ReasoningPiece):
        return not (piece.text or piece.data)
    return isinstance(piece, StatePiece | MemberPiece)


def _possible_starts(text: str) -> Iterator[int]:
    """The places in ``text`` where markup begins, or may begin with what follows ``text``."""
    at = text.find("<")
    while at >= 0:
        if text.startswith(STARTS, at) or text[at : at + LONGEST_START] in _AT_START.parts:
            yield at
        at = text.find("<", at + 1)


def _beginnings(starts: Iterable[str]) -> Beginnings:
    whole = tuple(starts)
    parts = (start[:length] for start in whole for length in range(1, len(start)))
    return Beginnings(whole, frozenset(parts))


_NOTHING = _beginnings(())
_AMID_LINE = _beginnings(TOKEN_FORMS)
_AT_START = _beginnings(STARTS)
_IN_TAG = _beginnings(start for start in STARTS if start != FUNCTION)
