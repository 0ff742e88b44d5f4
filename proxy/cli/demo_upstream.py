"""The upstream of ``claude-proxy demo``: a server of Chat Completions, without a model.

Rule: it listens on the loopback address only. What it answers is in ``proxy.cli.demo_replies``.
"""

from gevent import monkey

# As in the service, since this module also runs as a separate program.
monkey.patch_all()

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import gevent
import orjson
from gevent.pywsgi import WSGIServer

from proxy.cli.demo_replies import reply_for

MODEL = "demo"
SECONDS_BETWEEN_CHUNKS = 0.03

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def deltas_for(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The deltas of a stream of ``message``, word by word."""
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content"):
        for word in re.findall(r"\s*\S+\s*", message.get(name, "")):
            yield {name: word}
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
        request = None
    if not isinstance(request, dict):
        return _json(start_response, "400 Bad Request", {"error": {"message": "not a JSON object"}})
    message = reply_for(request)
    if not request.get("stream"):
        return _json(start_response, "200 OK", _completion(request, message))
    start_response("200 OK", [("content-type", "text/event-stream")])
    return _events(request, message)


def _completion(request: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(message)}
    usage = _usage(request, sum(1 for _ in deltas_for(message)))
    return {**_head(request, "chat.completion"), "choices": [choice], "usage": usage}


def _events(request: Mapping[str, Any], message: Mapping[str, Any]) -> Iterator[bytes]:
    head, sent = _head(request, "chat.completion.chunk"), 0
    for delta in deltas_for(message):
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        sent += 1
        gevent.sleep(SECONDS_BETWEEN_CHUNKS)
    end = {"index": 0, "delta": {}, "finish_reason": _finish_reason(message)}
    yield _event({**head, "choices": [end]})
    yield _event({**head, "choices": [], "usage": _usage(request, sent)})
    yield b"data: [DONE]\n\n"


def _head(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    model = request.get("model")
    return {"id": "chatcmpl-demo", "object": kind, "created": int(time.time()), "model": model}


def _finish_reason(message: Mapping[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def _usage(request: Mapping[str, Any], sent: int) -> dict[str, int]:
    """About four characters a token, and one for each delta, the first of which is empty."""
    prompt = len(orjson.dumps([request.get("messages"), request.get("tools")])) // 4
    output = max(sent - 1, 1)
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _json(start_response: StartResponse, status: str, body: object) -> list[bytes]:
    start_response(status, [("content-type", "application/json")])
    return [orjson.dumps(body)]


def main(arguments: Sequence[str]) -> None:
    """Serve on an inherited socket until the parent process ends.

    ``arguments``: the socket's descriptor, and the id of the parent, which may have ended already.
    """
    descriptor, parent = map(int, arguments)
    listener = socket.socket(fileno=descriptor)
    server = WSGIServer(listener, application, log=None)
    server.start()
    while os.getppid() == parent:
        gevent.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1:])
