"""Prefill: the conversation ends with an assistant message that the model must continue.

Rule: the continuation is requested with the upstream's own fields, or the request is refused. The
text is sent without white space at its end (docs/protocol.md 2.8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.request.parts import ChatMessage
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile

REFUSAL = (
    "This model does not support assistant message prefill. "
    "The conversation must end with a user message."
)

_VLLM: Mapping[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}


def prefill_fields(messages: list[ChatMessage], profile: Profile) -> dict[str, Any]:
    """Trim the end of a final assistant message, or remove the message if it is then empty.

    Returns the body fields that request the continuation. Raises InvalidRequest if the upstream
    does not support prefill.
    """
    if not messages or messages[-1]["role"] != "assistant":
        return {}
    last = messages[-1]
    calls_open = "tool_calls" in last
    if not calls_open and not _trim(last):
        messages.pop()
        return {}
    if profile.prefill == "error":
        raise InvalidRequest(REFUSAL)
    if calls_open:
        # A model cannot continue a tool call.
        return {}
    if profile.prefill == "prefix":
        last["prefix"] = True
    return dict(_VLLM) if profile.prefill == "vllm" else {}


def _trim(message: ChatMessage) -> bool:
    content = message["content"]
    holder, key = (message, "content") if isinstance(content, str) else (content[-1], "text")
    holder[key] = holder[key].rstrip()
    return bool(holder[key])
