"""Shapes of the blocks that a turn may contain.

Rule: every block type of docs/protocol.md section 1.2 has a row in ``BLOCKS``; any other type is refused.
Of blocks that are dropped only the type is required.
"""

from __future__ import annotations

from typing import Any

from marshmallow.validate import Length

from proxy.convert.request.block_types import ROUTINE_FOR_DROPPED, SERVER_RESULT_TYPES
from proxy.schemas import wording
from proxy.schemas.blocks import RESULT_BLOCKS, TEXT_BLOCKS, Block, Marker
from proxy.schemas.body import decode_json
from proxy.schemas.fields import Flag, Items, OrItems, Tagged, Text, Wire, WireSchema
from proxy.schemas.server_results import RESULTS
from proxy.schemas.tool_changes import TOOL_CHANGES

FULL_ID = Length(min=1, error=wording.EMPTY_ID)
FULL_NAME = Length(min=1, error=wording.TOO_SHORT)
RESULT = Tagged(RESULTS, tolerant=True)


class ToolInput(Wire):
    """An object, or the JSON text of one."""

    refusal = wording.NOT_OBJECT

    def kind(self, value: Any) -> bool:
        if type(value) is dict:
            return True
        if type(value) is not str:
            return False
        try:
            return type(decode_json(value.encode())) is dict
        except ValueError:
            return False


class ToolUseBlock(Block):
    id = Text(required=True, validate=FULL_ID)
    name = Text(required=True, validate=FULL_NAME)
    input = ToolInput(required=True)
    toolset_name = Text()


class ToolResultBlock(Block):
    tool_use_id = Text(required=True, validate=FULL_ID)
    content = OrItems(Text(), Tagged(RESULT_BLOCKS), refusal=wording.NOT_TEXT_OR_LIST)
    is_error = Flag()
    toolset_name = Text()


class ThinkingBlock(WireSchema):
    thinking = Text(required=True)
    signature = Text()


class RedactedThinkingBlock(WireSchema):
    data = Text(required=True)


class ServerToolResultBlock(Block):
    tool_use_id = Text(required=True, validate=FULL_ID)
    content = OrItems(RESULT, RESULT, refusal=wording.NOT_LIST_OR_OBJECT, required=True)


class McpToolResultBlock(Block):
    tool_use_id = Text(required=True, validate=FULL_ID)
    content = OrItems(Text(), Tagged(TEXT_BLOCKS), refusal=wording.NOT_TEXT_OR_LIST)
    is_error = Flag()


class MidConversationSystemBlock(Block):
    text = Text()
    content = OrItems(Text(), Tagged(TEXT_BLOCKS), refusal=wording.NOT_TEXT_OR_LIST)


class CompactionBlock(Block):
    signature = Text()
    content = Text()
    tool_changes = Items(Tagged(TOOL_CHANGES))


BLOCKS: dict[str, WireSchema] = {
    **{tag: RESULT_BLOCKS[tag] for tag in ("text", "image", "document", "search_result")},
    "tool_use": ToolUseBlock(),
    "tool_result": ToolResultBlock(),
    "thinking": ThinkingBlock(),
    "redacted_thinking": RedactedThinkingBlock(),
    "server_tool_use": ToolUseBlock(),
    **dict.fromkeys(SERVER_RESULT_TYPES, ServerToolResultBlock()),
    "mcp_tool_use": ToolUseBlock(),
    "mcp_tool_result": McpToolResultBlock(),
    "mid_conv_system": MidConversationSystemBlock(),
    "compaction": CompactionBlock(),
    **dict.fromkeys(ROUTINE_FOR_DROPPED, Marker()),
    **TOOL_CHANGES,
}
BLOCK = Tagged(BLOCKS)
