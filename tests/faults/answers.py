"""The responses that faults are put into: their pieces, and what a client has received after each.

Rule: written by hand from docs/protocol.md sections 3, 4 and 8. One stream holds every kind of event,
so "after X" means the same place in every row of the matrix.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.upstream_stub import chunk, completion, tool_call, usage_chunk

PROMPT = "Hi"
REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": PROMPT}],
}
NATIVE_REQUEST = {**REQUEST, "model": "mine"}
"""``mine`` is the client's name for ``claude-up``: the one event that names it has to be changed."""

HEAD = "the head"
MEGABYTES = "x" * 5_000_000


@dataclass(frozen=True)
class Piece:
    """One event, or one part of a whole body. A phase is named after the piece before it."""

    name: str
    data: bytes
    events: tuple[str, ...] = ()
    """What the client gets for it; of a native stream the event itself."""


def data_line(item: object) -> bytes:
    return f"data: {json.dumps(item)}\n\n".encode()


DONE = b"data: [DONE]\n\n"
TOOL = "call_1"

CHAT: tuple[Piece, ...] = (
    Piece("the role chunk", data_line(chunk(role="assistant")), ("message_start", "ping")),
    Piece(
        "reasoning",
        data_line(chunk(reasoning_content="Hm")),
        ("start 0 thinking", "thinking 0 'Hm'"),
    ),
    Piece(
        "a text delta",
        data_line(chunk(content="Hello")),
        ("signature 0", "stop 0", "start 1 text", "text 1 'Hello'"),
    ),
    Piece(
        "a tool call's start",
        data_line(chunk(tool_calls=[tool_call(0, "", id=TOOL, name="look")])),
        ("stop 1", "start 2 tool_use look"),
    ),
    Piece(
        "half its arguments",
        data_line(chunk(tool_calls=[tool_call(0, '{"a": ')])),
        ("arguments 2 '{\"a\": '",),
    ),
    Piece(
        "its arguments",
        data_line(chunk(tool_calls=[tool_call(0, "1}")])),
        ("arguments 2 '1}'",),
    ),
    Piece("the finish reason", data_line(chunk("tool_calls"))),
    Piece("usage", data_line(usage_chunk())),
    Piece("[DONE]", DONE, ("stop 2", "message_delta tool_use 10/5", "message_stop")),
)
CHAT_END = CHAT[-1].events
CHAT_END_ESTIMATED = ("stop 2", "message_delta tool_use 8/10", "message_stop")
"""The same where usage never came: 3 + 4 + 1 tokens in (section 6), and 10 out by o200k_base for both
texts, the tool's name and its arguments."""

WHOLE_CHAT = completion(
    "Hello",
    "tool_calls",
    reasoning_content="Hm",
    tool_calls=[{**tool_call(0, '{"a": 1}', id=TOOL, name="look")}],
)
WHOLE_ANSWER = ("thinking 'Hm'", "text 'Hello'", 'tool_use look {"a":1}', "tool_use 10/5")


def native_event(kind: str, **members: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def _native_start(model: str) -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    return native_event("message_start", message=message)


def _delta(index: int, kind: str, **members: object) -> bytes:
    return native_event("content_block_delta", index=index, delta={"type": kind, **members})


def _block(index: int, **block: object) -> bytes:
    return native_event("content_block_start", index=index, content_block=block)


def _stop(index: int) -> bytes:
    return native_event("content_block_stop", index=index)


def _same(name: str, data: bytes) -> Piece:
    return Piece(name, data, verbatim(data))


def verbatim(data: bytes) -> tuple[str, ...]:
    """The events of a native stream as the runner writes them down: without their blank lines."""
    text = shortened(data.decode("utf-8", "replace"))
    return tuple(event for event in text.split("\n\n") if event)


def shortened(text: str) -> str:
    """``text`` with its megabytes in words."""
    return text.replace(MEGABYTES, "<5 MB>")


NATIVE: tuple[Piece, ...] = (
    Piece("the role chunk", _native_start("claude-up"), verbatim(_native_start("mine"))),
    _same(
        "reasoning",
        _block(0, type="thinking", thinking="", signature="")
        + _delta(0, "thinking_delta", thinking="Hm"),
    ),
    _same(
        "a text delta",
        _stop(0) + _block(1, type="text", text="") + _delta(1, "text_delta", text="Hello"),
    ),
    _same(
        "a tool call's start",
        _stop(1) + _block(2, type="tool_use", id=TOOL, name="look", input={}),
    ),
    _same("half its arguments", _delta(2, "input_json_delta", partial_json='{"a": ')),
    _same("its arguments", _delta(2, "input_json_delta", partial_json="1}")),
    _same(
        "the finish reason",
        _stop(2)
        + native_event(
            "message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 5}
        ),
    ),
    _same("[DONE]", native_event("message_stop")),
)

WHOLE_NATIVE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-up",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}
WHOLE_NATIVE_ANSWER = (json.dumps({**WHOLE_NATIVE, "model": "mine"}),)


def _halves(value: object) -> tuple[Piece, ...]:
    body = json.dumps(value).encode()
    return (Piece("half the body", body[:100]), Piece("the body", body[100:]))


PIECES = {
    "chat stream": CHAT,
    "chat whole": _halves(WHOLE_CHAT),
    "native stream": NATIVE,
    "native whole": _halves(WHOLE_NATIVE),
}
"""The pieces of the right answer, by kind."""
KINDS = tuple(PIECES)
STREAMS = ("chat stream", "native stream")
WHOLES = ("chat whole", "native whole")
RIGHT = {
    "chat whole": WHOLE_ANSWER,
    "native whole": WHOLE_NATIVE_ANSWER,
    "chat stream": tuple(event for piece in CHAT for event in piece.events),
    "native stream": tuple(event for piece in NATIVE for event in piece.events),
}
"""What the client gets for the right answer, by kind."""


def content_type(kind: str) -> str:
    return "text/event-stream" if kind in STREAMS else "application/json"


def bodies(pieces: Sequence[Piece]) -> list[bytes]:
    return [piece.data for piece in pieces]


def phases(kind: str) -> tuple[str, ...]:
    """``HEAD`` and the name of every piece: where a fault can come after."""
    return (HEAD, *(piece.name for piece in PIECES[kind]))


def events_until(kind: str, phase: str) -> tuple[str, ...]:
    """What the client has got once everything up to ``phase`` has arrived."""
    upto = phases(kind).index(phase)
    return tuple(event for piece in PIECES[kind][:upto] for event in piece.events)
