"""Which item an event of a Responses stream is about.

Rule: an event names its item by ``output_index``, ``item_id`` or ``call_id``; each value that was seen
with an item names it from then on. Without any of them it is the item of that kind that was added last and
is not done. Some servers send the same ``output_index`` for all items, others a new ``item_id`` with each
event (docs/protocol.md, Responses, "Which item").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from typing import Any

from proxy.convert.reply.content_parts import string_in
from proxy.convert.reply.limits import MOST_PARTS, too_many
from proxy.convert.reply.responses.items import Item, ItemKind

Key = tuple[str, int | str]
MOST_TRIED = 32
"""Items of a kind, the last ones, that an event without a known key may be about."""
MOST_KEYS = 3 * MOST_PARTS
"""Keys that are kept: GitHub Copilot sends a new ``item_id`` with each event."""


class ItemTable:
    """The items of one answer."""

    __slots__ = ("_by_key", "_of_kind", "_shared", "items")

    def __init__(self) -> None:
        self.items: list[Item] = []
        """In order of arrival."""
        self._of_kind: defaultdict[ItemKind, list[Item]] = defaultdict(list)
        self._by_key: dict[Key, Item] = {}
        self._shared: set[Key] = set()
        """Keys that named several items, so that others are asked first."""

    def added(self, event: Mapping[str, Any], sent: Mapping[str, Any], kind: ItemKind) -> Item:
        """The item that ``event`` adds; the known one if it was added before."""
        keys = _keys(event, sent)
        for key in keys:
            item = self._by_key.get(key)
            if item is None or item.kind != kind or item.done:
                continue
            if key[0] != "output_index" or not _differ(item, sent):
                return self._named(item, keys)
        return self._named(self._new(kind), keys)

    def find(
        self, event: Mapping[str, Any], kind: ItemKind, sent: Mapping[str, Any] | None = None
    ) -> Item:
        """The item of ``event``; a new one if its keys are not known. ``sent``: the item in the event.

        Raises ``UpstreamError`` for more than MOST_PARTS items.
        """
        keys = _keys(event, sent or {})
        if self._shared:
            keys.sort(key=self._shared.__contains__)
        for key in keys:
            item = self._by_key.get(key)
            if item is not None and item.kind == kind:
                return item if len(keys) == 1 else self._named(item, keys)
        item = self._last(kind, keys)
        return self._named(self._new(kind) if item is None else item, keys)

    def known(self, sent: Mapping[str, Any], kind: ItemKind) -> Item | None:
        """The item that ``sent``, an item of the whole answer, names by its ids; None if there is none."""
        for key in reversed(_keys({}, sent)):
            item = self._by_key.get(key)
            if item is not None and item.kind == kind:
                return item
        return None

    def note(self, item: Item, sent: Mapping[str, Any]) -> None:
        """Note the ids of ``item`` in ``sent``, its whole form."""
        self._named(item, _keys({}, sent))

    def new(self, sent: Mapping[str, Any], kind: ItemKind) -> Item:
        """Begin an item that no event told of."""
        return self._named(self._new(kind), _keys({}, sent))

    def _new(self, kind: ItemKind) -> Item:
        if len(self.items) == MOST_PARTS:
            raise too_many("items", MOST_PARTS)
        item = Item(len(self.items), kind)
        self.items.append(item)
        self._of_kind[kind].append(item)
        return item

    def _last(self, kind: ItemKind, keys: list[Key]) -> Item | None:
        """The last item of ``kind`` in progress that may have ``keys``, none of which is known."""
        for item in islice(reversed(self._of_kind[kind]), MOST_TRIED):
            if not item.done and not any(_has(item, key[0]) for key in keys):
                return item
        return None

    def _named(self, item: Item, keys: list[Key]) -> Item:
        for key in keys:
            known = self._by_key.get(key)
            if known is item:
                continue
            if known is not None and known.kind == item.kind:
                self._shared.add(key)
            if known is not None or len(self._by_key) < MOST_KEYS:
                self._by_key[key] = item
            kind, value = key
            if kind == "output_index" and item.index is None:
                item.index = int(value)
            elif kind == "item_id" and not item.id:
                item.id = str(value)
            elif kind == "call_id" and not item.call_id:
                item.call_id = str(value)
        return item


def _keys(event: Mapping[str, Any], sent: Mapping[str, Any]) -> list[Key]:
    keys: list[Key] = []
    index = event.get("output_index")
    if index.__class__ is int:
        keys.append(("output_index", index))
    item_id = string_in(event, "item_id") or string_in(sent, "id")
    if item_id:
        keys.append(("item_id", item_id))
    call_id = string_in(event, "call_id") or string_in(sent, "call_id")
    if call_id:
        keys.append(("call_id", call_id))
    return keys


def _has(item: Item, key: str) -> bool:
    if key == "output_index":
        return item.index is not None
    return bool(item.id if key == "item_id" else item.call_id)


def _differ(item: Item, sent: Mapping[str, Any]) -> bool:
    """Whether ``sent`` has another id than ``item``, so that both share an ``output_index``."""
    call_id, item_id = string_in(sent, "call_id"), string_in(sent, "id")
    if item.call_id and call_id:
        return call_id != item.call_id
    return bool(item.id and item_id and item.id != item_id)
