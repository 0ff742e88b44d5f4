"""The data of a request that the conversion of its answer uses.

Rule: the converters of whole and of streamed answers use only this data of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from proxy.convert.schema_values import ClientSchema
from proxy.ids import new_message_id, new_search_id, new_tool_id


# Not frozen, because a frozen one takes three times as long to create.
@dataclass(slots=True)
class ReplyContext:
    """The data of one request; immutable, used only for the answer to that request.

    ``tool_names`` maps names as sent upstream to the client's names (only those that differ).
    ``known_tool_ids`` are the ids that the history already uses; an answer must not reuse them
    (docs/protocol.md 10.2). ``new_tool_id`` and ``new_message_id`` return new ids; tests pass counters.
    """

    model: str = ""
    """The model name as the client wrote it."""
    tool_names: Mapping[str, str] = field(default_factory=dict)
    toolsets: Mapping[str, str] = field(default_factory=dict)
    """Names of members of toolsets, as sent upstream or without the family -> the family."""
    functions: Sequence[Mapping[str, Any]] = ()
    """The declared tools as sent upstream."""
    schemas: Mapping[str, ClientSchema] = field(default_factory=dict)
    """The client's own schemas of the tools that were sent with another one, by the names as sent."""
    max_tokens: int | None = None
    """The output limit as sent upstream."""
    known_tool_ids: frozenset[str] = frozenset()
    stop_sequences: tuple[str, ...] = ()
    cut_here: tuple[str, ...] = ()
    """The stop sequences that were not sent upstream; this proxy cuts the text at them."""
    thinking: Literal["show", "omit", "discard"] = "show"
    """omit: blocks with empty text and a signature; discard: no blocks (docs/protocol.md 1.4)."""
    think_tags: bool = False
    text_tool_calls: bool = False
    """Whether calls that the model wrote as text at the end of its answer become tool calls."""
    messages: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    """The messages as sent upstream; a written call that is quoted from them stays text."""
    tool_args: Literal["stream", "buffer"] = "stream"
    origin: str = ""
    """The upstream's host as the state of a Responses answer names it (``reasoning_state.origin_of``)."""
    thinking_asked: bool = True
    """Whether the request asked for thinking; else a Responses answer without tools keeps no state."""
    web_search: bool = False
    """Whether the upstream searches the web for the client's tool (Responses)."""
    silent_cut: bool = False
    """Whether the upstream reports an answer that reached ``max_tokens`` as complete (Responses)."""
    eof_ends: bool = False
    """Whether a closed connection may be the end of a Responses stream."""
    fallback_credit: bool = False
    """Whether a refusal contains a credit token (``proxy.convert.reply.fallback_credit``)."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Credentials that were sent upstream; they are masked in failures that it reports."""
    context_management: Mapping[str, Any] | None = None
    """``applied_edits`` of the answer; None if the request has no context edits."""
    new_tool_id: Callable[[], str] = new_tool_id
    new_search_id: Callable[[], str] = new_search_id
    new_message_id: Callable[[], str] = new_message_id
