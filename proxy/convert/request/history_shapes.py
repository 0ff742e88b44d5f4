"""The shapes that an upstream demands of a history, by the profile flag ``history_shapes``.

Rule: the converted messages are changed by one function for each shape, in the order of ``SHAPES``;
without the flag nothing is done (docs/protocol.md 2.11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.convert.request import call_shapes, role_shapes
from proxy.convert.request.drops import Drops
from proxy.convert.request.parts import ChatMessage, TurnContext
from proxy.convert.request.tools import function_names
from proxy.providers.profiles.base import HistoryShape, Profile

Messages = list[ChatMessage]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a shape may depend on."""

    profile: Profile
    drops: Drops
    offers_tools: bool
    """Whether the body has tools."""

    @property
    def no_text(self) -> str | None:
        """The content of a message that has only calls."""
        return None if self.profile.null_content else ""


def _calls_need_tools(messages: Messages, demand: Demand) -> Messages:
    """Calls and results only together with tools (Bedrock's Converse API); else they become text."""
    return messages if demand.offers_tools else _calls_as_text(messages, demand)


def _calls_as_text(messages: Messages, demand: Demand) -> Messages:
    """No tool calls in the history: templates that only know system, user and assistant."""
    return call_shapes.as_text(messages, demand.drops)


def _no_system(messages: Messages, demand: Demand) -> Messages:
    """No system role (Gemma)."""
    return role_shapes.without_system(messages, demand.drops)


def _one_call(messages: Messages, demand: Demand) -> Messages:
    """One call per assistant message (templates of Llama 3.x)."""
    return call_shapes.one_each(messages, demand.no_text)


def _content_or_calls(messages: Messages, demand: Demand) -> Messages:
    """Content or calls in an assistant message, not both (Mistral's tokenizers before v7)."""
    return call_shapes.without_preamble(messages, demand.drops, demand.no_text)


def _no_user_after_tool(messages: Messages, demand: Demand) -> Messages:
    """No user message behind a tool's (Mistral)."""
    return role_shapes.without_user_after_tool(messages, demand.drops)


def _alternate(messages: Messages, demand: Demand) -> Messages:
    """User and assistant in turn (templates of Llama 2, Mistral, Gemma; Perplexity)."""
    return role_shapes.alternating(messages, demand.drops)


def _user_last(messages: Messages, demand: Demand) -> Messages:
    """The last message is a user's or a tool's."""
    return role_shapes.with_user_last(messages, demand.drops)


def _named_results(messages: Messages, demand: Demand) -> Messages:
    """``name`` in tool messages (gateways before Gemini's ``functionResponse``)."""
    return call_shapes.with_names(messages)


def _signed_calls(messages: Messages, demand: Demand) -> Messages:
    """A thought signature at each message's first call (Gemini 3)."""
    if not demand.profile.extra_content:
        return messages
    return call_shapes.signed(messages, demand.drops)


def _reasoning_filled(messages: Messages, demand: Demand) -> Messages:
    """``reasoning_content`` that is not empty in each assistant message (DeepSeek V4)."""
    if demand.profile.reasoning_history != "reasoning_content":
        return messages
    return call_shapes.with_reasoning(messages)


SHAPES: Mapping[HistoryShape, Callable[[Messages, Demand], Messages]] = {
    "calls_need_tools": _calls_need_tools,
    "calls_as_text": _calls_as_text,
    "no_system": _no_system,
    "one_call": _one_call,
    "content_or_calls": _content_or_calls,
    "no_user_after_tool": _no_user_after_tool,
    "alternate": _alternate,
    "user_last": _user_last,
    "named_results": _named_results,
    "signed_calls": _signed_calls,
    "reasoning_filled": _reasoning_filled,
}
"""In the order in which they are applied: text in place of calls first, additions last."""


def shaped(messages: Messages, request: Mapping[str, Any], context: TurnContext) -> Messages:
    """``messages`` of the converted ``request`` as the profile's ``history_shapes`` demand them."""
    if not any(message["role"] in ("user", "tool") for message in messages):
        # Refused by the caller; a shape must not hide that the user said nothing.
        return messages
    demand = Demand(context.profile, context.drops, _offers_tools(request, context.profile))
    for name, shape in SHAPES.items():
        if name in context.profile.history_shapes:
            messages = shape(messages, demand)
    return messages


def _offers_tools(request: Mapping[str, Any], profile: Profile) -> bool:
    """Whether the body will have ``tools``, as ``tool_choice`` and the profile decide."""
    choice = request.get("tool_choice") or {}
    if choice.get("type") == "none" and profile.tool_choice == "auto_only":
        return False
    return "tools" not in profile.unsupported and bool(function_names(request.get("tools") or ()))
