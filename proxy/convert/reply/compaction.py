"""The ``compaction`` block of an answer: built from a summary, and placed first in the answer.

Rule: ``usage.iterations`` lists the upstream calls of the answer. Only this list contains the tokens of
the call for the summary (Anthropic's ``BetaIterationsUsage``; docs/protocol.md 1.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.convert.compaction_seal import sealed
from proxy.convert.reply.chat_to_message import block_events, empty_message
from proxy.convert.reply.events import Event
from proxy.convert.reply.usage import INPUT_COUNTS

Message = dict[str, Any]

_BEGIN, _END = "<summary>", "</summary>"
_COMPLETE = ("end_turn", "stop_sequence")
_ITERATION_COUNTS = (*INPUT_COUNTS, "output_tokens", "cache_creation")
_BLOCK_EVENTS = frozenset({"content_block_start", "content_block_delta", "content_block_stop"})


def summary_in(message: Mapping[str, Any]) -> str | None:
    """The summary in a message; None if the answer is truncated, a refusal, empty or a tool call.

    The summary is the text between ``<summary>`` tags; without the tags it is the whole text.
    """
    if message["stop_reason"] not in _COMPLETE:
        return None
    text = "".join([block["text"] for block in message["content"] if block["type"] == "text"])
    begin, end = text.find(_BEGIN), text.rfind(_END)
    if 0 <= begin < end:
        text = text[begin + len(_BEGIN) : end]
    return text.strip() or None


def compaction_block(
    summary: str | None, changes: Sequence[Mapping[str, Any]], tools: Iterable[str] = ()
) -> dict[str, Any]:
    """The block for ``summary``; if it is None, the block for a failed compaction (null content).

    ``changes``: the tool changes in the summarized turns; ``tools``: the names of tools that these use.
    """
    if summary is None:
        return {"type": "compaction", "content": None, "encrypted_content": None}
    return {
        "type": "compaction",
        "content": summary,
        "encrypted_content": None,
        "signature": sealed(summary, tools),
        "tool_changes": list(changes),
    }


@dataclass(frozen=True, slots=True)
class Preface:
    """A compaction block that begins an answer, and the usage of the call that wrote it."""

    block: Mapping[str, Any]
    usage: Mapping[str, Any]
    context_management: Mapping[str, Any] | None = None
    """The context edits of that call, for an answer that is only the block."""

    def alone(self, model: str) -> Message:
        """The message of an answer that contains only the block."""
        message = empty_message(model, stop_reason="compaction")
        message["content"] = [dict(self.block)]
        message["usage"]["iterations"] = [_iteration("compaction", self.usage)]
        if self.context_management is not None:
            message["context_management"] = self.context_management
        return message

    def before(self, message: Message) -> Message:
        """``message`` with the block inserted as its first one."""
        return {
            **message,
            "content": [dict(self.block), *message["content"]],
            "usage": self._with_iterations(message["usage"]),
        }

    def before_events(self, stream: Iterable[Event]) -> list[Event]:
        """The events of ``stream``, a part of an answer, with the block after ``message_start``."""
        out: list[Event] = []
        for event in stream:
            kind = event["type"]
            if kind in _BLOCK_EVENTS:
                out.append({**event, "index": event["index"] + 1})
                continue
            if kind == "message_delta":
                event = {**event, "usage": self._with_iterations(event["usage"])}
            out.append(event)
            if kind == "message_start":
                out += block_events(0, self.block)
        return out

    def _with_iterations(self, usage: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **usage,
            "iterations": [_iteration("compaction", self.usage), _iteration("message", usage)],
        }


def _iteration(kind: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: usage[name] for name in _ITERATION_COUNTS if name in usage}
    return {"type": kind, **counts}
