"""What the conversion of an answer needs to know of its request.

Rule: converters of whole and of streamed answers know of the request only what a ``ReplyContext``
holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from proxy.convert.schema_values import ClientSchema
from proxy.ids import new_message_id, new_tool_id


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """Facts of one request that its answer is read with; immutable, used by that answer alone.

    ``tool_names`` maps names as sent upstream to the client's names (only those that differ).
    ``known_tool_ids`` are the ids the history already uses: an answer must not reuse them
    (docs/protocol.md 10.2). ``new_tool_id`` and ``new_message_id`` make fresh ids; tests hand in
    counters.
    """

    model: str = ""
    """The model name as the client wrote it."""
    tool_names: Mapping[str, str] = field(default_factory=dict)
    toolsets: Mapping[str, str] = field(default_factory=dict)
    """Names of a toolset's members, as sent upstream or without the family -> the family."""
    functions: Sequence[Mapping[str, Any]] = ()
    """The declared tools as sent upstream."""
    schemas: Mapping[str, ClientSchema] = field(default_factory=dict)
    """The client's own schemas of the tools that were sent with another one, by the names as sent."""
    max_tokens: int | None = None
    """The output limit as sent upstream."""
    known_tool_ids: frozenset[str] = frozenset()
    stop_sequences: tuple[str, ...] = ()
    cut_here: tuple[str, ...] = ()
    """Those of the stop sequences that were not sent: the text is cut at them here."""
    thinking: Literal["show", "omit", "discard"] = "show"
    """omit: blocks with empty text and their signature; discard: no blocks at all (1.4)."""
    think_tags: bool = False
    text_tool_calls: bool = False
    """Calls that the model wrote as text, at the end of its answer, are tool calls."""
    messages: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    """The messages as sent upstream: a call that only repeats them stays text."""
    tool_args: Literal["stream", "buffer"] = "stream"
    fallback_credit: bool = False
    """Whether a refusal carries a token for a fallback (``proxy.convert.reply.fallback_credit``)."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Credentials that the upstream got: masked in the failures that it reports."""
    context_management: Mapping[str, Any] | None = None
    """What the answer says of the request's context edits; None where it asked for none."""
    new_tool_id: Callable[[], str] = new_tool_id
    new_message_id: Callable[[], str] = new_message_id
