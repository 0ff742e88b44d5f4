"""Requests and prepared answers of the upstream, for the rows of the growth benchmark."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from bench.growth import Sample

TOOL = {
    "name": "Read",
    "description": "Reads.",
    "input_schema": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "lines": {"type": "array"}},
    },
}
OK = b"HTTP/1.1 200 OK\r\n"
CHUNK_BYTES = 4096


def asked(*, model: str = "m", stream: bool = False, **members: Any) -> bytes:
    """A request with one tool and little else."""
    said = [{"role": "user", "content": "x"}]
    head = {"model": model, "max_tokens": 1000, "messages": said, "tools": [TOOL]}
    return orjson.dumps(head | ({"stream": True} if stream else {}) | members)


def answered(
    body: bytes, *, status: str = "200 OK", kind: str = "application/json", head: bytes = b""
) -> bytes:
    """A whole answer with its head; ``head`` are more header lines."""
    line = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    return line.encode() + b"connection: close\r\n" + head + b"\r\n" + body


def zipped(body: bytes) -> bytes:
    """``answered`` with a compressed body."""
    return answered(gzip.compress(body, 6), head=b"content-encoding: gzip\r\n")


def whole(
    message: Mapping[str, Any],
    *,
    model: str = "m",
    finish: str = "stop",
    ask: Mapping[str, Any] | None = None,
    **members: Any,
) -> Sample:
    """A whole completion with ``message``; ``members`` are those of the completion."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    completion = {"id": "chatcmpl-0123456789ab", "choices": [choice], **members}
    return Sample(answered(orjson.dumps(completion)), asked(model=model, **(ask or {})))


def raw_whole(body: bytes, *, model: str = "m") -> Sample:
    """A whole answer of which the row says every byte."""
    return Sample(answered(body), asked(model=model))


def failed(
    error: object, *, status: str = "400 Bad Request", model: str = "m", **ask: Any
) -> Sample:
    """An error with a body of JSON."""
    body = error if isinstance(error, bytes) else orjson.dumps(error)
    return Sample(answered(body, status=status), asked(model=model, **ask))


def chunk(delta: Mapping[str, Any], *, index: int = 0, finish: object = None, **more: Any) -> bytes:
    """One event of a chat stream."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    value = {"id": "chatcmpl-0123456789ab", "choices": [choice], **more}
    return b"data: %b\n\n" % orjson.dumps(value)


END = chunk({}, finish="stop") + b"data: [DONE]\n\n"
BEGIN = chunk({"role": "assistant", "content": "begun"})


def streamed(
    events: Iterable[bytes],
    *,
    model: str = "m",
    end: bytes = END,
    begin: bytes = BEGIN,
    piece: int = 0,
    ask: Mapping[str, Any] | None = None,
) -> Sample:
    """A chat stream with ``events`` in its middle, in HTTP chunks."""
    body = b"".join((begin, *events, end))
    answer = in_chunks(body, CHUNK_BYTES)
    return Sample(answer, asked(model=model, stream=True, **(ask or {})), piece=piece)


def in_chunks(body: bytes, size: int, *, trailers: bytes = b"") -> bytes:
    """An event stream in HTTP chunks of ``size`` bytes."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    head = OK + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return head + framed + b"0\r\n" + trailers + b"\r\n"


def call(name: str, arguments: object, number: int, **more: Any) -> dict[str, Any]:
    """An entry of ``tool_calls`` with an id."""
    function = {"name": name, "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function, **more}


def fragment(index: int, arguments: str, *, name: str = "", number: int | None = None) -> bytes:
    """A chunk with a part of the call at ``index``."""
    function = {"arguments": arguments} | ({"name": name} if name else {})
    entry: dict[str, Any] = {"index": index, "function": function}
    if number is not None:
        entry["id"] = f"call_{number}"
    return chunk({"tool_calls": [entry]})


def native(message: Mapping[str, Any] | bytes) -> Sample:
    """A whole answer of the native upstream."""
    body = message if isinstance(message, bytes) else orjson.dumps(message)
    return Sample(answered(body), asked(model="native"))


def native_message(**members: Any) -> dict[str, Any]:
    """A message of the native upstream."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "up",
        "content": [{"type": "text", "text": "x"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 5},
        **members,
    }


def event(kind: str, **members: Any) -> bytes:
    """One event of a native stream."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **members}))


STARTED = event("message_start", message=native_message(content=[]))
STOPPED = event("message_stop")


def native_stream(events: Iterable[bytes], *, begin: bytes = STARTED, piece: int = 0) -> Sample:
    """A stream of the native upstream."""
    body = b"".join((begin, *events, STOPPED))
    return Sample(in_chunks(body, CHUNK_BYTES), asked(model="native", stream=True), piece=piece)


def small_answer(body: Mapping[str, Any] | bytes) -> Sample:
    """A request of any form, and a small answer."""
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    return Sample(whole({"content": "x"}).answer, sent)
