"""The upstream of the soak: what a request says is what it gets. It is restarted on its port."""

from __future__ import annotations

from tests.upstream_stub import (
    Recorded,
    Reset,
    Script,
    Sleep,
    UpstreamStub,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
)

PACED = 60
PACE = 0.05
WHOLE_SECONDS = 3.0
"""Of work on a whole answer that a client does not wait for: it has left long before, also where a
busy machine lets nobody run for a second."""
LONG = "all the words of a long answer " * 30


def served(recorded: Recorded) -> Script:
    """The answer to ``recorded``, in the protocol that its path names."""
    if recorded.method == "GET":
        return json_answer({"object": "list", "data": [{"id": "chat-model", "object": "model"}]})
    asked = recorded.json
    text = asked["messages"][-1]["content"]
    if text == "fail":
        return json_answer({"error": {"message": "down"}}, 500)
    if not recorded.target.endswith("/chat/completions"):
        return _native(recorded.target, text, streamed=bool(asked.get("stream")))
    if not asked.get("stream"):
        return (*_work(text), *json_answer(completion()))
    if text == "break":
        return sse(chunk(content="a"), Sleep(0.01), Reset())
    return text_stream(*_pieces(text))


def _work(text: str) -> Script:
    return (Sleep(WHOLE_SECONDS),) if text == "paced" else ()


def _pieces(text: str) -> list[object]:
    if text == "paced":
        return [step for _ in range(PACED) for step in ("word ", Sleep(PACE))]
    return [LONG] * 200 if text == "long" else ["a", "b", "c"]


def _native(target: str, text: str, *, streamed: bool) -> Script:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "up-model",
        "content": [],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 6},
    }
    if target.endswith("count_tokens"):
        return json_answer({"input_tokens": 5})
    if not streamed:
        return (*_work(text), *json_answer(message))
    deltas: list[object] = []
    for piece in _pieces(text):
        delta = {"type": "text_delta", "text": piece}
        event = {"type": "content_block_delta", "index": 0, "delta": delta}
        deltas.append(event if isinstance(piece, str) else piece)
    if text == "break":
        deltas = [deltas[0], Sleep(0.01), Reset()]
    block = {"type": "text", "text": ""}
    told = {"stop_reason": "end_turn"}
    return sse(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": told, "usage": {"output_tokens": 6}},
        {"type": "message_stop"},
        done=False,
    )


class Restarted:
    """An upstream that keeps its port over restarts."""

    def __init__(self) -> None:
        self._stub = UpstreamStub(default=served)
        self.port = self._stub.port
        self.origin = self._stub.origin

    def stop(self) -> None:
        """Break every connection and refuse new ones."""
        self._stub.close()

    def start(self) -> None:
        """Serve again."""
        self._stub = UpstreamStub(port=self.port, default=served)

    def forget(self) -> None:
        """Let go of what is only kept for tests that look at single requests."""
        self._stub.requests.clear()
        self._stub.connections[:] = [c for c in self._stub.connections if not c.closed.is_set()]
