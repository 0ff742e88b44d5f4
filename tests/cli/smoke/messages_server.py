"""A scripted Messages API on loopback: a proxy, or a native upstream, that does all it should.

Rule: a test changes one thing of it; what is sent otherwise is right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.upstream_stub import (
    Close,
    Recorded,
    Reset,
    Script,
    Sleep,
    UpstreamStub,
    Wait,
    json_answer,
    sse,
)

Event = dict[str, Any]
Message = dict[str, Any]
IDENTITY = {"request-id": "req_fake"}
RESULTS = "It is 18 degrees."


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(name: str, number: int, city: str = "Paris") -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {"city": city}}


def message(model: str, *content: dict[str, Any], stop_reason: str = "end_turn") -> Message:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }


def answer_to(body: dict[str, Any]) -> Message:
    """What a capable model answers to each request of the checks."""
    model, last = body["model"], body["messages"][-1]["content"]
    if "tools" in body:
        if any(part["type"] == "tool_result" for part in last if isinstance(part, dict)):
            return message(model, text(RESULTS))
        calls = call("get_weather", 1), call("get_time", 2)
        return message(model, *calls, stop_reason="tool_use")
    if "thinking" in body:
        thought = {"type": "thinking", "thinking": "17 times 20 ...", "signature": "sig"}
        return message(model, thought, text("391"))
    if isinstance(last, list) and last[0]["type"] == "image":
        return message(model, text("Red."))
    return message(model, text("Hello Ada."))


def events_of(whole: Message) -> list[Event]:
    """The events of a stream of ``whole``, each text in two pieces."""
    usage = {**whole["usage"], "output_tokens": 0}
    start = {**whole, "content": [], "stop_reason": None, "usage": usage}
    events: list[Event] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        events += _block_events(index, block)
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": whole["usage"]})
    return [*events, {"type": "message_stop"}]


def _block_events(index: int, block: dict[str, Any]) -> Iterator[Event]:
    kind = block["type"]
    if kind == "tool_use":
        empty, body, name = {**block, "input": {}}, json.dumps(block["input"]), "partial_json"
    else:
        empty, body, name = {**block, kind: ""}, block[kind], kind
    delta = "input_json_delta" if kind == "tool_use" else f"{kind}_delta"
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    for piece in (body[:3], body[3:]):
        piece_delta = {"type": delta, name: piece}
        yield {"type": "content_block_delta", "index": index, "delta": piece_delta}
    yield {"type": "content_block_stop", "index": index}


def stream_of(items: Sequence[object]) -> Script:
    """An event stream; bytes and steps among the events go as they are."""
    steps = Sleep, Wait, Close, Reset, bytes
    pieces = [item if isinstance(item, steps) else named(item) for item in items]
    return sse(*pieces, headers=IDENTITY, done=False)


def named(event: Any) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def error(status: int, kind: str, words: str, **headers: str) -> Script:
    body = {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_fake"}
    return json_answer(body, status, {**IDENTITY, **headers})


@dataclass
class MessagesServer:
    """Answers each request of the checks; the fields are what a test changes."""

    events: Callable[[list[Event]], Sequence[object]] = list
    """What a stream sends in place of the right events."""
    whole: Callable[[Message], object] = dict
    """What a whole answer is in place of the right one."""
    answer: Callable[[dict[str, Any]], Message] = answer_to
    paths: dict[str, Script] = field(default_factory=dict)
    """Answers by the beginning of the path, which come first."""
    models: Sequence[str] = ("claude-sonnet-5",)
    key: str | None = None

    def __call__(self, request: Recorded) -> Script:
        path, _, _ = request.target.partition("?")
        for start, script in self.paths.items():
            if path.startswith(start):
                return script
        if path == "/health":
            told = {
                "status": "healthy",
                "version": "9",
                "client_api_key_validation": bool(self.key),
            }
            return json_answer(told, headers=IDENTITY)
        if self.key and request.headers["x-api-key"] != self.key:
            return error(401, "authentication_error", "invalid x-api-key")
        if request.method == "POST":
            return self._post(path, request)
        return self._get(path)

    def _get(self, path: str) -> Script:
        entries = [{"type": "model", "id": name, "display_name": name} for name in self.models]
        if path == "/v1/models":
            return json_answer({"data": entries, "has_more": False}, headers=IDENTITY)
        if path.startswith("/v1/models/"):
            return json_answer(entries[0], headers=IDENTITY)
        return error(404, "not_found_error", "Not found")

    def _post(self, path: str, request: Recorded) -> Script:
        try:
            body = request.json
        except ValueError:
            return error(400, "invalid_request_error", "not JSON")
        if isinstance(body["messages"], str):
            return error(400, "invalid_request_error", "messages: not a list")
        if path.endswith("/count_tokens"):
            return json_answer({"input_tokens": len(request.body) // 4}, headers=IDENTITY)
        whole = self.answer(body)
        if body.get("stream"):
            return stream_of(self.events(events_of(whole)))
        return json_answer(self.whole(whole), headers=IDENTITY)


@contextmanager
def served(server: Callable[[Recorded], Script]) -> Iterator[UpstreamStub]:
    """A stub that answers as ``server`` says."""
    stub = UpstreamStub(default=server)
    try:
        yield stub
    finally:
        stub.close()
