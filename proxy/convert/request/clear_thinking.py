"""The edit ``clear_thinking_20251015``: removes the thinking of older assistant turns.

Rule: an assistant turn includes its tool calls and their results, and ends at the next message of the
user. Private state of an upstream that belongs to a call or a message is not thinking and is kept
(docs/protocol.md 1.6, 10.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.convert.reply.private_state import (
    unpack_call_id,
    unpack_message_state,
    unpack_tool_state,
)

STATES = (unpack_tool_state, unpack_message_state, unpack_call_id)
"""What reads the state of a call or a message, and gives None for other data."""
DEFAULT_KEEP = 1
"""Number of assistant turns whose thinking is kept if the edit has no ``keep``."""

Turn = Mapping[str, Any]


def clear_thinking(
    turns: Sequence[Turn], edit: Mapping[str, Any], tokens: Callable[[], int]
) -> tuple[Sequence[Turn], dict[str, int]] | None:
    """``turns`` with thinking only in the last assistant turns that have some, and the counts.

    None if nothing is cleared.
    """
    keep = _kept_turns(edit)
    if keep is None:
        return None
    thinking: dict[int, list[int]] = {}
    for index, number in _assistant_turns(turns):
        if any(map(_is_thinking, turns[index]["content"])):
            thinking.setdefault(number, []).append(index)
    older = list(thinking)[:-keep]
    if not older:
        return None
    edited = list(turns)
    for index in (index for number in older for index in thinking[number]):
        blocks = turns[index]["content"]
        left = [block for block in blocks if not _is_thinking(block)]
        edited[index] = {**turns[index], "content": left}
    return edited, {"cleared_thinking_turns": len(older)}


def _kept_turns(edit: Mapping[str, Any]) -> int | None:
    """The number of assistant turns that keep their thinking; None: all of them."""
    keep = edit.get("keep")
    if keep is None:
        return DEFAULT_KEEP
    return int(keep["value"]) if isinstance(keep, Mapping) and "value" in keep else None


def _assistant_turns(turns: Sequence[Turn]) -> list[tuple[int, int]]:
    """The index of each assistant message with blocks, and the number of its turn."""
    found: list[tuple[int, int]] = []
    number = 0
    for index, turn in enumerate(turns):
        content = turn.get("content")
        if turn["role"] == "assistant":
            if type(content) is list:
                found.append((index, number))
        elif turn["role"] == "user" and not _only_results(content):
            number += 1
    return found


def _only_results(content: Any) -> bool:
    return type(content) is list and all(block["type"] == "tool_result" for block in content)


def _is_thinking(block: Mapping[str, Any]) -> bool:
    if block["type"] == "thinking":
        return True
    if block["type"] != "redacted_thinking":
        return False
    data = block["data"]
    return all(unpack(data) is None for unpack in STATES)
