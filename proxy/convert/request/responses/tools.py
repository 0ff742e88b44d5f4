"""``tools`` and ``tool_choice`` -> functions in the flat form, and the upstream's own web search.

Rule: each function has ``strict``, because without it OpenAI makes the schema strict and models fill every
optional argument (docs/protocol.md 12.2, 12.10). Everything else is as for Chat Completions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.convert.request.parts import TurnContext
from proxy.convert.request.tool_choice import tool_fields
from proxy.convert.request.tools import WEB_SEARCH_PREFIX, ChatTools, Tool, tools_to_chat
from proxy.convert.request.web_search import place_of

SEARCH_TYPE = "web_search"


@dataclass(frozen=True, slots=True)
class ResponsesTools:
    """The converted tools."""

    chat: ChatTools
    """The functions in the form of Chat Completions, and the client's names."""
    fields: dict[str, Any]
    """The body's fields."""
    searches: bool
    """Whether the upstream's own web search is among the tools."""


def tools_to_responses(
    tools: Sequence[Tool], choice: Mapping[str, Any] | None, context: TurnContext, model: str
) -> ResponsesTools:
    """Convert ``tools`` and ``choice``. Raises InvalidRequest as ``tools_to_chat`` and ``tool_fields``."""
    hosted: list[Tool] = []
    if context.profile.web_search == "tool":
        hosted = [tool for tool in tools if _is_search(tool)]
        tools = [tool for tool in tools if not _is_search(tool)]
    chat = tools_to_chat(tools, context)
    chat.replaced.update(tool.get("name") or "" for tool in hosted)
    fields = tool_fields(chat, choice, context, model)
    if "tools" in fields:
        fields["tools"] = [_flat(tool["function"], context) for tool in fields["tools"]]
    chosen = fields.get("tool_choice")
    if isinstance(chosen, dict):
        fields["tool_choice"] = {"type": "function", "name": chosen["function"]["name"]}
    searches = bool(hosted) and (choice or {}).get("type") != "none"
    if searches:
        _add_search(fields, hosted[-1], choice or {}, context)
    return ResponsesTools(chat, fields, searches)


def _is_search(tool: Tool) -> bool:
    return (tool.get("type") or "").startswith(WEB_SEARCH_PREFIX)


def _flat(function: Mapping[str, Any], context: TurnContext) -> dict[str, Any]:
    flat = {"type": "function", **function}
    # The member is required here, also where a schema without members is left out.
    flat.setdefault("parameters", None)
    if context.profile.strict_field:
        flat.setdefault("strict", False)
    else:
        flat.pop("strict", None)
    return flat


def _add_search(
    fields: dict[str, Any], tool: Tool, choice: Mapping[str, Any], context: TurnContext
) -> None:
    """Add the upstream's search to ``fields``, and the choice of it."""
    search: dict[str, Any] = {"type": SEARCH_TYPE}
    if tool.get("allowed_domains"):
        search["filters"] = {"allowed_domains": tool["allowed_domains"]}
    if place := place_of(tool):
        search["user_location"] = {"type": "approximate", **place}
    if tool.get("blocked_domains"):
        name = "blocked_domains"
        context.drops.drop(f"tools.{tool['type']}.{name}", logged=f"tools.web_search.{name}")
    if tool.get("max_uses"):
        fields["max_tool_calls"] = tool["max_uses"]
    functions = fields.get("tools") or []
    fields["tools"] = [*functions, search]
    named = choice.get("type") == "tool" and choice.get("name") == tool.get("name")
    if named or (choice.get("type") == "any" and not functions):
        _choose_search(fields, alone=not functions, context=context)


def _choose_search(fields: dict[str, Any], *, alone: bool, context: TurnContext) -> None:
    rule = context.profile.tool_choice
    if rule == "auto_only":
        context.drops.drop("tool_choice")
    elif alone:
        fields["tool_choice"] = "required"
    elif rule == "required":
        context.drops.degrade("tool_choice", "required")
        fields["tool_choice"] = "required"
    else:
        only = [{"type": SEARCH_TYPE}]
        fields["tool_choice"] = {"type": "allowed_tools", "mode": "required", "tools": only}
