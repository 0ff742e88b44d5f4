"""Web searches that ran at the upstream, and the citations of what they found -> blocks of the client.

Rule: each search is a ``server_tool_use`` and a ``web_search_tool_result``. If the upstream does not list
what a search found, the result of the last such search names the addresses that the text cites; it is
written behind that text, at the latest at the end (docs/protocol.md, Responses, "Items").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.convert.reasoning_state import packed_item
from proxy.convert.reply.arguments import json_text
from proxy.convert.reply.content_parts import string_in
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.limits import MOST_PARTS
from proxy.convert.reply.reasoning import SIGNATURE_PREFIX
from proxy.convert.reply.responses.item_writer import Citation, ServerBlock
from proxy.convert.reply.responses.items import Item
from proxy.convert.reply.responses.part_reading import Event, PartReading

UNAVAILABLE = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
_ASKED = ("query", "url", "pattern")
"""Members of an action that say what was looked for, beside the list ``queries``."""
_FOUND = ("sources", "results")


class SearchReader:
    """The searches and citations of one answer."""

    __slots__ = ("_cited", "_pending", "_reply", "_shared", "count")

    def __init__(self, shared: PartReading, reply: ReplyContext) -> None:
        self._shared = shared
        self._reply = reply
        self._cited: dict[str, str] = {}
        """Titles of the addresses that the text cites, in their order."""
        self._pending: list[tuple[Item, str, Event]] = []
        """Searches without results: the item, the client's id, the upstream's item."""
        self.count = 0
        """Searches so far."""

    def complete(self, item: Item, sent: Event) -> None:
        """Write the search ``sent``; one that the client did not ask for is left out."""
        if not self._reply.web_search:
            self._shared.warnings["unexpected_item"] += 1
            return
        self.count += 1
        search_id = self._reply.new_search_id()
        call = {"type": "server_tool_use", "id": search_id, "name": "web_search", "input": {}}
        asked = json_text({"query": _query(sent)})
        self._shared.writer.write(item, ServerBlock(call, asked))
        found = _found(sent)
        if sent.get("status") == "failed":
            self._write(item, search_id, UNAVAILABLE)
        elif found:
            self._write(item, search_id, self._results(sent, found))
        else:
            self._pending.append((item, search_id, sent))

    def cite(self, item: Item, annotation: object) -> None:
        """Write ``annotation`` of the text of ``item``, if it cites an address."""
        if not self._reply.web_search or not isinstance(annotation, dict):
            return
        url = string_in(annotation, "url")
        if annotation.get("type") != "url_citation" or not url or len(self._cited) >= MOST_PARTS:
            return
        key = (url, str(annotation.get("start_index")), str(annotation.get("end_index")))
        if key in item.citations:
            return
        item.citations.add(key)
        title = string_in(annotation, "title")
        self._cited[url] = self._cited.get(url) or title
        location = {
            "type": "web_search_result_location",
            "url": url,
            "title": title or None,
            "cited_text": "",
            "encrypted_index": SIGNATURE_PREFIX,
        }
        self._shared.writer.write(item, Citation(location))

    def settle(self) -> None:
        """Write the pending results: the text that cites is complete, or the answer."""
        pending, self._pending = self._pending, []
        for place, (item, search_id, sent) in enumerate(pending, 1):
            found = dict(self._cited) if place == len(pending) else {}
            self._write(item, search_id, self._results(sent, found))

    def _write(self, item: Item, search_id: str, content: object) -> None:
        block = {"type": "web_search_tool_result", "tool_use_id": search_id, "content": content}
        self._shared.writer.write(item, ServerBlock(block))

    def _results(self, sent: Event, found: Mapping[str, str]) -> list[dict[str, Any]]:
        """The results at the addresses ``found``, with their titles; the first carries the state."""
        state = packed_item(self._reply.origin, _without_sources(sent))
        return [
            {
                "type": "web_search_result",
                "url": url,
                "title": title or self._cited.get(url) or url,
                "page_age": None,
                "encrypted_content": SIGNATURE_PREFIX if place else state,
            }
            for place, (url, title) in enumerate(found.items())
        ]


def annotations_in(part: Event) -> Iterable[object]:
    """The annotations of a whole part."""
    annotations = part.get("annotations")
    return annotations[:MOST_PARTS] if isinstance(annotations, list) else ()


def _action(sent: Event) -> Mapping[str, Any]:
    action = sent.get("action")
    return action if isinstance(action, dict) else {}


def _query(sent: Event) -> str:
    action = _action(sent)
    queries = action.get("queries")
    several = queries if isinstance(queries, list) else []
    asked = [string_in(action, "query"), *several, *(string_in(action, name) for name in _ASKED)]
    return next((text for text in asked if isinstance(text, str) and text), "")


def _found(sent: Event) -> dict[str, str]:
    """The addresses that the item lists, with their titles."""
    found: dict[str, str] = {}
    for source in (_action(sent).get(_FOUND[0]), sent.get(_FOUND[1])):
        for entry in source[:MOST_PARTS] if isinstance(source, list) else ():
            url = string_in(entry, "url") if isinstance(entry, dict) else ""
            if url:
                found[url] = found.get(url) or string_in(entry, "title")
    return found


def _without_sources(sent: Event) -> dict[str, Any]:
    kept = {name: sent[name] for name in ("type", "id", "status") if name in sent}
    action = {name: value for name, value in _action(sent).items() if name != _FOUND[0]}
    return {**kept, "action": action}
