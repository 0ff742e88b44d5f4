"""Searches of an earlier Responses upstream -> text, in requests to native upstreams.

Rule: a native upstream verifies the encrypted contents of search results and citations, and refuses those
of this proxy, which begin with ``cp1.`` (docs/protocol.md section 8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.reply.arguments import json_text
from proxy.convert.reply.reasoning import SIGNATURE_PREFIX
from proxy.convert.request.drops import Drops

RESULT = "web_search_tool_result"
CALL = "server_tool_use"


def with_searches_as_text(turn: Mapping[str, Any], drops: Drops) -> Mapping[str, Any]:
    """``turn``, whose content is a list, with the searches of this proxy's own answers as text.

    Returns ``turn`` itself if it has none. Citations of such searches are left out.
    """
    blocks = turn["content"]
    ids = [block.get("tool_use_id") for block in blocks if _is_our_result(block)]
    searches = {each for each in ids if type(each) is str}
    kept = [_told(block, searches, drops) for block in blocks]
    if all(new is old for new, old in zip(kept, blocks, strict=True)):
        return turn
    return {**turn, "content": kept}


def _told(block: Any, searches: set[str], drops: Drops) -> Any:
    if type(block) is not dict:
        return block
    if block.get("type") == "text":
        return _without_our_citations(block, drops)
    call_id = block.get("id") if block.get("type") == CALL else None
    if type(call_id) is str and call_id in searches:
        drops.degrade(CALL, "text")
        called = json_text(block.get("input"))
        return {"type": "text", "text": f"[called {block.get('name')} with {called}]"}
    if _is_our_result(block):
        drops.degrade(RESULT, "text")
        lines = [f"{hit.get('title') or 'untitled'} – {hit.get('url')}" for hit in _hits(block)]
        return {"type": "text", "text": "\n".join(["[web_search result]", *lines])}
    return block


def _is_our_result(block: Any) -> bool:
    if type(block) is not dict or block.get("type") != RESULT:
        return False
    return any(_is_ours(hit.get("encrypted_content")) for hit in _hits(block))


def _hits(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = block.get("content")
    return [hit for hit in content if type(hit) is dict] if type(content) is list else []


def _without_our_citations(block: dict[str, Any], drops: Drops) -> dict[str, Any]:
    citations = block.get("citations")
    if type(citations) is not list:
        return block
    theirs = [
        each
        for each in citations
        if type(each) is not dict or not _is_ours(each.get("encrypted_index"))
    ]
    if len(theirs) == len(citations):
        return block
    drops.routine("citations")
    left = {name: value for name, value in block.items() if name != "citations"}
    return {**left, "citations": theirs} if theirs else left


def _is_ours(value: object) -> bool:
    return type(value) is str and value.startswith(SIGNATURE_PREFIX)
