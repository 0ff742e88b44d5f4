"""Shapes of the blocks that add or remove tools at a position in the conversation.

Rule: a definition has the shape of a ``tools`` entry; a reference is a name (types
``BetaRequestToolAdditionBlockParam`` and ``BetaRequestToolRemovalBlockParam`` of the Anthropic SDK).
``turn_fields`` resolves references when it applies the changes.
"""

from __future__ import annotations

from marshmallow.validate import Length

from proxy.schemas import wording
from proxy.schemas.blocks import Block
from proxy.schemas.fields import Tagged, Text, WireSchema
from proxy.schemas.tools import Tool

_FULL = Length(min=1, error=wording.TOO_SHORT)


class ToolChangeReference(WireSchema):
    name = Text(required=True, validate=_FULL)


class ToolChangeMcpReference(WireSchema):
    server_name = Text(required=True, validate=_FULL)
    name = Text(required=True, validate=_FULL)


class ToolChangeMcpToolsetReference(WireSchema):
    server_name = Text(required=True, validate=_FULL)


class ToolChangeDefinition(WireSchema):
    definition = Tool(required=True)


REFERENCES: dict[str, WireSchema] = {
    "tool_reference": ToolChangeReference(),
    "mcp_tool_reference": ToolChangeMcpReference(),
    "mcp_toolset_reference": ToolChangeMcpToolsetReference(),
}


class ToolAdditionBlock(Block):
    tool = Tagged({**REFERENCES, "tool_definition": ToolChangeDefinition()}, required=True)


class ToolRemovalBlock(Block):
    tool = Tagged(REFERENCES, required=True)


TOOL_CHANGES: dict[str, WireSchema] = {
    "tool_addition": ToolAdditionBlock(),
    "tool_removal": ToolRemovalBlock(),
}
