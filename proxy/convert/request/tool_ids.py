"""Tool call ids in the form that an upstream accepts.

Rule: a call and its result get the same id, which is the same in every request, and ids are unique.
Profile flag ``tool_id``: ``keep`` sends the client's id, ``nine`` nine alphanumeric characters
(docs/protocol.md 10.11).
"""

from __future__ import annotations

import re
from hashlib import sha1
from typing import Literal

from proxy.ids import BASE62

_NINE = re.compile(r"[A-Za-z0-9]{9}")


class ToolIds:
    """The tool call ids of one request's history."""

    __slots__ = ("_nine", "_sent", "_taken")

    def __init__(self, form: Literal["keep", "nine"] = "keep") -> None:
        self._nine = form == "nine"
        self._sent: dict[str, str] = {}
        self._taken: set[str] = set()

    def sent(self, tool_id: str) -> str:
        """The id that is sent upstream for the client's ``tool_id``."""
        known = self._sent.get(tool_id)
        if known is not None:
            return known
        sent = self._nine_for(tool_id) if self._nine else tool_id
        self._sent[tool_id] = sent
        return sent

    def _nine_for(self, tool_id: str) -> str:
        sent = tool_id
        attempt = 0
        while sent in self._taken or not _NINE.fullmatch(sent):
            sent = _nine_characters(f"{tool_id}\0{attempt}" if attempt else tool_id)
            attempt += 1
        self._taken.add(sent)
        return sent

    def known(self) -> frozenset[str]:
        """Every id in the history: the client's ids and those that are sent."""
        return frozenset(self._sent) | self._taken


def _nine_characters(text: str) -> str:
    digest = sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    number = int.from_bytes(digest)
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(BASE62))
        digits.append(BASE62[digit])
    return "".join(digits)
