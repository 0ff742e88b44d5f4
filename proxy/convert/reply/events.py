"""Functions that create Anthropic stream events.

Rule: an event is a dict of JSON values with ``type`` first. Only this module creates the shapes of
docs/protocol.md section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.reply.stop_reasons import Stop
from proxy.errors import ProxyError

Event = dict[str, Any]


def message_start(message_id: str, model: str, usage: Mapping[str, int]) -> Event:
    """The first event of a message; official SDKs fail if it has no ``content`` or ``usage``."""
    message: dict[str, Any] = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": dict(usage),
    }
    return {"type": "message_start", "message": message}


def ping() -> Event:
    return {"type": "ping"}


def block_start(index: int, block: Mapping[str, Any]) -> Event:
    return {"type": "content_block_start", "index": index, "content_block": dict(block)}


def text_block() -> dict[str, Any]:
    return {"type": "text", "text": ""}


def thinking_block() -> dict[str, Any]:
    return {"type": "thinking", "thinking": "", "signature": ""}


def redacted_block(data: str) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": data}


def tool_block(tool_id: str, name: str, toolset: str | None = None) -> dict[str, Any]:
    """``input`` is always empty here, because clients read arguments only from deltas (edge case 75)."""
    block = {"type": "tool_use", "id": tool_id, "name": name, "input": {}}
    return block if toolset is None else {**block, "toolset_name": toolset}


def text_delta(index: int, text: str) -> Event:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "text_delta", "text": text},
    }


def thinking_delta(index: int, thinking: str) -> Event:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "thinking_delta", "thinking": thinking},
    }


def signature_delta(index: int, signature: str) -> Event:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "signature_delta", "signature": signature},
    }


def arguments_delta(index: int, partial_json: str) -> Event:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "input_json_delta", "partial_json": partial_json},
    }


def citations_delta(index: int, citation: Mapping[str, Any]) -> Event:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "citations_delta", "citation": dict(citation)},
    }


def compaction_delta(index: int, summary: str | None) -> Event:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "compaction_delta", "content": summary, "encrypted_content": None},
    }


def block_stop(index: int) -> Event:
    return {"type": "content_block_stop", "index": index}


def message_delta(
    stop: Stop, usage: Mapping[str, Any], context_management: Mapping[str, Any] | None = None
) -> Event:
    """The end of a message; ``context_management`` reports context edits, None if there are none."""
    event = {
        "type": "message_delta",
        "delta": {
            "stop_reason": stop.reason,
            "stop_sequence": stop.sequence,
            "stop_details": stop.details,
        },
        "usage": dict(usage),
    }
    return event | {"context_management": context_management} if context_management else event


def message_stop() -> Event:
    return {"type": "message_stop"}


def error_event(error: ProxyError, request_id: str) -> Event:
    return error.to_body(request_id)
