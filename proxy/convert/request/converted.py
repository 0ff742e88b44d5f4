"""What converting a Messages request for an upstream protocol returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from proxy.convert.reply.context import ReplyContext
from proxy.convert.request.drops import Drops


@dataclass(frozen=True, slots=True)
class ConvertedRequest:
    """The body to send, what its answer is read with, and what could not be converted."""

    api: Literal["chat"]
    """The upstream protocol: ``chat`` is Chat Completions."""
    body: dict[str, Any]
    reply: ReplyContext
    drops: Drops
