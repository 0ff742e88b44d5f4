"""The ids of messages and tool calls that clients get.

Rule: these ids contain only letters, digits, ``_`` and ``-``, and are unique. Clients lose the result of a
tool call whose id was used before, so a repeated id is replaced (docs/protocol.md sections 3 and 10.2).
"""

from __future__ import annotations

import re

from proxy.convert.reply.carried_ids import CARRIER, LONGEST_IN_ID, can_be_carried, carrier_id
from proxy.convert.reply.context import ReplyContext

MAX_MESSAGE_ID = 64
SHORTEST_UNIQUE_ID = 12
"""Length from which an upstream's message id is assumed to be unique."""

_PREFIXES = ("chatcmpl-", "gen-", "resp_", "msg_")
_ODD = re.compile(r"[^A-Za-z0-9]+")
_TOOL_ID = re.compile(rf"(?!{CARRIER})[A-Za-z0-9_-]{{1,{LONGEST_IN_ID}}}")
"""Matches ids that clients get unchanged."""


def message_id(upstream_id: object, reply: ReplyContext) -> str:
    """``msg_`` + the alphanumeric characters of the upstream's id without its prefix; else a new id.

    A short id is not unique: Ollama draws from 999 numbers, and others always send the same. Claude Code
    merges two turns with the same id, so the characters of a new id are appended to a short one.
    """
    if isinstance(upstream_id, str):
        for prefix in _PREFIXES:
            upstream_id = upstream_id.removeprefix(prefix)
        plain = _ODD.sub("", upstream_id[:1000])[:MAX_MESSAGE_ID]
        if len(plain) >= SHORTEST_UNIQUE_ID:
            return f"msg_{plain}"
        return f"msg_{plain}{reply.new_message_id().removeprefix('msg_')}"
    return reply.new_message_id()


class AnswerToolIds:
    """Assigns the ids of one answer's tool calls."""

    __slots__ = ("_reply", "_taken")

    def __init__(self, reply: ReplyContext) -> None:
        self._reply = reply
        self._taken: set[str] = set()
        """The upstream's ids of the calls so far."""

    def take(self, upstream_id: str) -> str:
        """The client's id: ``upstream_id`` itself, an id that contains it, or a new id.

        A safe id that was used before is replaced by a new id. So is any id that this answer already
        used, because two calls cannot be mapped back to one id.
        """
        safe = _TOOL_ID.fullmatch(upstream_id) is not None
        used = upstream_id in self._taken or (safe and upstream_id in self._reply.known_tool_ids)
        self._taken.add(upstream_id)
        if safe and not used:
            return upstream_id
        fresh = self._reply.new_tool_id()
        return fresh if used or not can_be_carried(upstream_id) else carrier_id(upstream_id, fresh)
