"""The net tool changes of a history, for the ``tool_changes`` of a ``compaction`` block.

Rule: applied to the request's ``tools``, the entries give the tools in effect at the end of the history.
Each tool has at most one entry (Anthropic's ``BetaCompactionBlock.tool_changes``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Block = Mapping[str, Any]
Key = tuple[str, str]

ADDITION, REMOVAL = "tool_addition", "tool_removal"
_DEFINITION = "tool_definition"


def tool_changes(turns: Iterable[Mapping[str, Any]], tools: Iterable[Block]) -> list[Block]:
    """The net tool changes in ``turns``; ``tools`` are those of the request.

    Reads system turns and earlier ``compaction`` blocks. An added tool is given by its definition, if
    there was one, without ``cache_control``. Changes of tools without a name are left out.
    """
    declared = {("", tool["name"]) for tool in tools if tool.get("name")}
    definitions: dict[Key, Block] = {}
    changes: dict[Key, Block] = {}
    for kind, tool in _changes_in(turns):
        key = _key(tool)
        if key is None:
            continue
        changes.pop(key, None)
        if kind == REMOVAL:
            if key in declared or key[0]:
                changes[key] = {"type": REMOVAL, "tool": _reference(tool)}
            continue
        if tool.get("type") == _DEFINITION:
            definitions[key] = tool["definition"]
        changes[key] = {"type": ADDITION, "tool": _added(tool, definitions.get(key))}
    return list(changes.values())


def _changes_in(turns: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Block]]:
    for turn in turns:
        content = turn.get("content")
        for block in content if type(content) is list else ():
            if turn["role"] == "system":
                yield from _change_in(block)
            elif block["type"] == "compaction":
                for change in block.get("tool_changes") or ():
                    yield from _change_in(change)


def _change_in(block: Block) -> Iterator[tuple[str, Block]]:
    tool = block.get("tool")
    if block["type"] in (ADDITION, REMOVAL) and type(tool) is dict:
        yield block["type"], tool


def _key(tool: Block) -> Key | None:
    """MCP server and name of the tool: no server is ``""``, and all tools of a server have the name ``""``."""
    named = tool.get("definition") if tool.get("type") == _DEFINITION else tool
    if type(named) is not dict:
        return None
    server = named.get("server_name") or named.get("mcp_server_name") or ""
    name = named.get("name") or ""
    known = type(server) is str and type(name) is str and (server or name)
    return (server, name) if known else None


def _added(tool: Block, definition: Block | None) -> Block:
    if definition is None:
        return _reference(tool)
    return {"type": _DEFINITION, "definition": _without_marker(definition)}


def _reference(tool: Block) -> Block:
    """A reference to ``tool``, which may be a definition, also in a removal."""
    if tool.get("type") == _DEFINITION:
        return {"type": "tool_reference", "name": tool["definition"].get("name")}
    return _without_marker(tool)


def _without_marker(block: Block) -> Block:
    return {name: value for name, value in block.items() if name != "cache_control"}
