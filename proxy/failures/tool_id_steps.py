"""Refusals of tool call ids: too long, with characters that are not allowed, or not of Mistral's form.

Rule: a refusal counts only if it names the id of a call (``tool_calls[0].id``, ``tool_call_id``,
``tool_use.id``, ``toolUseId``) and the request contains calls (docs/protocol.md 1.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.failures.complaints import GAP, Refusal
from proxy.providers.profiles import Profile

SHORTEST_LIMIT = 9
"""Smallest number in a refusal that is read as the maximum length of an id, in characters."""

ID = (
    r"(?:tool_?calls?(?:\[\d+\]|\.\d+)?\W{0,3}(?:id\b|_id\b)|tool_?use\W{0,3}_?id\b"
    r"|tool[_ ]call[_ ]ids?\b)"
)
_LIMIT = re.compile(
    rf"{ID}{GAP}(?:too long|at most|less than or equal to|maximum|max_?length|longer than|exceed)"
    rf"\D{{0,80}}(\d{{1,5}})(?!\d)",
    re.DOTALL,
)
_PATTERN = re.compile(
    rf"{ID}{GAP}(?:match(?:es)? (?:the )?(?:regex|regular expression )?\W?pattern"
    r"|(?:satisfy|match) (?:the )?reg(?:ular|ex)|invalid characters?|contain only)",
    re.DOTALL,
)
_NINE = re.compile(
    rf"{ID}.{{0,300}}(?:must be a-z, a-z, 0-9, with a length of 9|\[a-za-z0-9\]\{{9\}})", re.DOTALL
)
"""Mistral's requirement. The text of a refusal is compared in lower case."""


def tool_id_flags(profile: Profile, body: Mapping[str, Any], refusal: Refusal) -> dict[str, object]:
    """The flags with which the ids of calls are accepted; empty for other refusals."""
    if not any(message.get("tool_calls") for message in body.get("messages", ())):
        return {}
    text = f"{refusal.param} {refusal.text}"
    if _NINE.search(text):
        return {"tool_id": "nine"}
    found = _LIMIT.search(text)
    if found is not None:
        limit = int(found[1])
        shorter = limit >= SHORTEST_LIMIT and limit < (profile.tool_id_chars or limit + 1)
        return {"tool_id_chars": limit} if shorter else {}
    if profile.tool_id == "keep" and _PATTERN.search(text):
        return {"tool_id": "safe"}
    return {}
