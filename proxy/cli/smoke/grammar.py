"""The order of a stream's events in the Messages API (docs/protocol.md section 4).

Rule: pure, and strict: one open block at a time, indexes 0, 1, 2, ..., every block closed before
``message_delta``, and nothing after ``message_stop``. It shares no code with the translator. Events of
unknown types are ignored, as the API's documentation demands of clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DELTAS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text_delta", "citations_delta"}),
    "thinking": frozenset({"thinking_delta", "signature_delta"}),
    "redacted_thinking": frozenset(),
    "tool_use": frozenset({"input_json_delta"}),
    "server_tool_use": frozenset({"input_json_delta"}),
    "mcp_tool_use": frozenset({"input_json_delta"}),
}
"""Deltas of each kind of block; other kinds may have any."""
BODY_OF: Mapping[str, str] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
"""The text member of each kind of delta."""


class Violation(Exception):
    """What a message or a stream does that the Messages API forbids."""


class Grammar:
    """Checks the events of one stream in their order."""

    def __init__(self) -> None:
        self.events = 0
        """Events so far, pings and unknown ones included."""
        self.finished = False
        """Whether ``message_stop`` has come."""
        self._started = False
        self._delta_seen = False
        self._next = 0
        self._open: str | None = None

    def take(self, name: str, payload: Mapping[str, Any]) -> None:
        """Check one event: its name and its JSON; raises ``Violation``."""
        self.events += 1
        kind = payload.get("type")
        if name != kind:
            raise Violation(f"event {self.events} is named {name!r}, but its type is {kind!r}")
        if self.finished:
            raise Violation(f"{kind} after message_stop")
        if kind == "ping":
            return
        if kind == "error":
            raise Violation(self._error(payload.get("error")))
        step = _STEPS.get(kind)
        if step is None:
            return
        if not self._started and kind != "message_start":
            raise Violation(f"{kind} before message_start")
        step(self, payload)

    def end(self, *, cut: bool = False) -> None:
        """The stream has ended, ``cut``: inside its HTTP framing; raises ``Violation``."""
        if self.finished and not cut:
            return
        if self.finished:
            raise Violation("the connection was cut after message_stop, inside the HTTP answer")
        how = "was cut" if cut else "ended"
        what = "without an event" if not self.events else f"without message_stop after {self._told}"
        raise Violation(f"the stream {how} {what}")

    @property
    def _told(self) -> str:
        return "1 event" if self.events == 1 else f"{self.events} events"

    def _error(self, error: object) -> str:
        found = error if isinstance(error, dict) else {}
        before = self.events - 1
        return (
            f"the stream ended with an error after {before} event{'' if before == 1 else 's'}: "
            f"{found.get('type')}: {found.get('message')}"
        )

    def _message_start(self, payload: Mapping[str, Any]) -> None:
        if self._started:
            raise Violation("a second message_start")
        self._started = True
        message = payload.get("message")
        if not isinstance(message, dict):
            raise Violation("message_start holds no message")
        if message.get("content") != []:
            raise Violation("the message of message_start has content; it comes in blocks")
        if not isinstance(message.get("usage"), dict):
            raise Violation("the message of message_start has no usage")

    def _block_start(self, payload: Mapping[str, Any]) -> None:
        index, block = payload.get("index"), payload.get("content_block")
        if self._delta_seen:
            raise Violation(f"content_block_start for index {index} after message_delta")
        if self._open is not None:
            raise Violation(
                f"content_block_start for index {index} while {self._next - 1} is still open"
            )
        if index != self._next or isinstance(index, bool):
            raise Violation(f"content_block_start for index {index} where {self._next} is next")
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise Violation(f"content_block_start for index {index} without a content_block")
        self._open = block["type"]
        self._next += 1

    def _block_delta(self, payload: Mapping[str, Any]) -> None:
        delta = payload.get("delta")
        kind = delta.get("type") if isinstance(delta, dict) else None
        self._must_be_open("content_block_delta", payload.get("index"))
        allowed = DELTAS.get(self._open or "")
        if kind is None or (allowed is not None and kind not in allowed):
            raise Violation(f"{kind} in a block of type {self._open}")
        body = BODY_OF.get(kind)
        if body is not None and not isinstance(delta and delta.get(body), str):
            raise Violation(f"{kind} without its text {body!r}")

    def _block_stop(self, payload: Mapping[str, Any]) -> None:
        self._must_be_open("content_block_stop", payload.get("index"))
        self._open = None

    def _must_be_open(self, event: str, index: object) -> None:
        if self._open is None or index != self._next - 1 or isinstance(index, bool):
            raise Violation(f"{event} for index {index} which is not open")

    def _message_delta(self, payload: Mapping[str, Any]) -> None:
        if self._open is not None:
            raise Violation(f"message_delta while block {self._next - 1} is still open")
        if not isinstance(payload.get("delta"), dict):
            raise Violation("message_delta without a delta")
        if not isinstance(payload.get("usage"), dict):
            raise Violation("message_delta without usage")
        self._delta_seen = True

    def _message_stop(self, _: Mapping[str, Any]) -> None:
        if self._open is not None:
            raise Violation(f"message_stop while block {self._next - 1} is still open")
        if not self._delta_seen:
            raise Violation("message_stop without a message_delta before it")
        self.finished = True


_STEPS: Mapping[object, Any] = {
    "message_start": Grammar._message_start,
    "content_block_start": Grammar._block_start,
    "content_block_delta": Grammar._block_delta,
    "content_block_stop": Grammar._block_stop,
    "message_delta": Grammar._message_delta,
    "message_stop": Grammar._message_stop,
}
