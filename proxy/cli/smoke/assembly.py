"""The message that a stream's events describe, as a client puts it together.

Rule: pure. The events have passed ``Grammar``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from proxy.cli.smoke.grammar import BODY_OF, Violation


class Assembly:
    """Collects the events of one stream."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        """The message so far, as a whole answer has it."""
        self._pieces: list[str] = []
        self._broken: str | None = None

    def finished(self) -> dict[str, Any]:
        """The whole message; raises ``Violation`` if the input of a call is not JSON.

        Where the output limit cut a call, its input is empty.
        """
        if self._broken is not None and self.message.get("stop_reason") != "max_tokens":
            raise Violation(self._broken)
        return self.message

    def take(self, payload: Mapping[str, Any]) -> None:
        """Add one event."""
        kind = payload["type"]
        if kind == "message_start":
            self.message = dict(payload["message"], content=[])
        elif kind == "content_block_start":
            self.message["content"].append(dict(payload["content_block"]))
            self._pieces = []
        elif kind == "content_block_delta":
            self._add(payload["delta"])
        elif kind == "content_block_stop":
            self._close(self.message["content"][-1])
        elif kind == "message_delta":
            self.message |= payload["delta"]
            told = {name: count for name, count in payload["usage"].items() if count is not None}
            self.message["usage"] = {**self.message["usage"], **told}

    def _add(self, delta: Mapping[str, Any]) -> None:
        member = BODY_OF.get(delta["type"])
        if member == "partial_json":
            self._pieces.append(delta[member])
        elif member is not None:
            block = self.message["content"][-1]
            block[member] = f"{block.get(member) or ''}{delta[member]}"

    def _close(self, block: dict[str, Any]) -> None:
        text = "".join(self._pieces)
        if not text:
            return
        try:
            block["input"] = json.loads(text)
        except ValueError:
            size = f"{len(text)} character{'' if len(text) == 1 else 's'}"
            self._broken = f"the streamed input of {block.get('name')} is not JSON ({size})"
