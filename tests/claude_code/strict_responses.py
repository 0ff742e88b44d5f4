"""A Responses service that refuses what is not exactly right, and plays a script.

Rule: a request is judged by ``responses_rules`` before the script sees it; the script answers by the
state of the conversation. Events have the form of OpenAI's: ``event:`` lines, sequence numbers, every
``added``, delta and ``done``; a test holds them to the openai SDK's types.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

from tests.claude_code.responses_rules import Issued, complaint, turns_done
from tests.claude_code.strict_upstream import PIECE_BYTES, Refusal, Seen, ToolCall

COUNTED = frozenset(
    {"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls"}
    | {"reasoning", "text"}
)
"""The fields that ``/responses/input_tokens`` takes."""
INPUT_TOKENS = 1234


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a search found."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Output:
    """An answer: its items in this order, those that are empty left out."""

    text: str = ""
    reasoning: str = ""
    """The summary; with it or ``sealed`` there is a reasoning item."""
    sealed: bool = False
    """Reasoning without a summary."""
    calls: tuple[ToolCall, ...] = ()
    query: str = ""
    """What was searched for, before the text."""
    found: tuple[Page, ...] = ()
    input_tokens: int = 1200
    incomplete: str = ""
    """The reason, if the answer is cut."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure behind a 200: ``response.failed``, or a response of that status."""

    code: str
    message: str


Reply = Output | Refusal | Failed
Script = Callable[[Mapping[str, Any], int], Reply]
"""``(request body, how often this state of the conversation was asked before)`` -> reply."""


def steps(*replies: Reply | Sequence[Reply]) -> Script:
    """Answer by the number of the model's turns; a sequence holds the replies to repeated attempts."""

    def script(body: Mapping[str, Any], attempt: int) -> Reply:
        reply = replies[turns_done(body)]
        if isinstance(reply, Output | Refusal | Failed):
            return reply
        return reply[min(attempt, len(reply) - 1)]

    return script


