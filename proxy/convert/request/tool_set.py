"""The set of offered tools, to which the tool changes of a conversation are applied.

Rule: tools keep the order in which they were first defined, even if they were removed and added again,
so that the prefix in an upstream's prompt cache stays the same (docs/protocol.md 2.10).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.errors import Complaint, InvalidRequest

Tool = Mapping[str, Any]
Key = tuple[str, str]

UNRESOLVED: Mapping[str, object] = {"error_code": "tool_reference_unresolved"}
CONFLICT: Mapping[str, object] = {"error_code": "tool_name_conflict"}
"""Values of ``error.details``, as in the Messages API."""
SHOWN_CHARS = 300
"""Characters of a tool's name that an error message repeats."""

_DATE = re.compile(r"_[0-9]{8}$")


class ToolSet:
    """Tools by name, MCP server or toolset family; toolsets have no name."""

    def __init__(self, declared: Iterable[Tool]) -> None:
        self._known: dict[Key, Tool] = {_key(tool): tool for tool in declared}
        self._away: set[Key] = set()
        self.changed = False

    def apply(self, change: Mapping[str, Any], path: str) -> None:
        """Apply a ``tool_addition`` or ``tool_removal`` block at ``path`` of the request.

        Raises InvalidRequest for a reference to an unknown tool, and for a definition whose name belongs
        to a tool of another type.
        """
        self.changed = True
        tool = change["tool"]
        if tool["type"] == "tool_definition":
            self._define(tool["definition"], f"{path}.tool.tool_definition.definition")
            return
        key = _referenced(tool)
        if key not in self._known:
            place = f"{path}.tool.{tool['type']}: no tool"
            missing = "in `tools` or defined earlier in `messages`"
            raise InvalidRequest(
                Complaint(
                    f"{place} '{key[1][:SHOWN_CHARS]}' {missing}", f"{place} of this name {missing}"
                ),
                details=UNRESOLVED,
            )
        if tool["type"] == "mcp_tool_reference":
            # One tool of an MCP toolset: no upstream of converted requests runs those.
            return
        if change["type"] == "tool_removal":
            self._away.add(key)
        else:
            self._away.discard(key)

    def _define(self, definition: Tool, path: str) -> None:
        key = _key(definition)
        known = self._known.get(key)
        if known is not None and _family(known) != _family(definition):
            conflict = f"{path}.name: a different type of tool has the name"
            raise InvalidRequest(
                Complaint(f"{conflict} '{key[1][:SHOWN_CHARS]}'", conflict), details=CONFLICT
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
    """The type of ``tool`` without its date, since a newer version is the same tool."""
    return _DATE.sub("", tool.get("type") or "custom")
