"""One message, or the deltas of one -> pieces.

Rule: within a delta reasoning comes before text and text before tool calls, whatever the order of
its members (docs/protocol.md section 3). Nothing is lost, and reasoning that comes in two spellings
is read once. Members of any type are accepted; one of the wrong type counts as not sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.convert.reply.arguments import is_writable
from proxy.convert.reply.content_parts import content_pieces
from proxy.convert.reply.pieces import (
    ContentPiece,
    Form,
    Piece,
    ReasoningPiece,
    StatePiece,
    ToolFragment,
)
from proxy.convert.reply.reasoning import ReasoningForms, forms_in, reasoning_pieces
from proxy.convert.reply.think_tags import ThinkTags
from proxy.convert.reply.tool_fragments import legacy_fragment, tool_fragment

SIGNATURE = "thought_signature"
"""Gemini's state of a call or a message, under ``google`` or ``vertex``."""


class DeltaReader:
    """Reads the deltas of one answer in order; keeps what spans deltas."""

    def __init__(self, warnings: Counter[str], *, think_tags: bool) -> None:
        self.content_seen = False
        """True once anything of the answer came, also what is not shown to the client."""
        self.forms = ReasoningForms()
        self._tags = ThinkTags() if think_tags else None
        self._warnings = warnings

    @property
    def may_be_tagged(self) -> bool:
        """True while text may still be, or end in, a ``<think>`` tag."""
        return self._tags is not None and not self._tags.done

    @property
    def sole_form(self) -> Form | None:
        """The spelling of the reasoning while it is the only source of thinking."""
        return self.forms.sole if self._tags is None else None

    def read(self, source: Mapping[str, Any], *, whole: bool = False) -> Iterator[Piece]:
        """The pieces of a delta, or of a message that came ``whole``.

        Each piece must be used before the next one is asked for.
        """
        forms = forms_in(source)
        if forms:
            yield from self._read_reasoning(source, forms)
        content = source.get("content")
        if content:
            yield from self._read_content(content)
        refusal = source.get("refusal")
        if refusal and isinstance(refusal, str):
            yield from self._before(ContentPiece("refusal", refusal))
        if source.get("tool_calls") or source.get("function_call"):
            yield from self._read_calls(source, whole)
        state = source.get("extra_content")
        if state:
            yield StatePiece(_signatures_in(state))

    def flush(self) -> Sequence[Piece]:
        """What was held back as a possible tag: no more content follows, or something else does."""
        return self._tags.flush() if self._tags is not None and self.may_be_tagged else ()

    def _before(self, piece: Piece) -> Iterator[Piece]:
        self.content_seen = True
        yield from self.flush()
        yield piece

    def _read_reasoning(
        self, source: Mapping[str, Any], forms: Sequence[Form]
    ) -> Iterator[ReasoningPiece]:
        for piece in reasoning_pieces(source):
            self.content_seen = True
            if piece.text and not piece.data:
                piece = piece._replace(text=self.forms.fresh(piece.form, piece.text))
            yield piece
        self.forms.cover(forms)

    def _read_content(self, content: object) -> Iterator[Piece]:
        for piece in content_pieces(content):
            self.content_seen = True
            if piece.kind == "refusal":
                yield from self._before(piece)
            elif piece.kind == "text" and self._tags is not None:
                yield from self._tags.feed(piece.text)
            else:
                yield piece

    def _read_calls(self, source: Mapping[str, Any], whole: bool) -> Iterator[Piece]:
        for fragment in _fragments_in(source):
            if fragment is None:
                self._warnings["odd_tool_call"] += 1
            else:
                yield from self._before(fragment._replace(whole=True) if whole else fragment)


def _fragments_in(source: Mapping[str, Any]) -> Iterator[ToolFragment | None]:
    calls = source.get("tool_calls")
    if not calls:
        return iter([legacy_fragment(source["function_call"])])
    return map(tool_fragment, calls if isinstance(calls, list) else [calls])


def _signatures_in(state: object) -> dict[str, Any]:
    """The signatures in Gemini's state; its other members only say what kind a delta is."""
    signatures: dict[str, Any] = {}
    for vendor, members in state.items() if isinstance(state, dict) else ():
        signature = members.get(SIGNATURE) if isinstance(members, dict) else None
        if signature and is_writable(signature):
            signatures[vendor] = {SIGNATURE: signature}
    return signatures
