"""Ids of messages and tool calls in an answer.

Rule: ids that clients get are plain and unique. A client loses the result of a tool call whose id
was used before, so a reused one is replaced (docs/protocol.md sections 3 and 10.2).
"""

from __future__ import annotations

import re

from proxy.convert.reply.context import ReplyContext

MAX_MESSAGE_ID = 64
SHORTEST_UNIQUE_ID = 12
"""Characters of a message id that is taken to be unique."""
MAX_TOOL_ID = 40
"""Longest tool call id that upstreams take back."""

_PREFIXES = ("chatcmpl-", "gen-", "msg_")
_ODD = re.compile(r"[^A-Za-z0-9]+")
_TOOL_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_TOOL_ID}}}")


def message_id(upstream_id: object, reply: ReplyContext) -> str:
    """``msg_`` + what is alphanumeric in the upstream's id without its prefix; else a fresh id.

    A short id is no id of its own: Ollama draws from 999 numbers, others always say the same.
    Claude Code makes one turn of two that share an id, so a fresh one's characters follow it.
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
    """Hands out the ids of one answer's tool calls."""

    __slots__ = ("_reply", "_used")

    def __init__(self, reply: ReplyContext) -> None:
        self._reply = reply
        self._used: set[str] = set()

    def take(self, upstream_id: str) -> str:
        """``upstream_id`` where a client can use it, else a fresh one."""
        tool_id = upstream_id
        if not _TOOL_ID.fullmatch(tool_id) or self._is_used(tool_id):
            tool_id = self._reply.new_tool_id()
        self._used.add(tool_id)
        return tool_id

    def _is_used(self, tool_id: str) -> bool:
        return tool_id in self._used or tool_id in self._reply.known_tool_ids
