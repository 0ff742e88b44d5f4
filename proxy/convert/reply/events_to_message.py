"""Anthropic stream events -> the whole message.

Rule: the message equals that of a whole answer with the same content (docs/protocol.md 10.9).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.convert.reply.arguments import arguments_to_input
from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events import Event
from proxy.convert.reply.limits import Pause, no_pause
from proxy.convert.reply.usage import UsageEstimate, whole_usage
from proxy.sse import Chunk


class EventCollector:
    """Builds ``message`` from the events of a translator; ``pause`` as in ``read_arguments``."""

    def __init__(self, pause: Pause = no_pause) -> None:
        self._pause = pause
        self.message: dict[str, Any] = {}
        """The message so far; complete once ``message_stop`` was fed."""
        self._pieces: list[str] = []
        self._signature = ""

    def feed(self, events: Iterable[Event]) -> None:
        """Apply the next events, in order."""
        for event in events:
            kind = event["type"]
            if kind == "content_block_delta":
                self._take_delta(event["delta"])
            elif kind == "content_block_start":
                self.message["content"].append(dict(event["content_block"]))
            elif kind == "content_block_stop":
                self._complete_block(self.message["content"][-1])
            elif kind == "message_start":
                self.message = {**event["message"], "content": []}
            elif kind == "message_delta":
                self.message |= event["delta"]
                self.message["usage"] = whole_usage(event["usage"])
                if "context_management" in event:
                    self.message["context_management"] = event["context_management"]

    def _take_delta(self, delta: dict[str, Any]) -> None:
        kind = delta["type"]
        if kind == "signature_delta":
            self._signature = delta["signature"]
        elif kind == "citations_delta":
            self.message["content"][-1].setdefault("citations", []).append(delta["citation"])
        else:
            self._pieces.append(delta[_MEMBER_FOR_DELTA[kind]])

    def _complete_block(self, block: dict[str, Any]) -> None:
        said = "".join(self._pieces)
        self._pieces.clear()
        if block["type"] in ("tool_use", "server_tool_use"):
            self._pause()
            block["input"] = arguments_to_input(said, self._pause)
        elif block["type"] == "thinking":
            block["thinking"], block["signature"] = said, self._signature
        elif block["type"] == "text":
            block["text"] = said


_MEMBER_FOR_DELTA = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
"""The member of a delta that contains its text."""


def chunks_to_message(
    chunks: Iterable[Chunk],
    reply: ReplyContext,
    *,
    estimate: UsageEstimate | None = None,
    pause: Pause = no_pause,
) -> dict[str, Any]:
    """The message in a whole stream of chunks (docs/protocol.md 11: aggregated).

    Raises ``UpstreamError`` if the stream ends with that error.
    """
    translator = StreamTranslator(
        reply, request_id="", estimate=estimate, reads_on=True, pause=pause
    )
    collector = EventCollector(pause)
    for chunk in chunks:
        collector.feed(translator.feed(chunk))
        if translator.ended:
            break
    collector.feed(translator.finish())
    if translator.error is not None:
        raise translator.error
    return collector.message
