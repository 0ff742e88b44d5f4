"""An upstream's private state <-> opaque text in a ``redacted_thinking`` block or a signature.

Rule: some upstreams must get state of an answer back with the next request. The client stores it, because
clients send ``redacted_thinking`` and signatures back unchanged; this proxy stores nothing
(docs/protocol.md 10.3). Such state is Gemini's ``thought_signature`` (without it the next request is
refused), GitHub Copilot's ``reasoning_opaque``, and the members of OpenRouter's ``reasoning_details``
that a thinking block has no member for.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson

from proxy.convert.reasoning_state import STATE_PREFIX
from proxy.convert.reply.arguments import json_text
from proxy.convert.reply.reasoning import SIGNATURE_PREFIX


def pack_tool_state(tool_id: str, extra_content: Mapping[str, Any]) -> str:
    """``data`` of the block with the state of the ``tool_use`` with ``tool_id``."""
    return _packed({"tool_call": tool_id, "extra_content": dict(extra_content)})


def unpack_tool_state(data: str) -> tuple[str, dict[str, Any]] | None:
    """``(tool id, extra_content)`` from a block's ``data``; None if it contains no such state."""
    packed = _unpacked(data)
    tool_id, extra_content = packed.get("tool_call"), packed.get("extra_content")
    if not isinstance(tool_id, str) or not isinstance(extra_content, dict):
        return None
    return tool_id, extra_content


def pack_call_id(tool_id: str, upstream_id: str) -> str:
    """``data`` of the block for an upstream's id that the client's ``tool_id`` cannot contain."""
    return _packed({"tool_call": tool_id, "upstream_id": upstream_id})


def unpack_call_id(data: str) -> tuple[str, str] | None:
    """``(client's id, upstream's id)`` from a block's ``data``; None if it contains no id."""
    packed = _unpacked(data)
    tool_id, upstream_id = packed.get("tool_call"), packed.get("upstream_id")
    if not isinstance(tool_id, str) or not isinstance(upstream_id, str):
        return None
    return tool_id, upstream_id


def pack_message_state(extra_content: Mapping[str, Any]) -> str:
    """``data`` of the block for the ``extra_content`` of a whole message."""
    return _packed({"extra_content": dict(extra_content)})


def unpack_message_state(data: str) -> dict[str, Any] | None:
    """The message's ``extra_content`` from a block's ``data``; None if it contains none."""
    packed = _unpacked(data)
    extra_content = packed.get("extra_content")
    return extra_content if "tool_call" not in packed and isinstance(extra_content, dict) else None


def pack_members(members: Mapping[str, Any]) -> str:
    """``data`` of the block for ``members`` that the upstream must get back in the message."""
    return _packed({"members": dict(members)})


def unpack_members(data: str) -> dict[str, Any] | None:
    """The message's members from a block's ``data``; None if it contains none."""
    members = _unpacked(data).get("members")
    return members if isinstance(members, dict) else None


def pack_detail(detail: Mapping[str, Any]) -> str:
    """An item of ``reasoning_details``, without the readable text if a block contains it."""
    return _packed({"reasoning_detail": dict(detail)})


def unpack_detail(text: str) -> dict[str, Any] | None:
    """The item in a signature or in a block's ``data``; None if there is none."""
    detail = _unpacked(text).get("reasoning_detail")
    return detail if isinstance(detail, dict) else None


def _packed(state: Mapping[str, Any]) -> str:
    return (
        SIGNATURE_PREFIX + urlsafe_b64encode(json_text(state).encode("utf-8", "replace")).decode()
    )


def _unpacked(data: str) -> dict[str, Any]:
    """The state in ``data``; empty if this proxy did not pack it."""
    # Encrypted reasoning is long, and would be decoded in vain.
    if not data.startswith(SIGNATURE_PREFIX) or data.startswith(STATE_PREFIX):
        return {}
    try:
        packed = orjson.loads(urlsafe_b64decode(data.removeprefix(SIGNATURE_PREFIX)))
    except ValueError:
        return {}
    return packed if isinstance(packed, dict) else {}
