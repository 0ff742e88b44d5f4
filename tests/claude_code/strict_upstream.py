"""A Chat Completions service that refuses what is not exactly right, and plays a script.

Rule: a request is judged by ``chat_rules`` before the script sees it; the script answers by the
state of the conversation, so a repeated request gets the same answer again.
"""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import zip_longest
from typing import Any

from tests.claude_code.chat_rules import Rules, complaint

PIECE_BYTES = 23
"""Streams leave in pieces of this size, so that lines and characters are torn apart."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One function call; ``arguments`` travel as fragments of JSON text."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion in the upstream's own form, whether it is asked for as a stream or not."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int = 1200
    cut_stream: bool = False
    """A stream breaks in the middle of the text; a whole answer does not."""
    finish: str = ""
    """The finish reason; by default what the content says."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer with the upstream's body."""

    status: int
    error: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Answer | Refusal
Script = Callable[[Mapping[str, Any], int], Reply]
"""``(request body, how often this state of the conversation was asked before)`` -> reply."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    body: dict[str, Any]
    headers: dict[str, str]
    at: float
    complaint: Mapping[str, Any] | None


def long_id() -> str:
    """The id of a completion, as most services make it."""
    return f"chatcmpl-{uuid.uuid4().hex}"


def steps(*replies: Reply | Sequence[Reply]) -> Script:
    """Answer by the number of assistant messages in the conversation.

    A sequence in place of a reply holds the replies for repeated attempts at that step; its last
    one stands for all later attempts.
    """

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        done: int = sum(message["role"] == "assistant" for message in body["messages"])
        reply = replies[done]
        if isinstance(reply, Answer | Refusal):
            return reply
        return reply[min(attempt, len(reply) - 1)]

    return script


class StrictUpstream:
    """The running service; ``play`` gives it the script of one test."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.models: Sequence[Mapping[str, Any]] = ()
        """What its list of models says."""
        self.play(steps())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def play(
        self, script: Script, rules: Rules | None = None, *, new_id: Callable[[], str] = long_id
    ) -> None:
        """Forget what was seen and answer by ``script`` from now on."""
        self._script = script
        self.new_id = new_id
        self._rules = rules or Rules()
        self._attempts: dict[int, int] = {}
        self.seen: list[Seen] = []

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """Bodies of the requests that were good, in order."""
        return [seen.body for seen in self.seen if seen.complaint is None]

    @property
    def complaints(self) -> list[Mapping[str, Any]]:
        """What was refused, except a ``max_tokens`` above the limit: clients always ask for more."""
        refused = [seen.complaint for seen in self.seen if seen.complaint is not None]
        return [error for error in refused if "is too large" not in error["message"]]

    def reply_to(self, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        """Judge and note a request, then ask the script."""
        error = complaint(body, self._rules)
        self.seen.append(Seen(body, headers, time.monotonic(), error))
        if error is not None:
            return Refusal(400, error)
        state = len(body["messages"])
        attempt = self._attempts.get(state, 0)
        self._attempts[state] = attempt + 1
        return self._script(body, attempt)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: StrictUpstream

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that leaves in the middle is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """The tests read ``seen`` instead."""

    def do_GET(self) -> None:
        self._send_json(200, {"object": "list", "data": list(self.server.upstream.models)})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.endswith("/v1/chat/completions"):
            self._send_json(404, {"error": {"message": f"no such path: {self.path}"}})
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.upstream.reply_to(body, headers)
        if isinstance(reply, Refusal):
            self._send_json(reply.status, {"error": dict(reply.error)}, reply.headers)
        elif body.get("stream"):
            self._send_stream(body, reply)
        else:
            self._send_json(200, completion(body["model"], reply, self.server.upstream.new_id))

    def _send_json(
        self, status: int, value: object, headers: Mapping[str, str] | None = None
    ) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send_stream(self, body: Mapping[str, Any], answer: Answer) -> None:
        chunks = list(completion_chunks(body, answer, self.server.upstream.new_id))
        data = b"".join(
            b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n" for chunk in chunks
        )
        if answer.cut_stream:
            data = data[: len(data) // 2]
        else:
            data += b"data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if answer.cut_stream:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")


def completion(model: str, answer: Answer, new_id: Callable[[], str]) -> dict[str, Any]:
    """``answer`` as a whole ``chat.completion``."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.calls:
        message["tool_calls"] = [_tool_call(i, call) for i, call in enumerate(answer.calls)]
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(answer)}
    return {
        "id": new_id(),
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": _usage(answer),
    }


def completion_chunks(
    body: Mapping[str, Any], answer: Answer, new_id: Callable[[], str]
) -> Iterator[dict[str, Any]]:
    """``answer`` as stream chunks; parallel calls come interleaved, fragment by fragment."""
    chunk = _Chunks(body["model"], new_id())
    yield chunk({"role": "assistant", "content": None})
    for piece in _pieces(answer.reasoning):
        yield chunk({"reasoning_content": piece})
    for piece in _pieces(answer.text):
        yield chunk({"content": piece})
    fragments = [_call_fragments(i, call) for i, call in enumerate(answer.calls)]
    for row in zip_longest(*fragments):
        for fragment in row:
            if fragment is not None:
                yield chunk({"tool_calls": [fragment]})
    yield chunk({}, finish=_finish_reason(answer))
    if body.get("stream_options", {}).get("include_usage"):
        yield chunk(None) | {"usage": _usage(answer)}


@dataclass(frozen=True, slots=True)
class _Chunks:
    """Makes the chunks of one stream, which share an id."""

    model: str
    id: str

    def __call__(
        self, delta: Mapping[str, Any] | None, *, finish: str | None = None
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": 1,
            "model": self.model,
            "choices": [] if delta is None else [choice],
        }


def _pieces(text: str, size: int = 11) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _tool_call(index: int, call: ToolCall) -> dict[str, Any]:
    # The same ids in every answer, as several servers do.
    function = {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
    return {"id": f"call_{index}", "type": "function", "function": function}


def _call_fragments(index: int, call: ToolCall) -> Iterator[dict[str, Any]]:
    whole = _tool_call(index, call)
    arguments = whole["function"]["arguments"]
    yield {"index": index, **whole, "function": {"name": call.name, "arguments": ""}}
    for piece in _pieces(arguments):
        yield {"index": index, "function": {"arguments": piece}}


def _finish_reason(answer: Answer) -> str:
    return answer.finish or ("tool_calls" if answer.calls else "stop")


def _usage(answer: Answer) -> dict[str, int]:
    prompt = answer.prompt_tokens
    return {"prompt_tokens": prompt, "completion_tokens": 50, "total_tokens": prompt + 50}
