"""Fields of system turns -> the request's own fields, as in effect at the end of the conversation.

Rule: changes are applied in the order of the turns. The upstream gets only the result: the tools that are
offered at the end, and the last effort (docs/protocol.md 2.10). The ``tool_changes`` of a ``compaction``
block replace those of the turns that it summarizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter, methodcaller
from typing import Any

from proxy.convert.request.parts import Block
from proxy.convert.request.tool_set import ToolSet
from proxy.errors import InvalidRequest

TOOL_CHANGES = frozenset({"tool_addition", "tool_removal"})
TURN_SCOPED = "next_user_message"

Turn = Mapping[str, Any]

_TYPE_OF = itemgetter("type")
_TOOL_CHANGES_OF = methodcaller("get", "tool_changes")


def turn_fields(request: Mapping[str, Any]) -> dict[str, Any]:
    """The top-level members that replace those of ``request`` (validated) once its turns are applied.

    ``messages`` without these fields, ``tools`` and ``output_config``; nothing where no turn has such
    fields, so that a request to which they were applied stays the same. Turns and blocks keep their
    places, so that paths in errors stay right. Raises InvalidRequest for a reference to an unknown
    tool, a name that is another type of tool's, and fields of a turn that is there for one answer
    only (``clear_at``).
    """
    turns: Sequence[Turn] = request["messages"]
    changing = [index for index, turn in enumerate(turns) if _has_fields(turn)]
    if not changing:
        return {}
    tools = ToolSet(request.get("tools") or ())
    kept = list(turns)
    effort = None
    for index in changing:
        turn = turns[index]
        _check_scope(turn, index)
        for path, change in _changes(turn, f"messages.{index}.content"):
            tools.apply(change, path)
        if turn["role"] == "system":
            effort = (turn.get("output_config") or {}).get("effort") or effort
            kept[index] = _without_fields(turn)
        else:
            kept[index] = {**turn, "content": [_without_changes(each) for each in turn["content"]]}
    members: dict[str, Any] = {"messages": kept}
    if tools.changed:
        members["tools"] = tools.offered()
    if effort:
        members["output_config"] = {**(request.get("output_config") or {}), "effort": effort}
    return members


def _has_fields(turn: Turn) -> bool:
    content = turn.get("content")
    blocks = content if type(content) is list else ()
    if turn["role"] == "system":
        return bool(turn.get("output_config")) or not TOOL_CHANGES.isdisjoint(map(_TYPE_OF, blocks))
    return "compaction" in map(_TYPE_OF, blocks) and any(map(_TOOL_CHANGES_OF, blocks))


def _check_scope(turn: Turn, index: int) -> None:
    if turn["role"] != "system" or turn.get("clear_at") != TURN_SCOPED:
        return
    scope = f"(clear_at: '{TURN_SCOPED}')"
    if turn.get("output_config"):
        raise InvalidRequest(
            f"messages.{index}: output_config is not permitted on a turn-scoped system message "
            f"{scope}"
        )
    raise InvalidRequest(
        f"messages.{index}: a turn-scoped system message supports text blocks only {scope}"
    )


def _changes(turn: Turn, path: str) -> Iterator[tuple[str, Block]]:
    """The tool changes of ``turn``, each with its path; ``path`` is that of the turn's content."""
    content = turn.get("content")
    for position, block in enumerate(content if type(content) is list else ()):
        kind = block["type"]
        if turn["role"] == "system":
            if kind in TOOL_CHANGES:
                yield f"{path}.{position}.{kind}", block
        elif kind == "compaction":
            for place, change in enumerate(block.get("tool_changes") or ()):
                inner = f"{path}.{position}.compaction.tool_changes.{place}"
                yield f"{inner}.{change['type']}", change


def _without_changes(block: Block) -> Block:
    if block["type"] != "compaction":
        return block
    return {name: value for name, value in block.items() if name != "tool_changes"}


def _without_fields(turn: Turn) -> dict[str, Any]:
    """``turn`` without the applied fields; other members of ``output_config`` are kept."""
    left = {name: value for name, value in turn.items() if name != "output_config"}
    content = turn.get("content") or []
    if type(content) is list:
        left["content"] = [block for block in content if block["type"] not in TOOL_CHANGES]
    config = turn.get("output_config") or {}
    others = {name: value for name, value in config.items() if name != "effort" and value}
    return {**left, "output_config": others} if others else left
