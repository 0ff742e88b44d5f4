"""The converters of each type of content block: in user turns, assistant turns and tool results.

Rule: one row for each block type of docs/protocol.md 1.2; a block in a place without a converter is
refused. ``tool_result`` and ``mid_conv_system`` have no row, because ``ordering`` converts them to
separate messages. Tool changes have no row, because ``turn_fields`` applies them. The shapes of the block
types are in ``proxy.schemas.content``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.convert.request.assistant_blocks import (
    mcp_result_to_draft,
    parts_to_draft,
    redacted_thinking_to_draft,
    server_call_to_draft,
    server_result_to_draft,
    text_to_draft,
    thinking_to_draft,
    tool_use_to_draft,
)
from proxy.convert.request.assistant_draft import AssistantDraft
from proxy.convert.request.caching import carry_marker
from proxy.convert.request.compacted_history import summary_text
from proxy.convert.request.documents import (
    document_to_parts,
    image_to_parts,
    search_result_to_parts,
)
from proxy.convert.request.parts import (
    Block,
    Part,
    RefusedBlock,
    TurnContext,
    compact_json,
    text_part,
)
from proxy.convert.request.server_blocks import server_call_to_parts, server_result_to_parts

ToParts = Callable[[Block, TurnContext], list[Part]]
ToDraft = Callable[[Block, AssistantDraft], None]


class BlockType(NamedTuple):
    """The converters of one block type; None: the block is refused in this place."""

    in_user_turn: ToParts | None = None
    in_assistant_turn: ToDraft | None = None
    in_tool_result: ToParts | None = None


SERVER_RESULT_TYPES = (
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "advisor_tool_result",
)
ROUTINE_FOR_DROPPED: Mapping[str, bool] = {
    "container_upload": False,
    "fallback": True,
    "mcp_tool_listing": True,
    "connector_text": False,
}
"""Block types without an equivalent in Chat Completions -> whether it is routine to drop them."""


def user_block_to_parts(block: Block, context: TurnContext) -> list[Part]:
    """The parts of one block of a user turn; none for a block that is empty or dropped.

    Raises RefusedBlock for a block that cannot be converted for this upstream.
    """
    to_parts = _USER_CONVERTER_FOR_BLOCK.get(block["type"])
    if to_parts is None:
        raise RefusedBlock(block, ": not supported in user messages by this upstream")
    parts = to_parts(block, context)
    if parts:
        carry_marker(parts[-1], block, context)
    return parts


def result_block_to_parts(block: Block, context: TurnContext) -> list[Part]:
    """The parts of one block inside a tool result. Raises RefusedBlock as above."""
    to_parts = _RESULT_CONVERTER_FOR_BLOCK.get(block["type"])
    if to_parts is None:
        raise RefusedBlock(block, ": not supported inside a tool result by this upstream")
    return to_parts(block, context)


def add_content(
    content: str | Sequence[Block],
    draft: AssistantDraft,
    converters: Mapping[str, Callable[[Block, Any], None] | None],
) -> None:
    """Add the content of an assistant turn to ``draft``. Raises RefusedBlock as above.

    ``converters``: by the type of the block, those that take this kind of draft.
    """
    if isinstance(content, str):
        draft.add_text(content)
        return
    for block in content:
        to_draft = converters.get(block["type"])
        if to_draft is None:
            raise RefusedBlock(block, ": not supported in assistant messages by this upstream")
        to_draft(block, draft)


def drop_block(block: Block, context: TurnContext) -> bool:
    """Note ``block`` as dropped if its type is one of ``ROUTINE_FOR_DROPPED``; False if not."""
    routine = ROUTINE_FOR_DROPPED.get(block["type"])
    if routine is None:
        return False
    note = context.drops.routine if routine else context.drops.drop
    note(block["type"])
    return True


def _dropped_to_no_parts(block: Block, context: TurnContext) -> list[Part]:
    drop_block(block, context)
    return []


def _dropped_to_draft(block: Block, draft: AssistantDraft) -> None:
    drop_block(block, draft.context)


def _text_to_parts(block: Block, context: TurnContext) -> list[Part]:
    text = block["text"]
    if block.get("citations"):
        context.drops.routine("citations")
    return [text_part(text)] if text else []


def _result_text_to_parts(block: Block, context: TurnContext) -> list[Part]:
    return [text_part(block["text"])]


def _compaction_to_parts(block: Block, context: TurnContext) -> list[Part]:
    content = block.get("content")
    if not content:
        return []
    return [text_part(summary_text(content))]


def _tool_reference_to_parts(block: Block, context: TurnContext) -> list[Part]:
    return [text_part(f"[tool available: {context.names.sent(block['tool_name'])}]")]


def _browser_state_to_parts(block: Block, context: TurnContext) -> list[Part]:
    state: dict[str, Any] = {key: block[key] for key in block if key != "cache_control"}
    return [text_part(compact_json(state))]


def _in_every_place(block_to_parts: ToParts) -> BlockType:
    return BlockType(block_to_parts, parts_to_draft(block_to_parts), block_to_parts)


_SERVER_CALL = BlockType(server_call_to_parts, server_call_to_draft)
_SERVER_RESULT = BlockType(server_result_to_parts, server_result_to_draft)
_DROPPED = BlockType(_dropped_to_no_parts, _dropped_to_draft)

BLOCK_TYPES: Mapping[str, BlockType] = {
    "text": BlockType(_text_to_parts, text_to_draft, _result_text_to_parts),
    "image": _in_every_place(image_to_parts),
    "document": _in_every_place(document_to_parts),
    "search_result": _in_every_place(search_result_to_parts),
    "tool_use": BlockType(in_assistant_turn=tool_use_to_draft),
    "thinking": BlockType(in_assistant_turn=thinking_to_draft),
    "redacted_thinking": BlockType(in_assistant_turn=redacted_thinking_to_draft),
    "server_tool_use": _SERVER_CALL,
    **dict.fromkeys(SERVER_RESULT_TYPES, _SERVER_RESULT),
    "mcp_tool_use": _SERVER_CALL,
    "mcp_tool_result": BlockType(server_result_to_parts, mcp_result_to_draft),
    "compaction": BlockType(_compaction_to_parts),
    "tool_reference": BlockType(in_tool_result=_tool_reference_to_parts),
    "browser_state": BlockType(in_tool_result=_browser_state_to_parts),
    **dict.fromkeys(ROUTINE_FOR_DROPPED, _DROPPED),
}

_USER_CONVERTER_FOR_BLOCK = {name: row.in_user_turn for name, row in BLOCK_TYPES.items()}
ASSISTANT_CONVERTER_FOR_BLOCK: Mapping[str, ToDraft | None] = {
    name: row.in_assistant_turn for name, row in BLOCK_TYPES.items()
}
_RESULT_CONVERTER_FOR_BLOCK = {name: row.in_tool_result for name, row in BLOCK_TYPES.items()}