@dataclass
class StrictResponses:
    """The running service; ``play`` gives it the script of one test."""

    issued: Issued = field(default_factory=Issued)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.numbers = count(1)
        self.play(steps())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def play(self, script: Script) -> None:
        """Forget what was seen and answer by ``script`` from now on."""
        self._script = script
        self._attempts: dict[int, int] = {}
        self.seen: list[Seen] = []
        self.paths: list[str] = []

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """Bodies of the requests that were good, in order."""
        return [seen.body for seen in self.seen if seen.complaint is None]

    @property
    def complaints(self) -> list[Mapping[str, Any]]:
        """What was refused, except an output limit above the model's: clients always ask for more."""
        refused = [seen.complaint for seen in self.seen if seen.complaint is not None]
        return [error for error in refused if "is too large" not in error["message"]]

    def reply_to(self, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        """Judge and note a request, then ask the script."""
        error = complaint(body, self.issued)
        self.seen.append(Seen(body, headers, time.monotonic(), error))
        if error is not None:
            return Refusal(400, error)
        state = len(body["input"])
        attempt = self._attempts.get(state, 0)
        self._attempts[state] = attempt + 1
        return self._script(body, attempt)

    def items_of(self, output: Output) -> list[dict[str, Any]]:
        """The items of an answer, complete; their reasoning is taken back from now on."""
        items: list[dict[str, Any]] = []
        if output.reasoning or output.sealed:
            number = next(self.numbers)
            state = f"gAAAAAB{number:04}" + "q_-Z" * 50 + "=="
            self.issued.states[f"rs_{number:04}"] = state
            summary = [{"type": "summary_text", "text": output.reasoning}]
            items.append(
                {
                    "id": f"rs_{number:04}",
                    "type": "reasoning",
                    "summary": summary if output.reasoning else [],
                    "encrypted_content": state,
                }
            )
        if output.query:
            items.append(
                {
                    "id": f"ws_{next(self.numbers):04}",
                    "type": "web_search_call",
                    "status": "completed",
                    "action": {
                        "type": "search",
                        "query": output.query,
                        "queries": [output.query],
                        "sources": [{"type": "url", "url": page.url} for page in output.found],
                    },
                }
            )
        if output.text:
            content = {
                "type": "output_text",
                "text": output.text,
                "annotations": [_citation(page) for page in output.found],
                "logprobs": [],
            }
            items.append(
                {
                    "id": f"msg_{next(self.numbers):04}",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [content],
                }
            )
        items += [
            {
                "id": f"fc_{next(self.numbers):04}",
                "type": "function_call",
                "status": "completed",
                "call_id": f"call_{next(self.numbers):04}",
                "name": call.name,
                "arguments": json.dumps(call.arguments, ensure_ascii=False),
            }
            for call in output.calls
        ]
        return items

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: StrictResponses

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that leaves in the middle is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """The tests read ``seen`` instead."""

    def do_GET(self) -> None:
        self._send_json(200, {"object": "list", "data": []})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        upstream = self.server.upstream
        upstream.paths.append(self.path)
        if self.path == "/v1/responses/input_tokens":
            unknown = body.keys() - COUNTED
            if unknown:
                self._send_json(400, {"error": {"message": f"Unknown parameter: {unknown}"}})
            else:
                count_object = {"object": "response.input_tokens", "input_tokens": INPUT_TOKENS}
                self._send_json(200, count_object)
            return
        if self.path != "/v1/responses":
            self._send_json(404, {"error": {"message": f"no such path: {self.path}"}})
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = upstream.reply_to(body, headers)
        if isinstance(reply, Refusal):
            self._send_json(reply.status, {"error": dict(reply.error)}, reply.headers)
            return
        items = upstream.items_of(reply) if isinstance(reply, Output) else []
        answer = response_object(body, f"resp_{next(upstream.numbers):04}", reply, items)
        if body.get("stream"):
            self._send_stream(list(events_of(answer)))
        else:
            self._send_json(200, answer)

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

    def _send_stream(self, events: Sequence[Mapping[str, Any]]) -> None:
        data = b"".join(
            f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
            for event in events
        )
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


def response_object(
    body: Mapping[str, Any], response_id: str, reply: Output | Failed, items: list[dict[str, Any]]
) -> dict[str, Any]:
    """The whole response, as its last event or as the body of an answer."""
    shared: dict[str, Any] = {
        "id": response_id,
        "object": "response",
        "created_at": 1_700_000_000,
        "model": body["model"],
        "output": items,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": [],
        "store": False,
        "error": None,
        "incomplete_details": None,
    }
    if isinstance(reply, Failed):
        error = {"code": reply.code, "message": reply.message}
        return shared | {"status": "failed", "error": error, "usage": None}
    usage = {
        "input_tokens": reply.input_tokens,
        "input_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 0},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20 if reply.reasoning else 0},
        "total_tokens": reply.input_tokens + 50,
    }
    if reply.incomplete:
        reason = {"reason": reply.incomplete}
        return shared | {"status": "incomplete", "incomplete_details": reason, "usage": usage}
    return shared | {"status": "completed", "usage": usage}


def events_of(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """``answer`` as the events of a stream, numbered."""
    numbers = count()
    begun = {**answer, "status": "in_progress", "output": [], "usage": None, "error": None}
    begun["incomplete_details"] = None
    last = f"response.{answer['status']}"
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(answer["output"]):
        place = {"item_id": item["id"], "output_index": index}
        added = {**item, **_UNFINISHED[item["type"]]}
        events.append({"type": "response.output_item.added", "output_index": index, "item": added})
        events += [event | place for event in _ITEM_EVENTS[item["type"]](item)]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    for event in (*events, {"type": last, "response": dict(answer)}):
        yield event | {"sequence_number": next(numbers)}


def _message_events(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    part = item["content"][0]
    empty = {**part, "text": "", "annotations": []}
    yield {"type": "response.content_part.added", "content_index": 0, "part": empty}
    for piece in _pieces(part["text"]):
        yield {
            "type": "response.output_text.delta",
            "content_index": 0,
            "delta": piece,
            "logprobs": [],
        }
    for number, annotation in enumerate(part["annotations"]):
        yield {
            "type": "response.output_text.annotation.added",
            "content_index": 0,
            "annotation_index": number,
            "annotation": annotation,
        }
    done = {"type": "response.output_text.done", "content_index": 0, "text": part["text"]}
    yield done | {"logprobs": []}
    yield {"type": "response.content_part.done", "content_index": 0, "part": part}


def _reasoning_events(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for index, part in enumerate(item["summary"]):
        at = {"summary_index": index}
        empty = {**part, "text": ""}
        yield {"type": "response.reasoning_summary_part.added", **at, "part": empty}
        for piece in _pieces(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", **at, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **at, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **at, "part": part}


def _call_events(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for piece in _pieces(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", "delta": piece}
    yield {
        "type": "response.function_call_arguments.done",
        "name": item["name"],
        "arguments": item["arguments"],
    }


def _search_events(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for stage in ("in_progress", "searching", "completed"):
        yield {"type": f"response.web_search_call.{stage}"}


_ITEM_EVENTS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]] = {
    "message": _message_events,
    "reasoning": _reasoning_events,
    "function_call": _call_events,
    "web_search_call": _search_events,
}
_UNFINISHED: Mapping[str, Mapping[str, Any]] = {
    "message": {"status": "in_progress", "content": []},
    "reasoning": {"summary": [], "encrypted_content": ""},
    "function_call": {"status": "in_progress", "arguments": ""},
    "web_search_call": {"status": "in_progress", "action": {"type": "search", "query": ""}},
}


def _citation(page: Page) -> dict[str, Any]:
    return {
        "type": "url_citation",
        "url": page.url,
        "title": page.title,
        "start_index": 0,
        "end_index": 1,
    }


def _pieces(text: str, size: int = 11) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]
