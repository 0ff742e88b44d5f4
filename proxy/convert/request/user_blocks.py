"""One block of a user turn -> parts.

Rule: a block type is one row of a table; tool results and system blocks are not parts and are
taken out before (docs/protocol.md 1.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.convert.request.caching import carry_marker
from proxy.convert.request.documents import document_to_parts, image_to_part, search_result_to_part
from proxy.convert.request.history import (
    CALLS,
    is_server_result,
    server_call_text,
    server_result_text,
)
from proxy.convert.request.parts import Block, Part, RefusedBlock, TurnContext, text_part

DROPPED_TYPES: Mapping[str, bool] = {
    "container_upload": False,
    "tool_addition": False,
    "tool_removal": False,
    "connector_text": False,
    "fallback": True,
    "mcp_tool_listing": True,
}
"""Block types that Chat Completions has no place for -> whether leaving them out is routine."""


def user_block_to_parts(block: Block, context: TurnContext) -> list[Part]:
    """The parts of one block; none for a block that is empty or dropped.

    Raises RefusedBlock for a block that this upstream cannot carry.
    """
    convert = _PARTS_FOR_TYPE.get(block["type"])
    parts = convert(block, context) if convert else _other_block_to_parts(block, context)
    if parts:
        carry_marker(parts[-1], block, context)
    return parts


def drop_block(block: Block, context: TurnContext) -> bool:
    """Note ``block`` as dropped where its type is one of those; False where it is not."""
    routine = DROPPED_TYPES.get(block["type"])
    if routine is None:
        return False
    if routine:
        context.drops.routine(block["type"])
    else:
        context.drops.drop(block["type"])
    return True


def server_block_text(block: Block, context: TurnContext, called: Mapping[str, str]) -> str | None:
    """Text of a server tool's call or result; None for any other block.

    ``called`` maps the ids of earlier calls to the names of their tools.
    """
    block_type = block["type"]
    if block_type in CALLS:
        context.drops.degrade(block_type, "text")
        return server_call_text(block)
    if is_server_result(block_type):
        context.drops.degrade(block_type, "text")
        name = called.get(block.get("tool_use_id", "")) if block_type == "mcp_tool_result" else None
        return server_result_text(block, name)
    return None


def _other_block_to_parts(block: Block, context: TurnContext) -> list[Part]:
    text = server_block_text(block, context, {})
    if text is not None:
        return [text_part(text)]
    if drop_block(block, context):
        return []
    raise RefusedBlock(block, ": not supported in user messages by this upstream")


def _text_to_parts(block: Block, context: TurnContext) -> list[Part]:
    text = block["text"]
    if block.get("citations"):
        context.drops.routine("citations")
    return [text_part(text)] if text else []


def _image_to_parts(block: Block, context: TurnContext) -> list[Part]:
    return [image_to_part(block, context)]


def _search_result_to_parts(block: Block, context: TurnContext) -> list[Part]:
    return [search_result_to_part(block, context)]


def _compaction_to_parts(block: Block, context: TurnContext) -> list[Part]:
    content = block.get("content")
    if not content:
        return []
    return [text_part(f"<conversation_summary>\n{content}\n</conversation_summary>")]


_PARTS_FOR_TYPE: Mapping[str, Callable[[Block, TurnContext], list[Part]]] = {
    "text": _text_to_parts,
    "image": _image_to_parts,
    "document": document_to_parts,
    "search_result": _search_result_to_parts,
    "compaction": _compaction_to_parts,
}
