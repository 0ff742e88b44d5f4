"""Prefill: the items end with an assistant message that the model must continue.

Rule: the message is sent as the last item, without white space at its end, or the request is refused; no
field asks for the continuation (docs/protocol.md 12.2).
"""

from __future__ import annotations

from proxy.convert.request.prefill import REFUSAL
from proxy.convert.request.responses.parts import Item
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile


def prefilled(items: list[Item], profile: Profile) -> bool:
    """Whether ``items`` end with the assistant; a blank message there is removed.

    Raises InvalidRequest if the upstream does not support prefill.
    """
    while items and _is_blank(items[-1]):
        items.pop()
    if not items or not _is_assistants(items[-1]):
        return False
    if profile.prefill == "error":
        raise InvalidRequest(REFUSAL)
    return True


def _is_blank(item: Item) -> bool:
    """Whether ``item`` says nothing; the end of a message that does is trimmed."""
    if item["type"] == "reasoning":
        # What it led to was removed.
        return True
    if item.get("role") != "assistant":
        return False
    item["content"] = item["content"].rstrip()
    return not item["content"]


def _is_assistants(item: Item) -> bool:
    return item["type"] in ("function_call", "web_search_call") or item.get("role") == "assistant"
