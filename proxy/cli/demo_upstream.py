"""The upstream of ``claude-proxy demo``: Chat Completions with fixed answers, without a model.

Rule: its answers contain each kind of streamed content (reasoning, text, a tool call). It calls only
its own tool, since a client may execute tool calls. It listens on the loopback address only.
"""

from gevent import monkey

# As in the service, since this module also runs as a separate program.
monkey.patch_all()

import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import gevent
import orjson
from gevent.pywsgi import WSGIServer

MODEL = "demo"
TOOL = "get_weather"
CALL_ID = "call_demo"
SECONDS_BETWEEN_CHUNKS = 0.03

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def reply_for(request: Mapping[str, Any]) -> dict[str, Any]:
    """The whole assistant message that answers a Chat Completions request."""
    messages = request.get("messages") or [{}]
    last = messages[-1]
    if last.get("role") == "tool":
        return {"role": "assistant", "content": f"The tool returned: {_text(last)}"}
    asked = next((_text(m) for m in reversed(messages) if m.get("role") == "user"), "")
    message: dict[str, Any] = {
        "role": "assistant",
        "reasoning_content": "There is no model here, but this is how thinking is streamed. ",
        "content": (
            f"Hello from the demo upstream. You wrote: {asked[:80]!r}. "
            "Set OPENAI_BASE_URL and start claude-proxy to use a real model. "
        ),
    }
    if TOOL in _tool_names(request):
        function = {"name": TOOL, "arguments": '{"city": "Paris"}'}
        message["tool_calls"] = [{"id": CALL_ID, "type": "function", "function": function}]
    return message


def deltas_for(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The deltas of a stream of ``message``, word by word."""
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content"):
        for word in str(message.get(name, "")).split():
            yield {name: f"{word} "}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        head = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
        yield {"tool_calls": [head]}
        for part in function["arguments"].split(" "):
            piece = part if part.endswith("}") else f"{part} "
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def application(environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application: ``/v1/chat/completions`` and ``/v1/models``."""
    path = environ["PATH_INFO"]
    if path.endswith("/models"):
        models = [{"id": MODEL, "object": "model", "created": 0, "owned_by": "demo"}]
        return _json(start_response, "200 OK", {"object": "list", "data": models})
    if not path.endswith("/chat/completions"):
        return _json(start_response, "404 Not Found", {"error": {"message": f"no {path} here"}})
    try:
        request = orjson.loads(environ["wsgi.input"].read())
    except orjson.JSONDecodeError:
        return _json(start_response, "400 Bad Request", {"error": {"message": "not JSON"}})
    message = reply_for(request)
    if not request.get("stream"):
        return _json(start_response, "200 OK", _completion(request, message))
    start_response("200 OK", [("content-type", "text/event-stream")])
    return _events(request, message)


def _completion(request: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(message)}
    return {**_head(request, "chat.completion"), "choices": [choice], "usage": _usage(request)}


def _events(request: Mapping[str, Any], message: Mapping[str, Any]) -> Iterator[bytes]:
    head = _head(request, "chat.completion.chunk")
    for delta in deltas_for(message):
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        gevent.sleep(SECONDS_BETWEEN_CHUNKS)
    end = {"index": 0, "delta": {}, "finish_reason": _finish_reason(message)}
    yield _event({**head, "choices": [end]})
    yield _event({**head, "choices": [], "usage": _usage(request)})
    yield b"data: [DONE]\n\n"


def _head(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-demo", "object": kind, "created": 0, "model": request.get("model")}


def _finish_reason(message: Mapping[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def _usage(request: Mapping[str, Any]) -> dict[str, int]:
    prompt = len(orjson.dumps(request.get("messages"))) // 4
    return {"prompt_tokens": prompt, "completion_tokens": 42, "total_tokens": prompt + 42}


def _tool_names(request: Mapping[str, Any]) -> set[object]:
    return {tool.get("function", {}).get("name") for tool in request.get("tools") or ()}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part.get("type") == "text")


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _json(start_response: StartResponse, status: str, body: object) -> list[bytes]:
    start_response(status, [("content-type", "application/json")])
    return [orjson.dumps(body)]


def main(arguments: Sequence[str]) -> None:
    """Serve on the inherited socket (argument: its descriptor) until the parent process ends."""
    parent = os.getppid()
    listener = socket.socket(fileno=int(arguments[0]))
    server = WSGIServer(listener, application, log=None)
    server.start()
    while os.getppid() == parent:
        gevent.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1:])
