"""Bounds for the lists of a request whose conversion takes time for each item.

Rule: checked before the items are, and far above what clients send. The bounds are listed in
docs/protocol.md section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.errors import InvalidRequest

MAX_TOOLS = 2_048
MAX_MESSAGES = 100_000
MAX_BLOCKS = 10_000
"""Blocks of one message, including those in its tool results and documents; blocks of ``system``."""
_MOST_ITEMS = (("messages", MAX_MESSAGES), ("system", MAX_BLOCKS), ("tools", MAX_TOOLS))


def check_lengths(request: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for too many tools, messages or system blocks, whatever they are."""
    for name, most in _MOST_ITEMS:
        value = request.get(name)
        if type(value) is list and len(value) > most:
            raise InvalidRequest(
                f"{name}: List should have at most {most} items after validation, not {len(value)}"
            )


def check_blocks(turns: Any) -> None:
    """Raise InvalidRequest for a turn with too many blocks; ``turns`` need not be valid."""
    for index, turn in enumerate(turns if type(turns) is list else ()):
        content = turn.get("content") if type(turn) is dict else None
        if type(content) is not list:
            continue
        count = len(content)
        if count <= MAX_BLOCKS:
            count += sum(map(_inner_blocks, content))
        if count > MAX_BLOCKS:
            raise InvalidRequest(
                f"messages.{index}.content: a message should have at most {MAX_BLOCKS} blocks, "
                f"including those in its tool results and documents, not {count}"
            )


def _inner_blocks(block: Any) -> int:
    if type(block) is not dict:
        return 0
    source = block.get("source")
    inner = source.get("content") if type(source) is dict else block.get("content")
    if type(inner) is not list:
        return 0
    # A tool result may contain a document of blocks.
    return len(inner) + sum(map(_inner_blocks, inner))
