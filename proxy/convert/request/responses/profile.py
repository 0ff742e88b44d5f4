"""A profile as it applies to Responses.

Rule: flags that name something of Chat Completions alone get the value that is right here, so that the
shared converters need not know the protocol (docs/protocol.md 12.2).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from proxy.providers.profiles.base import Profile

CALL_ID_CHARS = 64
"""Longest ``call_id`` that upstreams accept."""


@lru_cache(maxsize=512)
def for_responses(profile: Profile) -> Profile:
    """``profile`` with the flags of Chat Completions' own forms switched off."""
    flags: dict[str, Any] = {
        "tool_id_chars": min(profile.tool_id_chars or CALL_ID_CHARS, CALL_ID_CHARS),
        "extra_content": False,
    }
    if profile.cache == "anthropic":
        flags["cache"] = None
    if profile.web_search == "options":
        flags["web_search"] = None
    if profile.prefill in ("prefix", "vllm") or profile.prefill_items == "error":
        # The fields that ask for a continuation do not exist here.
        flags["prefill"] = "error"
    if profile.reasoning_items == "auto":
        reasons = profile.thinking_style != "none"
        flags["reasoning_items"] = "encrypted" if reasons else "drop"
    return replace(profile, **flags)
