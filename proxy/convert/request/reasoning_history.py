"""Thinking of earlier answers -> the form that the upstream accepts in a history.

Rule: the profile's ``reasoning_history`` names the form; with ``drop``, thinking is left out
(docs/protocol.md 10.3).
"""

from __future__ import annotations

from typing import Any, Literal

from proxy.convert.reply.private_state import unpack_detail
from proxy.convert.reply.reasoning import SIGNATURE_PREFIX
from proxy.convert.reply.spellings import STATE_MEMBERS


class ReasoningHistory:
    """The reasoning of one assistant message."""

    __slots__ = ("_details", "_form", "_members", "_texts")

    def __init__(
        self, form: Literal["drop", "reasoning_content", "reasoning_text", "details"]
    ) -> None:
        self._form = form
        self._texts: list[str] = []
        self._details: list[dict[str, Any]] = []
        self._members: dict[str, Any] = {}

    def add_thinking(self, thinking: str, signature: str) -> bool:
        """Add a thinking block; False if the upstream accepts none."""
        packed = unpack_detail(signature) if signature.startswith(SIGNATURE_PREFIX) else None
        if self._form == "details":
            self._add_text_detail(packed or _signed_detail(signature), thinking)
        elif self._form != "drop":
            # If the text was not shown to the client, only the signature contains it.
            text = thinking or (packed or {}).get("text")
            if text:
                self._texts.append(text)
        else:
            return False
        return True

    def add_detail(self, detail: dict[str, Any]) -> bool:
        """Add an item of ``reasoning_details``; False if the upstream accepts none."""
        if self._form != "details":
            return False
        self._details.append(detail)
        return True

    def add_members(self, members: dict[str, Any]) -> bool:
        """Add private state from members of the message; False if the upstream accepts none."""
        if self._form != "reasoning_text":
            return False
        self._members |= {name: members[name] for name in STATE_MEMBERS if name in members}
        return True

    def fields(self) -> dict[str, Any]:
        """The members of the assistant message that contain the reasoning."""
        fields: dict[str, Any] = {}
        if self._texts:
            fields[self._form] = "\n\n".join(self._texts)
        if self._details:
            fields["reasoning_details"] = self._details
        return fields | self._members

    def _add_text_detail(self, detail: dict[str, Any], thinking: str) -> None:
        readable = "summary" if detail.get("type") == "reasoning.summary" else "text"
        detail[readable] = thinking or detail.pop("text", "")
        if detail[readable] or "signature" in detail:
            self._details.append(detail)


def _signed_detail(signature: str) -> dict[str, Any]:
    """An item without text; a signature of this proxy is left out, as it is not the upstream's."""
    detail = {"type": "reasoning.text"}
    if signature and not signature.startswith(SIGNATURE_PREFIX):
        detail["signature"] = signature
    return detail
