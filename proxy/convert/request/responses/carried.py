"""Reasoning and searches of earlier answers -> the items that their upstream takes back.

Rule: an item goes back as it came or not at all. Encrypted content goes only to the host that made it,
and never once that host refused it; its text is never replayed as speech (docs/protocol.md 12.5).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from hashlib import sha256
from typing import Any

from proxy.convert.reasoning_state import (
    ReasoningState,
    unpacked_item,
    unpacked_state,
)
from proxy.convert.reply.private_state import unpack_detail
from proxy.convert.reply.reasoning import SIGNATURE_PREFIX
from proxy.convert.request.parts import Block
from proxy.convert.request.responses.parts import Item
from proxy.failures.response_state import state_key
from proxy.providers.profiles.base import Profile

SEARCH_RESULT = "web_search_tool_result"
SEARCH_ITEM = "web_search_call"


class CarriedState:
    """Decides which state of one request's history its upstream gets back."""

    __slots__ = ("_form", "_origin", "_refused", "_with_id", "searches")

    def __init__(
        self, profile: Profile, origin: str, refused: Container[str] = frozenset()
    ) -> None:
        self._form = profile.reasoning_items
        self._with_id = profile.reasoning_ids == "send"
        self._origin = origin
        self.searches: dict[str, Item | None] = {}
        """The noted searches by the ids of their calls; None: it becomes text."""
        self._refused = refused

    def of_thinking(self, thinking: str, signature: str) -> Item | None:
        """The item for a thinking block; None if the upstream gets none."""
        if self._form == "text":
            return _text_item(thinking, signature)
        return self.of_data(signature)

    def of_data(self, data: str) -> Item | None:
        """The item for the state in a signature or in the data of a ``redacted_thinking`` block."""
        if self._form != "encrypted":
            return None
        state = unpacked_state(data)
        if state is None or state.origin != self._origin or self._is_refused(state):
            return None
        item: Item = {"type": "reasoning"}
        if self._with_id and state.item_id:
            item["id"] = state.item_id
        return {**item, "summary": [], "encrypted_content": state.encrypted}

    def note_searches(self, content: Sequence[Block]) -> None:
        """Note the search items of ``content``, which stand in the results, behind their calls."""
        for block in content:
            if block["type"] == SEARCH_RESULT:
                data = _search_data(block.get("content"))
                state = unpacked_item(data) if data else None
                if state is not None and state[1].get("type") == SEARCH_ITEM:
                    usable = self._form == "encrypted" and state[0] == self._origin
                    self.searches[block["tool_use_id"]] = state[1] if usable else None

    def is_search(self, call_id: str) -> bool:
        """Whether the search with the client's ``call_id`` is sent as an item."""
        return self.searches.get(call_id) is not None

    def _is_refused(self, state: ReasoningState) -> bool:
        return bool(self._refused) and state_key(state.encrypted) in self._refused


def _text_item(thinking: str, signature: str) -> Item | None:
    """Plain reasoning, for upstreams that show it; text of another maker's model is left out."""
    if signature and not signature.startswith(SIGNATURE_PREFIX):
        return None
    # If the text was not shown to the client, only the signature contains it.
    text = thinking or (unpack_detail(signature) or {}).get("text")
    if not text:
        return None
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    content = [{"type": "reasoning_text", "text": text}]
    return {"type": "reasoning", "id": f"rs_{digest}", "summary": [], "content": content}


def _search_data(content: Any) -> str | None:
    first = content[0] if isinstance(content, list) and content else None
    data = first.get("encrypted_content") if isinstance(first, dict) else None
    return data if isinstance(data, str) else None
