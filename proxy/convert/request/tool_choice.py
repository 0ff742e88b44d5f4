"""``tool_choice`` -> ``tool_choice`` and ``parallel_tool_calls``, together with ``tools``.

Rule: a choice that the upstream does not support is noted. A choice of a tool that is not sent is
refused, because the client requires a call of that tool (docs/protocol.md 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.request.parts import TurnContext
from proxy.convert.request.tools import WEB_SEARCH_PREFIX, ChatTools
from proxy.errors import Complaint, InvalidRequest

_PLAIN: Mapping[str, str] = {"auto": "auto", "any": "required", "none": "none"}


def tool_fields(
    tools: ChatTools, choice: Mapping[str, Any] | None, context: TurnContext, model: str
) -> dict[str, Any]:
    """The body's ``tools``, ``tool_choice``, ``parallel_tool_calls`` and web search fields.

    Raises InvalidRequest if ``choice`` names a tool that is not among ``tools``, or one that the
    upstream's ``model`` cannot run.
    """
    kind = choice["type"] if choice else None
    name = choice["name"] if choice and kind == "tool" else None
    known = (tools.names, tools.replaced, tools.families)
    if name is not None and not any(name in names for names in known):
        raise InvalidRequest(_why_not(name, tools, model))
    fields: dict[str, Any] = {} if kind == "none" else dict(tools.fields)
    if not tools.functions:
        if kind == "any" and not tools.replaced:
            context.drops.drop("tool_choice")
        return fields
    if kind == "none" and context.profile.tool_choice == "auto_only":
        return fields
    fields["tools"] = tools.functions
    if choice and kind:
        value = _choice_value(kind, name, tools, context)
        if value is not None:
            fields["tool_choice"] = value
        if choice.get("disable_parallel_tool_use"):
            fields |= _parallel_field(context)
    return fields


def is_forced(fields: Mapping[str, Any]) -> bool:
    """Whether the converted fields require a tool call."""
    choice = fields.get("tool_choice")
    return choice == "required" or isinstance(choice, dict)


def _why_not(name: str, tools: ChatTools, model: str) -> Complaint:
    tool_type = tools.dropped.get(name)
    if tool_type is None:
        return Complaint(
            f"Tool '{name}' not found in provided tools",
            "tool_choice: the tool was not found in provided tools",
        )
    why = f"not supported here: {model} cannot run it; remove the tool"
    if tool_type.startswith(WEB_SEARCH_PREFIX):
        lacking = "has no search of its own; choose a model with one (profile flag web_search)"
        why = f"not supported here: {model} {lacking} or remove the tool"
    return Complaint(f"{name} is {why}", f"tool_choice: {why}")


def _choice_value(
    kind: str, name: str | None, tools: ChatTools, context: TurnContext
) -> str | dict[str, Any] | None:
    rule = context.profile.tool_choice
    if name is not None and name in tools.replaced and name not in tools.names:
        # The choice is a web search, which another field of the body enables.
        return None
    if rule == "auto_only":
        if kind != "auto":
            context.drops.drop("tool_choice")
        return None
    if name is None:
        return _PLAIN[kind]
    if rule == "required" or name not in tools.names:
        # The choice is a toolset, which is several functions.
        context.drops.degrade("tool_choice", "required")
        return "required"
    return {"type": "function", "function": {"name": context.names.sent(name)}}


def _parallel_field(context: TurnContext) -> dict[str, Any]:
    if context.profile.parallel_flag:
        return {"parallel_tool_calls": False}
    context.drops.drop("disable_parallel_tool_use")
    return {}
