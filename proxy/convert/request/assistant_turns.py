"""Assistant turns -> one assistant message.

Rule: blocks are added one by one, also those of several turns in a row, and become one message:
texts without a separator, calls in order, thinking as the profile wants it back
(docs/protocol.md 1.2, 2.5, 2.6, 10.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from proxy.convert.reply.private_state import unpack_detail, unpack_message_state, unpack_tool_state
from proxy.convert.reply.reasoning import SIGNATURE_PREFIX
from proxy.convert.request.caching import carry_marker
from proxy.convert.request.parts import (
    Block,
    ChatMessage,
    Part,
    RefusedBlock,
    TurnContext,
    compact_json,
    text_part,
)
from proxy.convert.request.user_blocks import drop_block, server_block_text, user_block_to_parts

TEXT_MEMBERS = 2
"""Of a text block that has what it must have: nothing else needs to be looked for in it."""
CALL_MEMBERS = 4


class AssistantDraft:
    """An assistant message in the making."""

    __slots__ = (
        "_after_aside",
        "_call_of",
        "_calls",
        "_context",
        "_details",
        "_extra_content",
        "_marker",
        "_message_state",
        "_reasoning",
        "_server_calls",
        "_texts",
    )

    def __init__(self, context: TurnContext) -> None:
        self._context = context
        self._texts: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._call_of: dict[str, dict[str, Any]] = {}
        """Calls by the ids that the client knows them by."""
        self._reasoning: list[str] = []
        self._details: list[dict[str, Any]] = []
        self._server_calls: dict[str, str] = {}
        self._extra_content: dict[str, dict[str, Any]] = {}
        self._message_state: dict[str, Any] | None = None
        self._marker: Part = {}
        """The cache marker of the text, if it has one."""
        self._after_aside = False

    @property
    def has_calls(self) -> bool:
        return bool(self._calls)

    @property
    def is_empty(self) -> bool:
        """Nothing to send: thinking alone is no message (docs/protocol.md 2.9)."""
        return not self._texts and not self._calls

    def add(self, content: str | list[Block]) -> None:
        """Add a turn's content. Raises RefusedBlock for a block that cannot be carried."""
        if isinstance(content, str):
            self._add_text(content)
            return
        for block in content:
            adder = _ADDER_FOR_TYPE.get(block["type"])
            if adder is not None:
                adder(self, block)
            else:
                self._add_other(block)

    def to_message(self) -> ChatMessage:
        """The message; only of a draft that is not empty."""
        profile = self._context.profile
        message: ChatMessage = {"role": "assistant", "content": self._content()}
        if self._calls:
            message["tool_calls"] = self._calls
        if self._reasoning:
            message["reasoning_content"] = "\n\n".join(self._reasoning)
        elif self._calls and profile.reasoning_history == "reasoning_content":
            # These upstreams refuse a tool call without the field, also where a client that
            # compacted its history has no thoughts left to send.
            message["reasoning_content"] = ""
        if self._details:
            message["reasoning_details"] = self._details
        if self._message_state:
            message["extra_content"] = self._message_state
        return message

    def _content(self) -> str | list[dict[str, Any]] | None:
        if self._texts:
            text = "".join(self._texts)
            return [{**text_part(text), **self._marker}] if self._marker else text
        return None if self._context.profile.null_content else ""

    def _add_text(self, text: str) -> None:
        if self._after_aside:
            self._texts.append("\n")
            self._after_aside = False
        self._texts.append(text)

    def _add_aside(self, text: str) -> None:
        # Text that the model did not write stands on lines of its own.
        if self._texts and not self._texts[-1].endswith("\n"):
            self._texts.append("\n")
        self._texts.append(text)
        self._after_aside = True

    def _add_text_block(self, block: Block) -> None:
        text = block["text"]
        more = len(block) > TEXT_MEMBERS
        if more and block.get("citations"):
            self._context.drops.routine("citations")
        if text:
            self._add_text(text)
            if more:
                carry_marker(self._marker, block, self._context)

    def _add_call(self, block: Block) -> None:
        context = self._context
        given = block["input"]
        tool_id = block["id"]
        arguments = compact_json(orjson.loads(given) if isinstance(given, str) else given)
        call: dict[str, Any] = {
            "id": context.ids.sent(tool_id),
            "type": "function",
            "function": {"name": context.names.sent(block["name"]), "arguments": arguments},
        }
        if tool_id in self._extra_content:
            call["extra_content"] = self._extra_content[tool_id]
        if len(block) > CALL_MEMBERS:
            self._note_lost(block)
        self._calls.append(call)
        self._call_of[tool_id] = call

    def _note_lost(self, call: Block) -> None:
        drops = self._context.drops
        if call.get("cache_control"):
            drops.routine("cache_control")
        for member in ("caller", "toolset_name"):
            if call.get(member):
                drops.routine(f"tool_use.{member}")

    def _add_thinking(self, block: Block) -> None:
        history = self._context.profile.reasoning_history
        thinking: str = block["thinking"]
        signature: str = block.get("signature") or ""
        packed = unpack_detail(signature) if signature.startswith(SIGNATURE_PREFIX) else None
        if history == "details":
            detail = packed or _signed(signature)
            readable = "summary" if detail.get("type") == "reasoning.summary" else "text"
            # A client that was not shown the text has it in the signature alone.
            detail[readable] = thinking or detail.pop("text", "")
            if detail[readable] or "signature" in detail:
                self._details.append(detail)
        elif history == "reasoning_content":
            thinking = thinking or (packed or {}).get("text") or ""
            if thinking:
                self._reasoning.append(thinking)
        else:
            self._context.drops.routine("thinking")

    def _add_redacted_thinking(self, block: Block) -> None:
        data: str = block["data"]
        if not data.startswith(SIGNATURE_PREFIX):
            carried = self._add_detail({"type": "reasoning.encrypted", "data": data})
        else:
            detail = unpack_detail(data)
            carried = self._add_detail(detail) if detail else self._add_state(data)
        if not carried:
            self._context.drops.routine("redacted_thinking")

    def _add_detail(self, detail: dict[str, Any]) -> bool:
        if self._context.profile.reasoning_history != "details":
            return False
        self._details.append(detail)
        return True

    def _add_state(self, data: str) -> bool:
        """Give a call, or the message, its private state back, before or behind the call."""
        if not self._context.profile.extra_content:
            return False
        of_call = unpack_tool_state(data)
        if of_call is None:
            of_message = unpack_message_state(data)
            self._message_state = of_message or self._message_state
            return of_message is not None
        tool_id, extra_content = of_call
        if tool_id in self._call_of:
            self._call_of[tool_id]["extra_content"] = extra_content
        else:
            self._extra_content[tool_id] = extra_content
        return True

    def _add_server_call(self, block: Block) -> None:
        self._server_calls[block.get("id", "")] = block["name"]
        self._add_other(block)

    def _add_other(self, block: Block) -> None:
        context = self._context
        aside = server_block_text(block, context, self._server_calls)
        if aside is None:
            if drop_block(block, context):
                return
            aside = self._document_text(block)
        carry_marker(self._marker, block, context)
        self._add_aside(aside)

    def _document_text(self, block: Block) -> str:
        if block["type"] not in _DOCUMENT_TYPES:
            raise RefusedBlock(block, ": not supported in assistant messages by this upstream")
        # An assistant message takes neither images nor files.
        blind = replace(self._context.profile, vision=False, pdf="none")
        parts = user_block_to_parts(block, replace(self._context, profile=blind))
        return "\n\n".join([part["text"] for part in parts])


def _signed(signature: str) -> dict[str, Any]:
    """A detail so far without text; a signature of ours says nothing to the upstream."""
    detail = {"type": "reasoning.text"}
    if signature and not signature.startswith(SIGNATURE_PREFIX):
        detail["signature"] = signature
    return detail


_DOCUMENT_TYPES = frozenset({"document", "search_result", "image"})

_ADDER_FOR_TYPE: Mapping[str, Callable[[AssistantDraft, Block], None]] = {
    "text": AssistantDraft._add_text_block,
    "tool_use": AssistantDraft._add_call,
    "thinking": AssistantDraft._add_thinking,
    "redacted_thinking": AssistantDraft._add_redacted_thinking,
    "server_tool_use": AssistantDraft._add_server_call,
    "mcp_tool_use": AssistantDraft._add_server_call,
}
