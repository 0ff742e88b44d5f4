"""Shapes of ``context_management``: edits of the history before it is converted.

Rule: each type of edit is one row of ``EDITS``. Any other type is refused, because a client that requests
an edit relies on the tokens that it frees (types ``BetaClearToolUses20250919EditParam`` and
``BetaClearThinking20251015EditParam`` of the Anthropic SDK).
"""

from __future__ import annotations

from typing import Any

from marshmallow.validate import Range

from proxy.schemas.compaction import COMPACT_EDIT, CompactEdit
from proxy.schemas.fields import (
    Check,
    Flag,
    Integer,
    Items,
    OrItems,
    Tagged,
    Text,
    WireSchema,
)

ALL = "all"
NOT_FLAG_OR_LIST = "Input should be a valid boolean or list"


class Quantity(WireSchema):
    value = Integer(
        required=True, validate=Range(min=0, error="Input should be greater than or equal to 0")
    )


class TurnsKept(WireSchema):
    value = Integer(
        required=True, validate=Range(min=1, error="Input should be greater than or equal to 1")
    )


class EveryTurn(WireSchema):
    """``{"type": "all"}``, which means the same as ``"all"``."""


class OrAll(Tagged):
    """The string ``all``, or one of the tagged objects."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return value if value == ALL else super()._deserialize(value, attr, data, **kwargs)

    def check(self) -> Check:
        accepts = super().check()
        return lambda value: value == ALL or accepts(value)


class ClearToolUses(WireSchema):
    trigger = Tagged({"input_tokens": Quantity(), "tool_uses": Quantity()})
    keep = Tagged({"tool_uses": Quantity()})
    clear_at_least = Tagged({"input_tokens": Quantity()})
    exclude_tools = Items(Text())
    clear_tool_inputs = OrItems(Flag(), Text(), refusal=NOT_FLAG_OR_LIST)


class ClearThinking(WireSchema):
    keep = OrAll({"thinking_turns": TurnsKept(), ALL: EveryTurn()})


EDITS: dict[str, WireSchema] = {
    COMPACT_EDIT: CompactEdit(),
    "clear_tool_uses_20250919": ClearToolUses(),
    "clear_thinking_20251015": ClearThinking(),
}


class ContextManagement(WireSchema):
    edits = Items(Tagged(EDITS))
