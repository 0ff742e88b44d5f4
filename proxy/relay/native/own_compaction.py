"""Replaces this proxy's ``compaction`` block by text in a request to a native upstream.

Rule: a native upstream verifies the signatures of ``compaction`` blocks and refuses this proxy's.
"""

from __future__ import annotations

from typing import Any

from proxy.convert.compaction_seal import is_ours
from proxy.convert.request.compacted_history import COMPACTION, summary_text
from proxy.convert.request.drops import Drops


def with_summary_as_text(turns: list[Any], drops: Drops) -> list[Any]:
    """``turns`` (not validated) with this proxy's last summary as a user turn.

    The turns that the summary replaces are left out. The tool changes of the block follow the summary
    as a system turn. Returns ``turns`` itself if it contains no summary of this proxy.
    """
    for at in reversed(range(len(turns))):
        content = _blocks(turns[at])
        for position in reversed(range(len(content))):
            if not _is_summary(content[position]):
                continue
            drops.degrade(COMPACTION, "text")
            rest = content[position + 1 :]
            kept = [{**turns[at], "content": rest}] if rest else []
            return [*_as_turns(content[position]), *kept, *turns[at + 1 :]]
    return turns


def _blocks(turn: Any) -> list[Any]:
    content = turn.get("content") if type(turn) is dict else None
    return content if type(content) is list else []


def _is_summary(block: object) -> bool:
    return (
        type(block) is dict
        and block.get("type") == COMPACTION
        and is_ours(block)
        and type(block.get("content")) is str
    )


def _as_turns(block: dict[str, Any]) -> list[Any]:
    text = {"type": "text", "text": summary_text(block["content"])}
    changes = block.get("tool_changes")
    turns: list[Any] = [{"role": "user", "content": [text]}]
    return [*turns, {"role": "system", "content": changes}] if changes else turns
