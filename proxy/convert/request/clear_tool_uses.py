"""The edit ``clear_tool_uses_20250919``: replaces older tool results by a fixed text.

Rule: calls are kept, so that every result has its call; their inputs become empty if the edit requests
this. Server tools are counted and cleared like the client's tools. What an earlier edit or the client
itself cleared is not cleared and reported again (docs/protocol.md 1.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CLEARED = "[Old tool result content cleared]"
DEFAULT_KEEP = 3
DEFAULT_TRIGGER: Mapping[str, Any] = {"type": "input_tokens", "value": 100_000}
CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
RESULT_SUFFIX = "tool_result"

Turn = Mapping[str, Any]
Place = tuple[int, int]
"""Index of the turn, and of the block in it."""


@dataclass(slots=True)
class ToolUse:
    """A call and the places of its results."""

    name: str
    place: Place
    results: list[Place] = field(default_factory=list)


def clear_tool_uses(
    turns: Sequence[Turn], edit: Mapping[str, Any], tokens: Callable[[], int]
) -> tuple[Sequence[Turn], dict[str, int]] | None:
    """``turns`` with the older tool results cleared, and the counts; None if nothing is cleared.

    Results are cleared only if the edit's trigger is exceeded. ``tokens`` returns the input tokens of the
    request.
    """
    uses = _tool_uses(turns)
    older = _older(uses, edit)
    places = {
        place for use in older for place in use.results if not _is(turns, place, "content", CLEARED)
    }
    inputs = {place for place in _cleared_inputs(edit, older) if not _is(turns, place, "input", {})}
    cleared = [use for use in older if use.place in inputs or not places.isdisjoint(use.results)]
    if not cleared or not _is_triggered(edit, len(uses), tokens):
        return None
    edited = list(turns)
    for index in sorted({index for index, _ in places | inputs}):
        blocks = list(turns[index]["content"])
        for position, block in enumerate(blocks):
            if (index, position) in places:
                blocks[position] = {**block, "content": CLEARED}
            elif (index, position) in inputs:
                blocks[position] = {**block, "input": {}}
        edited[index] = {**turns[index], "content": blocks}
    return edited, {"cleared_tool_uses": len(cleared)}


def _tool_uses(turns: Sequence[Turn]) -> list[ToolUse]:
    """The tool uses of the history, in order.

    A result belongs to the last call with its id, since histories may repeat ids.
    """
    uses: list[ToolUse] = []
    last: dict[str, ToolUse] = {}
    for place, block in _blocks(turns):
        kind = block["type"]
        if kind in CALLS:
            last[block["id"]] = ToolUse(block["name"], place)
            uses.append(last[block["id"]])
        elif kind.endswith(RESULT_SUFFIX):
            use = last.get(block["tool_use_id"])
            if use is not None:
                use.results.append(place)
    return uses


def _blocks(turns: Sequence[Turn]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    for index, turn in enumerate(turns):
        content = turn.get("content")
        if type(content) is list:
            for position, block in enumerate(content):
                yield (index, position), block


def _is(turns: Sequence[Turn], place: Place, member: str, value: object) -> bool:
    index, position = place
    return bool(turns[index]["content"][position].get(member) == value)


def _older(uses: Sequence[ToolUse], edit: Mapping[str, Any]) -> list[ToolUse]:
    """The uses to clear: all that have a result, except the last ones and those of excluded tools."""
    keep = edit.get("keep")
    kept = DEFAULT_KEEP if keep is None else int(keep["value"])
    done = [use for use in uses if use.results]
    excluded = set(edit.get("exclude_tools") or ())
    return [use for use in done[: max(0, len(done) - kept)] if use.name not in excluded]


def _is_triggered(edit: Mapping[str, Any], uses: int, tokens: Callable[[], int]) -> bool:
    trigger = edit.get("trigger") or DEFAULT_TRIGGER
    reached = uses if trigger["type"] == "tool_uses" else tokens()
    return bool(reached > trigger["value"])


def _cleared_inputs(edit: Mapping[str, Any], cleared: Sequence[ToolUse]) -> set[Place]:
    wanted = edit.get("clear_tool_inputs") or ()
    return {use.place for use in cleared if wanted is True or use.name in wanted}
