"""Which choice of an answer counts (docs/protocol.md section 3)."""

from __future__ import annotations

from typing import Any

from proxy.convert.reply.chat_to_message import chat_to_message
from tests.convert.chunk_builders import body, reply, translated


def choice(index: int, part: str, content: str) -> dict[str, Any]:
    """A whole choice; ``part`` is ``message`` or ``delta``."""
    return {"index": index, part: {"content": content}, "finish_reason": "stop"}


def test_other_choices_are_ignored() -> None:
    answer = {"choices": [choice(0, "message", "first"), choice(1, "message", "second")]}
    assert chat_to_message(answer, reply())["content"] == [{"type": "text", "text": "first"}]


def test_other_choices_of_a_chunk_are_ignored() -> None:
    chunk = {"choices": [choice(1, "delta", "second"), choice(0, "delta", "first")]}
    assert body(translated([chunk])) == ["0 text", "text_delta first", "0 stop", "end end_turn"]
