"""Ids of requests, messages and tool calls.

Rule: a client's request id is used only if all its characters are safe in a log line and a header.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from collections import Counter
from contextvars import ContextVar

BASE62 = string.digits + string.ascii_letters
_CHARACTERS = bytes(ord(BASE62[byte % len(BASE62)]) for byte in range(256))
"""The character for each byte; the slightly uneven distribution does not matter for ids."""
_VALID = re.compile(r"[A-Za-z0-9._-]{8,128}")


class SeededIds:
    """The ids of one request that is recorded or replayed: the same ones for the same seed.

    Each prefix has a sequence of its own, so that one more id of a kind changes no others.
    """

    __slots__ = ("_drawn", "seed")

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self._drawn: Counter[str] = Counter()

    def draw(self, prefix: str) -> bytes:
        """24 bytes that follow from the seed, the prefix and the number of its ids so far."""
        self._drawn[prefix] += 1
        text = f"{self.seed}:{prefix}:{self._drawn[prefix]}"
        return hashlib.sha256(text.encode()).digest()[:24]


SEEDED: ContextVar[SeededIds | None] = ContextVar("seeded_ids", default=None)
"""The source of the present request's ids; None: they are random."""


def random_id(prefix: str) -> str:
    """``prefix`` and 24 random base62 characters."""
    seeded = SEEDED.get()
    drawn = secrets.token_bytes(24) if seeded is None else seeded.draw(prefix)
    return prefix + drawn.translate(_CHARACTERS).decode("ascii")


def new_tool_id() -> str:
    """A new ``toolu_`` id: 24 random base62 characters."""
    return random_id("toolu_")


def new_search_id() -> str:
    """A new ``srvtoolu_`` id: 24 random base62 characters."""
    return random_id("srvtoolu_")


def new_message_id() -> str:
    """A new ``msg_`` id: 24 random base62 characters."""
    return random_id("msg_")


def new_request_id() -> str:
    """A new ``req_`` id: 24 random base62 characters (docs/protocol.md section 5)."""
    return random_id("req_")


def correlation_id(inbound: str | None, request_id: str) -> str:
    """``x-request-id`` for the answer, the log and the upstream: the client's if it is valid."""
    if inbound and _VALID.fullmatch(inbound):
        return inbound
    return request_id
