"""An upstream's private state of a tool call <-> the data of a ``redacted_thinking`` block.

Rule: state that an upstream wants back with a call travels through the client, which sends
``redacted_thinking`` back unchanged, so this proxy remembers nothing (docs/protocol.md 10.3).
Gemini's ``thought_signature`` is such state: without it the next request is refused.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson

from proxy.convert.arguments import json_text
from proxy.convert.reasoning import SIGNATURE_PREFIX


def pack_tool_state(tool_id: str, extra_content: Mapping[str, Any]) -> str:
    """``data`` of the block that goes before the ``tool_use`` with ``tool_id``."""
    packed = json_text({"tool_call": tool_id, "extra_content": dict(extra_content)})
    return SIGNATURE_PREFIX + urlsafe_b64encode(packed.encode("utf-8", "replace")).decode()


def unpack_tool_state(data: str) -> tuple[str, dict[str, Any]] | None:
    """``(tool id, extra_content)`` from a block's ``data``; None when it is not ours."""
    if not data.startswith(SIGNATURE_PREFIX):
        return None
    try:
        packed = orjson.loads(urlsafe_b64decode(data.removeprefix(SIGNATURE_PREFIX)))
    except ValueError:
        return None
    if not isinstance(packed, dict):
        return None
    tool_id, extra_content = packed.get("tool_call"), packed.get("extra_content")
    if not isinstance(tool_id, str) or not isinstance(extra_content, dict):
        return None
    return tool_id, extra_content
