"""Turns -> items, in the order that Responses requires.

Rule: the order of Chat Completions (``proxy.convert.request.ordering``), with the blocks of an assistant
turn as one item each (docs/protocol.md 12.2).
"""

from __future__ import annotations

from typing import Any

from proxy.convert.reply.private_state import unpack_call_id
from proxy.convert.request.assistant_blocks import (
    sent_call,
    server_call_to_draft,
    server_result_to_draft,
)
from proxy.convert.request.assistant_draft import AssistantDraft
from proxy.convert.request.block_types import ASSISTANT_CONVERTER_FOR_BLOCK
from proxy.convert.request.caching import carry_marker
from proxy.convert.request.ordering import Conversation, Converters
from proxy.convert.request.parts import Block, ChatMessage, Part, TurnContext
from proxy.convert.request.responses.carried import SEARCH_RESULT, CarriedState
from proxy.convert.request.responses.draft import ItemDraft
from proxy.convert.request.responses.parts import message
from proxy.convert.request.responses.tool_outputs import tool_result_to_output


def _call(block: Block, draft: ItemDraft) -> None:
    call_id, name, arguments = sent_call(block, draft.context)
    draft.add_call(
        {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
    )


def _thinking(block: Block, draft: ItemDraft) -> None:
    item = draft.carried.of_thinking(block["thinking"], block.get("signature") or "")
    if not draft.add_reasoning(item):
        draft.context.drops.routine("thinking")


def _redacted_thinking(block: Block, draft: ItemDraft) -> None:
    data: str = block["data"]
    if call_id := unpack_call_id(data):
        draft.context.ids.restore(*call_id)
    elif not draft.add_reasoning(draft.carried.of_data(data)):
        draft.context.drops.routine("redacted_thinking")


def _server_call(block: Block, draft: ItemDraft) -> None:
    if draft.add_search(block.get("id", "")):
        carry_marker({}, block, draft.context)
    else:
        server_call_to_draft(block, draft)


def _search_result(block: Block, draft: ItemDraft) -> None:
    if not draft.carried.is_search(block.get("tool_use_id", "")):
        server_result_to_draft(block, draft)


_CONVERTER_FOR_BLOCK: Converters = {
    **ASSISTANT_CONVERTER_FOR_BLOCK,
    "tool_use": _call,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "server_tool_use": _server_call,
    SEARCH_RESULT: _search_result,
}


class ItemConversation(Conversation):
    """A conversation whose messages are Responses items."""

    __slots__ = ("_carried",)

    converters = _CONVERTER_FOR_BLOCK
    convert_result = staticmethod(tool_result_to_output)

    def __init__(self, context: TurnContext, carried: CarriedState) -> None:
        self._carried = carried
        super().__init__(context)

    def new_draft(self) -> AssistantDraft:
        return ItemDraft(self._context, self._carried)

    def add_turn(self, role: str, content: Any) -> None:
        if role == "assistant" and content and not isinstance(content, str):
            self._carried.note_searches(content)
        super().add_turn(role, content)

    def segment_message(self, role: str, parts: list[Part]) -> ChatMessage:
        said = super().segment_message(role, parts)
        return message(role, said["content"])
