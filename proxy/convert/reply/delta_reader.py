"""A message, or the deltas of a message -> pieces.

Rule: within a delta, reasoning precedes text and text precedes tool calls, independent of the order of
the members (docs/protocol.md section 3). Reasoning that is sent in two spellings is read once. A member
of the wrong type is treated as not sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from proxy.convert.reply.arguments import is_writable
from proxy.convert.reply.content_parts import content_pieces, entries
from proxy.convert.reply.pieces import (
    ContentPiece,
    Form,
    MemberPiece,
    Piece,
    ReasoningPiece,
    StatePiece,
    ToolFragment,
)
from proxy.convert.reply.reasoning import ReasoningForms, forms_in, reasoning_pieces
from proxy.convert.reply.snapshots import Snapshots
from proxy.convert.reply.spellings import FORMS, REASONING_MEMBERS, STATE_MEMBERS, TEXT_FORMS
from proxy.convert.reply.think_tags import ThinkTags
from proxy.convert.reply.tool_fragments import legacy_fragment, tool_fragment

SIGNATURE = "thought_signature"
"""Gemini's state of a call or a message, under ``google`` or ``vertex``."""
CALLS_PER_CHOICE = 1_000_000
"""Added to the index of a call for each choice, because every choice numbers its calls from 0."""
ANSWER_MEMBERS = ("refusal", "tool_calls", "function_call")
THOUGHT = "thought"
"""Gemini's mark of text that is a thought, in the same object."""


