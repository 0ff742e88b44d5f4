"""Pieces of an answer -> the same pieces, with written calls at the end of the text as tool calls.

Rule: text that cannot be part of markup is passed on at once. Markup is held back until the answer ends,
because it stays text if anything except further calls follows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.declared_tools import DeclaredTools
from proxy.convert.reply.limits import Pause, no_pause
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
"""Longest part of a text that is read at once, in characters."""
LONG_TEXT = 1 << 16
"""Longest text whose start tokens are looked for at once, in up to 3 ms."""
MAX_LEADING_BLANKS = 64
"""Leading blanks that are held back, so that an answer of calls alone has no text block of blanks."""


class Beginnings(NamedTuple):
    """The start tokens that count at a position, and all their proper prefixes."""

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
        "_pause",
        "_reply",
        "_start",
        "_warnings",
        "holding",
    )

    def __init__(
        self, reply: ReplyContext, warnings: Counter[str], pause: Pause = no_pause
    ) -> None:
        """``pause`` is called now and then while the request is searched for a call."""
        self._reply = reply
        self._pause = pause
        self._warnings = warnings
        self._declared = DeclaredTools(reply.functions)
        self._lines = Lines()
        self._leading: str | None = ""
        """The leading blanks of the answer; None once other text was read."""
        self._start = ""
        """Text at the end so far that may become a start token."""
        self._candidate: Candidate | None = None
        self.holding = False
        """True while text is held back."""
        self._off = False
        """True once the upstream sent a tool call: it parses calls itself, so markup is text."""

    def pass_on(self, text: str, parts: Sequence[str]) -> bool:
        """Note ``text``, which arrived in ``parts`` that the caller sends unchanged.

        Returns False, and notes nothing, if ``read`` would hold back any of it.
        """
        if self._off:
            return True
        if "<" in text and any(True for part in parts for _ in _possible_starts(part)):
            return False
        self._lines.add(text)
        return True

    def read(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """``pieces`` without the held text. The caller must use each piece before it takes the next."""
        for piece in pieces:
            if isinstance(piece, ContentPiece) and piece.kind == "text" and not self._off:
                yield from self._read_text(piece.text)
                continue
            if not _has_no_content(piece):
                yield from self.release()
                self._off = self._off or isinstance(piece, ToolFragment)
            yield piece

    def end(self, finish: str) -> Iterator[Piece]:
        """The held text, as calls or as text, after the upstream's finish reason ``finish``.

        It is text if a limit or a filter ended the answer, since more text might have followed.
        """
        candidate = self._candidate
        calls = () if candidate is None else candidate.end()
        if candidate is None or not calls or is_cut(finish) or stop_reason_for(finish) == "refusal":
            yield from self.release()
        elif is_quoted(candidate.markups(calls), self._reply.messages, self._pause):
            self._warnings["quoted_text_calls"] += 1
            yield from self.release()
        else:
            self._warnings["text_calls"] += len(calls)
            self._candidate, self._leading, self.holding = None, None, False
            for call in calls:
                yield call.fragment()

    def release(self) -> Iterator[Piece]:
        """The held text, as text: another kind of piece follows, or the answer breaks off."""
        leading = self._leading or ""
        held = self._start if self._candidate is None else self._candidate.text
        self._candidate, self._start, self.holding = None, "", False
        if leading or held:
            self._leading = None
            self._lines.add(held)
            yield ContentPiece("text", leading + held)

    def _read_text(self, text: str) -> Iterator[Piece]:
        for at in range(0, len(text), LONG_TEXT):
            if at:
                self._pause()
            yield from self._read_short(text[at : at + LONG_TEXT])
            self.holding = bool(self._candidate or self._start or self._leading)

    def _read_short(self, text: str) -> Iterator[Piece]:
        if not (self.holding or any(True for _ in _possible_starts(text))):
            self._lines.add(text)
            yield from self._pass_text(text)
            return
        # In short parts, so that the rest of a long text is not copied for each candidate.
        for at in range(0, len(text), PART):
            self._pause()
            yield from self._read_part(text[at : at + PART])

    def _read_part(self, text: str) -> Iterator[Piece]:
        while text:
            if self._candidate is None:
                text, self._start = self._start + text, ""
                at = self._next_start(text)
                yield from self._pass_text(text[:at])
                text = text[at:]
            if self._candidate is None:
                return
            refused = self._candidate.feed(text)
            if refused is None:
                return
            self._candidate = None
            self._lines.add(refused.text)
            yield from self._pass_text(refused.text)
            text = refused.rest

    def _next_start(self, text: str) -> int:
        """The position at which markup begins or may begin; the length of ``text`` if there is none.

        Adds the text before this position to the lines, and sets ``_candidate`` or ``_start``.
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
        """The start tokens that count at the end of the text so far.

        A ``<function=`` directly after ``<tool_call>`` does not count: where it is reached, the tag itself
        did not count, because it is not at the start of a line.
        """
        if self._lines.fenced:
            return _NOTHING
        if not self._lines.at_start:
            return _INSIDE_LINE
        return _IN_TAG if self._lines.ends_with(*AROUND_FUNCTIONS) else _AT_START

    def _pass_text(self, text: str) -> Iterator[Piece]:
        if self._leading is not None:
            text = self._leading + text
            if len(text) <= MAX_LEADING_BLANKS and (not text or text.isspace()):
                self._leading = text
                return
            self._leading = None
        if text:
            yield ContentPiece("text", text)


def text_calls_for(
    reply: ReplyContext, warnings: Counter[str], pause: Pause = no_pause
) -> TextCalls | None:
    """The object that finds calls in the text of an answer; None if the profile turns this off."""
    return TextCalls(reply, warnings, pause) if reply.text_tool_calls else None


def _has_no_content(piece: Piece) -> bool:
    """True for private state, which is not part of the answer's content."""
    if isinstance(piece, ReasoningPiece):
        return not (piece.text or piece.data)
    return isinstance(piece, StatePiece | MemberPiece)


def _possible_starts(text: str) -> Iterator[int]:
    """The positions in ``text`` of start tokens, or of prefixes of them at the end of ``text``."""
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
_INSIDE_LINE = _beginnings(TOKEN_FORMS)
_AT_START = _beginnings(STARTS)
_IN_TAG = _beginnings(start for start in STARTS if start != FUNCTION)
