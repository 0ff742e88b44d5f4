"""Removes thinking that this proxy signed from requests to native upstreams.

Rule: a native upstream verifies signatures and refuses a request with one that is not its own; this
proxy's signatures begin with ``cp1.`` (docs/protocol.md sections 8 and 10.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import is_
from typing import Any

from proxy.convert.reply.reasoning import SIGNATURE_PREFIX
from proxy.convert.request.drops import Drops
from proxy.relay.native.own_compaction import with_summary_as_text
from proxy.relay.native.own_searches import with_searches_as_text

_SIGNED_IN = {"thinking": "signature", "redacted_thinking": "data"}
_MARK = SIGNATURE_PREFIX.encode()


def may_hold_own_thinking(body: bytes) -> bool:
    """Whether ``body`` may contain a signature of this proxy; false for almost every request."""
    return _MARK in body


def without_own_thinking(request: Mapping[str, Any], drops: Drops) -> dict[str, Any] | None:
    """``request`` without the thinking blocks that this proxy signed.

    Messages without other content are removed; a summary of this proxy and a search of its answers become
    text. None if there is no such block. Other members are the same objects as before.
    """
    turns = request.get("messages")
    if type(turns) is not list:
        return None
    told = with_summary_as_text(turns, drops)
    kept = [left for turn in told if (left := _without(turn, drops)) is not None]
    if len(kept) == len(turns) and all(map(is_, kept, turns)):
        return None
    return {**request, "messages": kept}


def _without(turn: object, drops: Drops) -> object | None:
    """The turn itself, a copy without this proxy's blocks, or None if no block is left."""
    if type(turn) is not dict or type(turn.get("content")) is not list:
        return turn
    turn = with_searches_as_text(turn, drops)
    blocks = turn["content"]
    kept = [block for block in blocks if not _is_ours(block)]
    if len(kept) == len(blocks):
        return turn
    for block in blocks:
        if _is_ours(block):
            drops.drop(block["type"])
    return {**turn, "content": kept} if kept else None


def _is_ours(block: object) -> bool:
    if type(block) is not dict:
        return False
    kind = block.get("type")
    where = _SIGNED_IN.get(kind) if type(kind) is str else None
    signed = None if where is None else block.get(where)
    return type(signed) is str and signed.startswith(SIGNATURE_PREFIX)
