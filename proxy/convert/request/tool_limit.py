"""Which tools are left out where an upstream accepts a limited number of functions.

Rule: the profile's ``max_tools`` is the limit. The tool that ``tool_choice`` names, the tools that the
history uses and the client's own come first, then those of MCP servers in the client's order; what is
kept stays in that order, so that the upstream's prompt cache finds the same beginning (docs/protocol.md
1.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.convert.compaction_seal import tools_before
from proxy.convert.request.compacted_history import COMPACTION
from proxy.convert.request.parts import TurnContext
from proxy.convert.request.tools import Tool, function_names
from proxy.convert.request.toolsets import enabled_members

MCP_PREFIX = "mcp__"
"""Begins the names of tools that Claude Code and the Agent SDK got from MCP servers."""
CHOSEN, USED, OWN, OTHER, DEFERRED = range(5)
"""Ranks; the tools of a higher rank are left out first."""


def limited_tools(
    request: Mapping[str, Any], turns: Sequence[Mapping[str, Any]], context: TurnContext
) -> Sequence[Tool]:
    """The request's tools without those that exceed the limit, each of which is noted as dropped.

    ``turns`` are the request's, before context edits. The members of toolsets count and stay; tools
    that become no functions do not count.
    """
    tools: Sequence[Tool] = request.get("tools") or ()
    limit = context.profile.max_tools
    if limit is None:
        return tools
    # Toolsets have no name.
    members = sum(len(enabled_members(tool)) for tool in tools if "name" not in tool)
    room = max(0, limit - members)
    if len(tools) <= room:
        return tools
    functions = set(function_names(tools))
    if len(functions) <= room:
        return tools
    chosen = (request.get("tool_choice") or {}).get("name")
    used = set(used_names(turns))
    places = [place for place, tool in enumerate(tools) if tool.get("name") in functions]
    places.sort(key=lambda place: _rank(tools[place], chosen, used))
    left_out = set(places[room:])
    for place in sorted(left_out):
        name = context.names.sent(tools[place]["name"])
        context.drops.drop(f"tools.{name}", logged="tools")
    return [tool for place, tool in enumerate(tools) if place not in left_out]


def _rank(tool: Tool, chosen: str | None, used: set[str]) -> int:
    name = tool["name"]
    if name == chosen:
        return CHOSEN
    if name in used:
        return USED
    if tool.get("defer_loading"):
        return DEFERRED
    return OTHER if name.startswith(MCP_PREFIX) else OWN


def used_names(turns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The names of the tools that are called, or were loaded by a reference, in ``turns``.

    Also in the turns that a summary in ``turns`` replaces.
    """
    for block in _blocks(turns):
        if block["type"] == "tool_use":
            yield block["name"]
        elif block["type"] == COMPACTION:
            yield from tools_before(block)
        elif block["type"] == "tool_result":
            for item in _blocks([block]):
                if item["type"] == "tool_reference":
                    yield item.get("tool_name") or ""


def _blocks(holders: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for holder in holders:
        content = holder.get("content")
        if isinstance(content, list):
            yield from content
