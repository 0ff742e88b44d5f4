"""Blocks of assistant turns -> the draft of one assistant message.

Rule: each converter adds one block to the draft and notes the members that are lost. ``block_types``
assigns the converters to block types (docs/protocol.md 1.2, 10.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from proxy.convert.reply.private_state import unpack_call_id, unpack_detail, unpack_members
from proxy.convert.reply.reasoning import SIGNATURE_PREFIX
from proxy.convert.request.assistant_draft import AssistantDraft
from proxy.convert.request.caching import carry_marker
from proxy.convert.request.parts import Block, Part, TurnContext, compact_json
from proxy.convert.request.server_blocks import server_call_to_text, server_result_to_text
from proxy.convert.request.toolsets import is_member

TEXT_MEMBERS = 2
"""Required members of a text block; a block with more members has optional ones."""
CALL_MEMBERS = 4
"""The same for a ``tool_use`` block."""


def text_to_draft(block: Block, draft: AssistantDraft) -> None:
    text = block["text"]
    more = len(block) > TEXT_MEMBERS
    if more and block.get("citations"):
        draft.context.drops.routine("citations")
    if text:
        draft.add_text(text)
        if more:
            carry_marker(draft.marker, block, draft.context)


def tool_use_to_draft(block: Block, draft: AssistantDraft) -> None:
    sent_id, name, arguments = sent_call(block, draft.context)
    call: dict[str, Any] = {
        "id": sent_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    draft.calls.append(call)
    if draft.private_state is not None:
        draft.private_state.add_call(block["id"], call)


def sent_call(block: Block, context: TurnContext) -> tuple[str, str, str]:
    """Id, name and arguments of a ``tool_use``, as they are sent upstream."""
    given = block["input"]
    sent_id = context.ids.sent(block["id"])
    arguments = compact_json(orjson.loads(given) if isinstance(given, str) else given)
    if len(block) > CALL_MEMBERS and _is_member(block, context):
        return sent_id, context.names.member(block["toolset_name"], block["name"]), arguments
    return sent_id, context.names.sent(block["name"]), arguments


def _is_member(call: Block, context: TurnContext) -> bool:
    """Whether ``call`` is one of a toolset's member; notes optional members that are lost."""
    drops = context.drops
    if call.get("cache_control"):
        drops.routine("cache_control")
    if call.get("caller"):
        drops.routine("tool_use.caller")
    family = call.get("toolset_name")
    if not family:
        return False
    known = is_member(family, call["name"])
    if not known:
        drops.routine("tool_use.toolset_name")
    return known


def thinking_to_draft(block: Block, draft: AssistantDraft) -> None:
    if not draft.reasoning.add_thinking(block["thinking"], block.get("signature") or ""):
        draft.context.drops.routine("thinking")


def redacted_thinking_to_draft(block: Block, draft: AssistantDraft) -> None:
    data: str = block["data"]
    if not data.startswith(SIGNATURE_PREFIX):
        carried = draft.reasoning.add_detail({"type": "reasoning.encrypted", "data": data})
    elif detail := unpack_detail(data):
        carried = draft.reasoning.add_detail(detail)
    elif members := unpack_members(data):
        carried = draft.reasoning.add_members(members)
    elif call_id := unpack_call_id(data):
        carried = True
        draft.context.ids.restore(*call_id)
    else:
        carried = draft.private_state is not None and draft.private_state.add(data)
    if not carried:
        draft.context.drops.routine("redacted_thinking")


def server_call_to_draft(block: Block, draft: AssistantDraft) -> None:
    draft.server_calls[block.get("id", "")] = block["name"]
    _server_text_to_draft(server_call_to_text(block), block, draft)


def server_result_to_draft(block: Block, draft: AssistantDraft) -> None:
    _server_text_to_draft(server_result_to_text(block), block, draft)


def mcp_result_to_draft(block: Block, draft: AssistantDraft) -> None:
    """Take the tool's name from the call, since the type of the result does not contain it."""
    name = draft.server_calls.get(block.get("tool_use_id", ""))
    _server_text_to_draft(server_result_to_text(block, name), block, draft)


def _server_text_to_draft(text: str, block: Block, draft: AssistantDraft) -> None:
    draft.context.drops.degrade(block["type"], "text")
    draft.add_aside(text, block)


def parts_to_draft(
    block_to_parts: Callable[[Block, TurnContext], list[Part]],
) -> Callable[[Block, AssistantDraft], None]:
    """A converter that adds the text of the parts from ``block_to_parts`` to a draft.

    Images and files become text, since an assistant message cannot contain them.
    """

    def block_to_draft(block: Block, draft: AssistantDraft) -> None:
        context = draft.context
        text_only = replace(context.profile, vision=False, pdf="none")
        parts = block_to_parts(block, replace(context, profile=text_only))
        draft.add_aside("\n\n".join([part["text"] for part in parts]), block)

    return block_to_draft