class DeltaReader:
    """Reads the deltas of one answer in order; holds the state between deltas."""

    def __init__(self, warnings: Counter[str], *, think_tags: bool) -> None:
        self.content_seen = False
        """True once any content arrived, including content that is not shown to the client."""
        self.content_is_new = False
        """True if content arrived since the caller last set this to False."""
        self.forms = ReasoningForms()
        self._tags = ThinkTags() if think_tags else None
        self._in_thought = False
        """True while the text is marked as a thought."""
        self._text = Snapshots()
        self._reasoning_for_item: dict[tuple[Form, int | None], Snapshots] = {}
        self._held: tuple[Snapshots, ReasoningPiece] | None = None
        """The ``Snapshots`` that hold reasoning back, and the last piece of this reasoning."""
        self._plain_form: Form | None = None
        """The spelling in which every further delta is new reasoning."""
        self._whole = False
        self._warnings = warnings

    @property
    def text_is_plain(self) -> bool:
        """True if all further text is new and has no tags."""
        return self._text.plain and (self._tags is None or self._tags.done)

    @property
    def sole_form(self) -> Form | None:
        """The spelling of the reasoning, if its text is plain and it is the only source of thinking."""
        form = self.forms.sole if self._tags is None else None
        return form if form is self._plain_form else None

    def read(
        self, source: Mapping[str, Any], *, whole: bool = False, choice: int = 0
    ) -> Iterator[Piece]:
        """The pieces of a delta, or of a ``whole`` message, of the choice with the number ``choice``.

        The caller must use each piece before it takes the next one.
        """
        self._whole = whole
        state = source.get("extra_content")
        if not REASONING_MEMBERS.isdisjoint(source):
            yield from self._read_reasoning(source)
        content = source.get("content")
        if content:
            yield from self._read_content(content, marked=_is_thought(state))
        refusal = source.get("refusal")
        if refusal and isinstance(refusal, str):
            yield from self._before(ContentPiece("refusal", refusal))
        if source.get("tool_calls") or source.get("function_call"):
            yield from self._read_calls(source, whole, choice)
        if state:
            yield StatePiece(_signatures_in(state))

    def held_in(self, source: Mapping[str, Any]) -> Literal["answer", "reasoning"] | None:
        """What the delta that was just read contains: answer content, only reasoning, or nothing."""
        content = source.get("content")
        if any(map(source.get, ANSWER_MEMBERS)) or (content and not self._is_reasoning(content)):
            return "answer"
        return "reasoning" if content or any(map(source.get, FORMS)) else None

    def _is_reasoning(self, content: object) -> bool:
        if isinstance(content, str):
            return self._tags is not None and self._tags.inside
        return all(isinstance(piece, ReasoningPiece) for piece in content_pieces(content))

    def flush(self) -> Iterator[Piece]:
        """The held content, at the end or before content of another kind."""
        yield from self._settle_reasoning()
        yield from self._settle_text()
        if self._tags is not None and not self._tags.done:
            yield from self._tags.flush()

    def _before(self, piece: Piece, *, new: bool = True) -> Iterator[Piece]:
        self.content_seen = True
        self.content_is_new = self.content_is_new or new
        yield from self.flush()
        yield piece

    def _read_reasoning(self, source: Mapping[str, Any]) -> Iterator[Piece]:
        for piece in reasoning_pieces(source):
            yield from self._reasoned(piece)
        forms = forms_in(source)
        if forms:
            self.forms.cover(forms)
        members = {
            name: source[name]
            for name in STATE_MEMBERS
            if source.get(name) and is_writable(source[name])
        }
        if members:
            yield MemberPiece(members)

    def _reasoned(self, piece: ReasoningPiece) -> Iterator[Piece]:
        """``piece`` without text that an earlier delta or another spelling already contained."""
        self.content_seen = self.content_is_new = True
        if not piece.text or piece.data:
            yield from self._settle_reasoning()
            yield piece
            return
        snapshots = self._reasoning_for_item.setdefault((piece.form, piece.part), Snapshots())
        if self._held is not None and self._held[0] is not snapshots:
            yield from self._settle_reasoning()
        texts = [piece.text] if self._whole else snapshots.feed(piece.text)
        if texts:
            self._held = None
            if snapshots.plain and piece.form in TEXT_FORMS:
                self._plain_form = piece.form
            yield from self._settle_text()
            yield from self._fresh(piece, texts)
        else:
            self._held = (snapshots, piece._replace(signature=""))
            if piece.signature:
                yield piece._replace(text="")

    def _fresh(self, piece: ReasoningPiece, texts: Iterable[str]) -> Iterator[ReasoningPiece]:
        for text in texts:
            yield piece._replace(text=self.forms.fresh(piece.form, text))

    def _settle_reasoning(self) -> Iterator[Piece]:
        """The held reasoning, before content of another kind."""
        if self._held is not None:
            snapshots, piece = self._held
            self._held = None
            yield from self._fresh(piece, snapshots.settle())

    def _settle_text(self) -> Iterator[Piece]:
        for text in self._text.settle():
            yield from self._untagged(text)

    def _untagged(self, text: str) -> Iterator[Piece]:
        if self._tags is None:
            yield ContentPiece("text", text)
        else:
            yield from self._tags.feed(text)

    def _new_text(self, text: str) -> Iterator[Piece]:
        """``text`` without the text that it repeats from earlier deltas."""
        for new in [text] if self._whole else self._text.feed(text):
            yield from self._settle_reasoning()
            yield from self._untagged(new)

    def _read_content(self, content: object, *, marked: bool) -> Iterator[Piece]:
        for piece in content_pieces(content):
            if piece is None:
                self._warnings["unknown_content_part"] += 1
                continue
            self.content_seen = self.content_is_new = True
            if isinstance(piece, ReasoningPiece):
                yield from self._reasoned(piece)
            elif piece.kind == "refusal":
                yield from self._before(piece)
            elif marked or self._in_thought:
                yield from self._read_marked(piece.text, marked=marked)
            else:
                yield from self._new_text(piece.text)

    def _read_marked(self, text: str, *, marked: bool) -> Iterator[Piece]:
        """Text that is marked as a thought, or the first text after it."""
        tags = self._tags if self._in_thought else None
        if tags is None:
            yield from self.flush()
            tags = self._tags = ThinkTags(marked=True)
        yield from tags.feed(text) if marked else tags.feed_unmarked(text)
        self._in_thought = not tags.done

    def _read_calls(self, source: Mapping[str, Any], whole: bool, choice: int) -> Iterator[Piece]:
        for fragment in _fragments_in(source):
            if fragment is None:
                self._warnings["odd_tool_call"] += 1
                continue
            if choice and fragment.place is not None:
                fragment = fragment._replace(place=fragment.place + choice * CALLS_PER_CHOICE)
            new = bool(fragment.arguments or fragment.name or fragment.state)
            yield from self._before(fragment._replace(whole=True) if whole else fragment, new=new)


def _fragments_in(source: Mapping[str, Any]) -> Iterator[ToolFragment | None]:
    calls = source.get("tool_calls")
    if not calls:
        return iter([legacy_fragment(source["function_call"])])
    return map(tool_fragment, entries(calls, "tool calls"))


def _is_thought(state: object) -> bool:
    """Whether Gemini's state marks the text of this delta as a thought."""
    members = state.values() if isinstance(state, dict) else ()
    return any(isinstance(member, dict) and member.get(THOUGHT) is True for member in members)


def _signatures_in(state: object) -> dict[str, Any]:
    """The signatures in Gemini's state; its other members only state the kind of a delta."""
    signatures: dict[str, Any] = {}
    for vendor, members in state.items() if isinstance(state, dict) else ():
        signature = members.get(SIGNATURE) if isinstance(members, dict) else None
        if signature and is_writable(signature):
            signatures[vendor] = {SIGNATURE: signature}
    return signatures
