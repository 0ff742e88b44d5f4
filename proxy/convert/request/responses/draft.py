"""The items of one assistant turn under construction.

Rule: blocks become items in block order. Reasoning stays only in front of an item that it led to, and a
search only together with its reasoning (docs/protocol.md 12.2, 12.5).
"""

from __future__ import annotations

from proxy.convert.request.assistant_draft import AssistantDraft
from proxy.convert.request.parts import Block, ChatMessage, TurnContext
from proxy.convert.request.responses.carried import CarriedState
from proxy.convert.request.responses.parts import Item


class ItemDraft(AssistantDraft):
    """The items so far; text that follows text becomes part of the same message."""

    __slots__ = ("_items", "_lost", "_speaks", "carried")

    def __init__(self, context: TurnContext, carried: CarriedState) -> None:
        super().__init__(context)
        self.carried = carried
        self._items: list[Item] = []
        self._speaks = False
        """Whether ``_items`` has more than reasoning."""
        self._lost = False
        """Whether reasoning was left out directly before what comes next."""

    @property
    def is_empty(self) -> bool:
        return not self._texts and not self._speaks

    def add_call(self, item: Item) -> None:
        self.calls.append(item)
        self._add(item)

    def add_reasoning(self, item: Item | None) -> bool:
        """Add a reasoning item; False for None, which is one that the upstream does not get."""
        if item is None:
            self._lost = True
            return False
        self._close_text()
        self._items.append(item)
        return True

    def add_search(self, call_id: str) -> bool:
        """Add the search with the client's ``call_id``; False if it must become text."""
        searches = self.carried.searches
        if call_id not in searches:
            return False
        item = searches[call_id]
        if item is None or self._lost:
            # Half of a pair is refused.
            searches[call_id] = None
            self._drop_reasoning()
            return False
        self._add(item)
        return True

    def add_text(self, text: str) -> None:
        self._lost = False
        super().add_text(text)

    def add_aside(self, text: str, block: Block) -> None:
        self._lost = False
        super().add_aside(text, block)

    def add_to(self, messages: list[ChatMessage]) -> None:
        self._drop_reasoning()
        if self.marker:
            # A string has no place for it, and the array form of an answer needs ids.
            self.context.drops.routine("cache_control")
        if self.context.profile.phase:
            self._add_phases()
        messages += self._items

    def _add(self, item: Item) -> None:
        self._close_text()
        self._items.append(item)
        self._speaks, self._lost = True, False

    def _close_text(self) -> None:
        if self._texts:
            content = "".join(self._texts)
            self._items.append({"type": "message", "role": "assistant", "content": content})
            self._texts, self._after_aside, self._speaks = [], False, True

    def _drop_reasoning(self) -> None:
        """Remove the reasoning at the end, which no item follows."""
        self._close_text()
        while self._items and self._items[-1]["type"] == "reasoning":
            self._items.pop()
            self.context.drops.routine("thinking")

    def _add_phases(self) -> None:
        phase = "final_answer"
        for item in reversed(self._items):
            if item["type"] == "function_call":
                phase = "commentary"
            elif item["type"] == "message":
                item["phase"] = phase
