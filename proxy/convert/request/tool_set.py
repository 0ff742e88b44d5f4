"""The tools that are offered while a conversation adds and removes some.

Rule: tools keep the order in which they became known, whether or not they were away in between, so
that an upstream's prompt cache finds the same beginning (docs/protocol.md 2.10).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.errors import InvalidRequest

Tool = Mapping[str, Any]
Key = tuple[str, str]

UNRESOLVED: Mapping[str, object] = {"error_code": "tool_reference_unresolved"}
CONFLICT: Mapping[str, object] = {"error_code": "tool_name_conflict"}
"""Details of the refusals, as the Messages API gives them."""
SHOWN_CHARS = 300
"""Longest part of a client's name that an error repeats."""

_DATE = re.compile(r"_[0-9]{8}$")


class ToolSet:
    """Tools by name, server or family; those without a name are toolsets."""

    def __init__(self, declared: Iterable[Tool]) -> None:
        self._known: dict[Key, Tool] = {_key(tool): tool for tool in declared}
        self._away: set[Key] = set()
        self.changed = False

    def apply(self, change: Mapping[str, Any], path: str) -> None:
        """Apply a ``tool_addition`` or ``tool_removal`` block at ``path`` of the request.

        Raises InvalidRequest for a reference to an unknown tool, and for a definition under the name
        of another type of tool.
        """
        self.changed = True
        tool = change["tool"]
        if tool["type"] == "tool_definition":
            self._define(tool["definition"], f"{path}.tool.tool_definition.definition")
            return
        key = _referenced(tool)
        if key not in self._known:
            raise InvalidRequest(
                f"{path}.tool.{tool['type']}: no tool '{key[1][:SHOWN_CHARS]}' in `tools` or defined "
                "earlier in `messages`",
                details=UNRESOLVED,
            )
        if tool["type"] == "mcp_tool_reference":
            # One tool of a toolset, which no upstream of converted requests runs.
            return
        if change["type"] == "tool_removal":
            self._away.add(key)
        else:
            self._away.discard(key)

    def _define(self, definition: Tool, path: str) -> None:
        key = _key(definition)
        known = self._known.get(key)
        if known is not None and _family(known) != _family(definition):
            raise InvalidRequest(
                f"{path}.name: a different type of tool has the name '{key[1][:SHOWN_CHARS]}'",
                details=CONFLICT,
            )
        self._known[key] = definition
        self._away.discard(key)

    def offered(self) -> list[Tool]:
        """The tools that are offered after all changes so far."""
        return [tool for key, tool in self._known.items() if key not in self._away]


def _key(tool: Tool) -> Key:
    name = tool.get("name")
    if name is not None:
        return "name", name
    server = tool.get("mcp_server_name")
    return ("server", server) if type(server) is str else ("family", _family(tool))


def _referenced(tool: Tool) -> Key:
    if tool["type"] == "tool_reference":
        return "name", tool["name"]
    return "server", tool["server_name"]


def _family(tool: Tool) -> str:
    """The type of ``tool`` without its date: a newer version is the same tool."""
    return _DATE.sub("", tool.get("type") or "custom")
