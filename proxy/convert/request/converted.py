"""The result of converting a Messages request for an upstream protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from proxy.convert.reply.context import ReplyContext
from proxy.convert.request.drops import Drops


@dataclass(frozen=True, slots=True)
class ConvertedRequest:
    """The body to send, the context for converting its answer, and what was dropped."""

    api: Literal["chat", "responses"]
    """The upstream protocol: Chat Completions or Responses."""
    body: dict[str, Any]
    reply: ReplyContext
    drops: Drops
    client_agent: bool = False
    """Send the client's User-Agent in place of the proxy's."""
