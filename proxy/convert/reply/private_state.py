"""An upstream's private state <-> opaque text in a ``redacted_thinking`` block or a signature.

Rule: state that an upstream wants back travels through the client, which sends ``redacted_thinking``
and signatures back unchanged, so this proxy remembers nothing (docs/protocol.md 10.3). Gemini's
``thought_signature`` is such state (without it the next request is refused), and so is everything
in an item of OpenRouter's ``reasoning_details`` beside what a block has a member for, and GitHub
Copilot's ``reasoning_opaque``.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson

from proxy.convert.reply.arguments import json_text
from proxy.convert.reply.reasoning import SIGNATURE_PREFIX


def pack_tool_state(tool_id: str, extra_content: Mapping[str, Any]) -> str:
    """``data`` of the block that goes beside the ``tool_use`` with ``tool_id``."""
    return _packed({"tool_call": tool_id, "extra_content": dict(extra_content)})


def unpack_tool_state(data: str) -> tuple[str, dict[str, Any]] | None:
    """``(tool id, extra_content)`` from a block's ``data``; None when it is not ours."""
    packed = _unpacked(data)
    tool_id, extra_content = packed.get("tool_call"), packed.get("extra_content")
    if not isinstance(tool_id, str) or not isinstance(extra_content, dict):
        return None
    return tool_id, extra_content


def pack_call_id(tool_id: str, upstream_id: str) -> str:
    """``data`` of the block for an upstream's id that the client's ``tool_id`` cannot contain."""
    return _packed({"tool_call": tool_id, "upstream_id": upstream_id})


def unpack_call_id(data: str) -> tuple[str, str] | None:
    """``(client's id, upstream's id)`` from a block's ``data``; None when it is not that."""
    packed = _unpacked(data)
    tool_id, upstream_id = packed.get("tool_call"), packed.get("upstream_id")
    if not isinstance(tool_id, str) or not isinstance(upstream_id, str):
        return None
    return tool_id, upstream_id


def pack_message_state(extra_content: Mapping[str, Any]) -> str:
    """``data`` of the block for the ``extra_content`` of a whole message."""
    return _packed({"extra_content": dict(extra_content)})


def unpack_message_state(data: str) -> dict[str, Any] | None:
    """The message's ``extra_content`` from a block's ``data``; None when it is not that."""
    packed = _unpacked(data)
    extra_content = packed.get("extra_content")
    return extra_content if "tool_call" not in packed and isinstance(extra_content, dict) else None


def pack_members(members: Mapping[str, Any]) -> str:
    """``data`` of the block for ``members`` that the message must have when it comes back."""
    return _packed({"members": dict(members)})


def unpack_members(data: str) -> dict[str, Any] | None:
    """The message's members from a block's ``data``; None when it is not that."""
    members = _unpacked(data).get("members")
    return members if isinstance(members, dict) else None


def pack_detail(detail: Mapping[str, Any]) -> str:
    """An item of ``reasoning_details``, its readable text left out where a block shows it."""
    return _packed({"reasoning_detail": dict(detail)})


def unpack_detail(text: str) -> dict[str, Any] | None:
    """The item in a signature or in a block's ``data``; None when there is none."""
    detail = _unpacked(text).get("reasoning_detail")
    return detail if isinstance(detail, dict) else None


def _packed(state: Mapping[str, Any]) -> str:
    return (
        SIGNATURE_PREFIX + urlsafe_b64encode(json_text(state).encode("utf-8", "replace")).decode()
    )


def _unpacked(data: str) -> dict[str, Any]:
    """The state in ``data``; empty when it is not ours."""
    if not data.startswith(SIGNATURE_PREFIX):
        return {}
    try:
        packed = orjson.loads(urlsafe_b64decode(data.removeprefix(SIGNATURE_PREFIX)))
    except ValueError:
        return {}
    return packed if isinstance(packed, dict) else {}
