"""What an upstream can repeat in whole answers, errors, lists and heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from bench.growth import Row, Sample
from bench.growth_samples import (
    CHUNK_BYTES,
    END,
    OK,
    answered,
    asked,
    call,
    chunk,
    failed,
    in_chunks,
    native,
    native_message,
    raw_whole,
    whole,
    zipped,
)

ANSWER = "whole answer: "
ERROR = "error: "
NATIVE = "native answer: "


# --- content --------------------------------------------------------------------------------------


def _parts(part: Mapping[str, Any], *, model: str = "m") -> Any:
    return lambda n: whole({"content": [part] * n}, model=model)


def _pairs(n: int) -> Sample:
    return whole(
        {"content": [{"type": "thinking", "text": "a"}, {"type": "text", "text": "b"}] * n}
    )


def _pairs_for_stream(n: int) -> Sample:
    return replace(_pairs(n), body=asked(stream=True))


def _text(piece: str, *, model: str = "m", **ask: Any) -> Any:
    return lambda n: whole({"content": piece * n}, model=model, ask=ask)


def _raw_text(piece: bytes) -> Any:
    start, end = b'{"choices":[{"finish_reason":"stop","message":{"content":"', b'"}}]}'
    return lambda n: raw_whole(start + piece * n + end)


def _written_calls(n: int) -> Sample:
    return whole(
        {"content": '<tool_call>{"name":"Read","arguments":{"path":"a"}}</tool_call>\n' * n}
    )


def _choices(n: int) -> Sample:
    choice = {"message": {"content": "x"}, "finish_reason": "stop"}
    return raw_whole(orjson.dumps({"choices": [choice] * n}))


# --- tool calls -----------------------------------------------------------------------------------


def _calls(name: str = "Read", arguments: object = '{"path":"a"}') -> Any:
    return lambda n: whole({"tool_calls": [call(name, arguments, k) for k in range(n)]})


def _calls_with_tools(n: int) -> Sample:
    tools = [{"name": f"t{k}", "input_schema": {"type": "object"}} for k in range(n)]
    calls = [call(f"other.{k}", "{}", k) for k in range(n)]
    return whole({"tool_calls": calls}, ask={"tools": tools})


def _nameless(n: int) -> Sample:
    return whole({"tool_calls": [{"function": {"arguments": "{}"}}] * n})


def _arguments(start: str, piece: str, end: str, *, model: str = "m") -> Any:
    def make(n: int) -> Sample:
        return whole({"tool_calls": [call("Read", start + piece * n + end, 1)]}, model=model)

    return make


def _argument_members(n: int) -> Sample:
    return whole({"tool_calls": [call("Read", {f"m{k}": k for k in range(n)}, 1)]})


# --- other members --------------------------------------------------------------------------------


def _details(n: int) -> Sample:
    items = [{"type": "reasoning.text", "text": "a", "id": str(k)} for k in range(n)]
    return whole({"content": "x", "reasoning_details": items})


def _detail_members(n: int) -> Sample:
    item = {"type": "reasoning.text", "text": "a", **{f"m{k}": k for k in range(n)}}
    return whole({"content": "x", "reasoning_details": [item]})


def _usage(n: int) -> Sample:
    counts = {f"x{k}_tokens": k for k in range(n)}
    return whole({"content": "x"}, usage={"prompt_tokens": 5, "total_tokens": 9, **counts})


def _vendors(n: int) -> Sample:
    state = {f"v{k}": {"thought_signature": "x"} for k in range(n)}
    return whole({"content": "x", "extra_content": state})


def _unknown(n: int) -> Sample:
    members: dict[str, Any] = {f"m{k}": k for k in range(n)}
    return whole({"content": "x"}, **members)


def _values(n: int) -> Sample:
    return raw_whole(b'{"choices":[{"message":{"content":"x"}}],"m":[' + b"[]," * n + b"0]}")


def _events_for_whole(n: int) -> Sample:
    body = chunk({"content": "a"}) * n + END
    return Sample(answered(body, kind="text/event-stream"), asked())


def _tiny_events_for_whole(n: int) -> Sample:
    body = chunk({"content": "a"}) + b"data: 1\n\n" * n + END
    return Sample(answered(body, kind="text/event-stream"), asked())


def _compressed(n: int) -> Sample:
    body = orjson.dumps({"choices": [{"message": {"content": "a" * n}, "finish_reason": "stop"}]})
    return Sample(zipped(body), asked())


# --- errors, lists, heads -------------------------------------------------------------------------


def _error(member: str, piece: str, **more: Any) -> Any:
    return lambda n: failed({"error": {"message": "bad", member: piece * n} | more})


def _error_field(n: int) -> Sample:
    error = {"message": "Unsupported value", "param": "messages" + ".developer" * n + "\n"}
    return failed({"error": error}, model="developer", system="x")


def _error_list(n: int) -> Sample:
    return failed({"detail": [{"loc": ["body", "a"], "msg": "wrong"}] * n})


def _error_path(n: int) -> Sample:
    return failed({"detail": [{"loc": ["body"] * n, "msg": "wrong"}]})


def _error_members(n: int) -> Sample:
    return failed({"error": {f"m{k}": "x" for k in range(n)}})


def _error_in_errors(n: int) -> Sample:
    error: Any = "[" * n
    for _ in range(6):
        error = {"error": error, "message": {"detail": "["}}
    return failed(error)


def _error_text(piece: bytes, start: bytes = b"") -> Any:
    return lambda n: failed(start + piece * n)


def _echo(n: int) -> Sample:
    """FastAPI repeats the whole request in its complaint."""
    said = [{"role": "user", "content": f"turn {k}, with a comma"} for k in range(n)]
    return failed({"detail": [{"type": "missing", "loc": ["body"], "msg": "wrong", "input": said}]})


def _models(entry: Mapping[str, Any]) -> Any:
    def make(n: int) -> Sample:
        listed = [{"id": f"m{k}", **entry} for k in range(n)]
        return Sample(answered(orjson.dumps({"data": listed})), path="/v1/models")

    return make


def _model_id(n: int) -> Sample:
    return Sample(answered(orjson.dumps({"data": [{"id": "m" * n}]})), path="/v1/models")


def _count(n: int) -> Sample:
    counts = {"prompt_tokens": 5, "completion_tokens": 1, **{f"x{k}": k for k in range(n)}}
    body = orjson.dumps({"choices": [{"message": {"content": "x"}}], "usage": counts})
    return Sample(answered(body), asked(), path="/v1/messages/count_tokens")


def _head(line: bytes, *, piece: int = 0) -> Any:
    body = orjson.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]})
    return lambda n: Sample(answered(body, head=line * n), asked(), piece=piece)


def _header(n: int) -> Sample:
    sample: Sample = _head(b"x-long: " + b"a" * n + b"\r\n")(1)
    return sample


def _trailers(n: int) -> Sample:
    body = in_chunks(chunk({"content": "a"}) + END, CHUNK_BYTES, trailers=b"a:\r\n" * n)
    return Sample(body, asked(stream=True), piece=1)


def _interim(n: int) -> Sample:
    last = answered(orjson.dumps({"choices": [{"message": {"content": "x"}}]}))
    return Sample(b"HTTP/1.1 103 Early\r\nlink: a\r\n\r\n" * n + last, asked())


def _small_chunks(n: int) -> Sample:
    body = orjson.dumps({"choices": [{"message": {"content": "a" * n}, "finish_reason": "stop"}]})
    framed = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    return Sample(OK + b"transfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n", asked())


# --- native ---------------------------------------------------------------------------------------


def _native(member: str, value: Any) -> Any:
    return lambda n: native(native_message(**{member: value(n)}))


def _native_names(n: int) -> Sample:
    return native(native_message(content=[{"type": "text", "model": "x"}] * n))


def _native_values(n: int) -> Sample:
    return native(b'{"type":"message","m":[' + b"[]," * n + b"0]}")


def _native_error(n: int) -> Sample:
    return failed(
        {"type": "error", "error": {"type": "x", "message": "signature " * n}}, model="native"
    )


ANSWERS: tuple[Row, ...] = (
    Row(ANSWER + "choices", _choices, 1000, 100_000),
    Row(ANSWER + "parts of text", _parts({"type": "text", "text": "a"}), 900, 1_000_000),
    Row(ANSWER + "parts of an unknown kind", _parts({"type": "x"}), 900, 1_000_000),
    Row(
        ANSWER + "parts with lists of reasoning",
        _parts({"type": "thinking", "thinking": ["a"] * 9}),
        900,
    ),
    Row(ANSWER + "pairs of reasoning and text", _pairs, 450, 800_000),
    Row(ANSWER + "pairs, for a client that streams", _pairs_for_stream, 450, 5000),
    Row(ANSWER + "characters of text", _text("a"), 400_000, 60_000_000),
    Row(ANSWER + "other characters of text", _text("é漢"), 100_000, 5_000_000),
    Row(ANSWER + "characters between tags", _text("<think>"), 60_000, 6_000_000),
    Row(ANSWER + "tags, where they are read", _text("<think>", model="tags"), 60_000, 6_000_000),
    Row(ANSWER + "escaped characters", _raw_text(b"\\u00e9"), 60_000, 2_500_000),
    Row(ANSWER + "halves of characters", _raw_text(b"\\ud83d"), 12_000, 2_500_000),
    Row(ANSWER + "bytes that are not UTF-8", _raw_text(b"\xff"), 100_000, 15_000_000),
    Row(
        ANSWER + "near stop sequences",
        _text("END OF TEX", stop_sequences=["END OF TEXT"] * 4 + ["OF"]),
        10_000,
    ),
    Row(
        ANSWER + "stop characters",
        _text("aaaaaaaab", model="gemini", stop_sequences=["a" * 40]),
        10_000,
    ),
    Row(ANSWER + "calls written as text", _written_calls, 1000, 200_000),
    Row(ANSWER + "begun calls as text", _text("<tool_call>{"), 8_000, 1_000_000),
    Row(ANSWER + "begun functions as text", _text("\n<function=Read>"), 5_000, 1_000_000),
    Row(ANSWER + "an endless call as text", _text('{"a":"<function=', model="m"), 8_000, 900_000),
    Row(ANSWER + "tool calls", _calls(), 150, 1_200_000),
    Row(ANSWER + "tool calls without a name", _nameless, 190, 1_200_000),
    Row(ANSWER + "tool calls with broken arguments", _calls(arguments='{"path": \'a"'), 150),
    Row(ANSWER + "unknown tool calls, with as many tools", _calls_with_tools, 190, 2000),
    Row(
        ANSWER + "characters of an argument",
        _arguments('{"path":"', "a", '"}'),
        200_000,
        15_000_000,
    ),
    Row(
        ANSWER + "members of arguments", _arguments('{"path":"a"', ',"b":1', "}"), 20_000, 2_000_000
    ),
    Row(ANSWER + "members of arguments, as an object", _argument_members, 20_000, 1_000_000),
    Row(ANSWER + "lists in arguments", _arguments('{"lines":', "[", ""), 50_000, 10_000_000),
    Row(ANSWER + "broken members of arguments", _arguments("{", "'a':'b',", ""), 3000, 1_500_000),
    Row(ANSWER + "apostrophes in arguments", _arguments("{'a':'", "' ", ""), 10_000, 5_000_000),
    Row(ANSWER + "commas in arguments", _arguments('{"a":1', ",", ""), 20_000, 10_000_000),
    Row(ANSWER + "braces as arguments", _arguments("", "{}", "", model="held"), 50_000, 5_000_000),
    Row(ANSWER + "quotes as arguments", _arguments("", '"', ""), 50_000, 8_000_000),
    Row(ANSWER + "items of reasoning", _details, 800, 300_000),
    Row(ANSWER + "members of an item of reasoning", _detail_members, 20_000, 1_000_000),
    Row(ANSWER + "members of usage", _usage, 20_000, 1_000_000),
    Row(ANSWER + "vendors of private state", _vendors, 5_000, 400_000),
    Row(ANSWER + "unknown members", _unknown, 20_000, 245_000),
    Row(ANSWER + "empty lists", _values, 10_000, 120_000),
    Row(ANSWER + "empty lists without end", _values, 20_000, 20_000_000),
    Row(ANSWER + "events instead", _events_for_whole, 900, 200_000),
    Row(ANSWER + "tiny events instead", _tiny_events_for_whole, 2000, 1_000_000),
    Row(ANSWER + "compressed characters", _compressed, 1_000_000, 60_000_000),
    Row(ANSWER + "chunks of one byte", _small_chunks, 20_000, 2_000_000),
    Row("head: lines", _head(b"x-line: a\r\n"), 9, 20_000),
    Row("head: continued lines", _head(b"x: a\r\n b\r\n"), 4, 20_000),
    Row("head: characters of a header", _header, 5_000, 300_000),
    Row("head: lines, byte by byte", _head(b"x-line: a\r\n", piece=1), 9, 2_000),
    Row("head: interim answers", _interim, 500, 50_000),
    Row("trailers, byte by byte", _trailers, 300, 4_000),
    Row(
        ERROR + "characters of the message",
        _error("message", "maximum context length "),
        40_000,
        600_000,
    ),
    Row(ERROR + "characters of the field", _error_field, 2_000, 800_000),
    Row(ERROR + "characters of the code", _error("code", "invalid image "), 20_000, 1_000_000),
    Row(
        ERROR + "characters of failed_generation",
        _error("failed_generation", "<function=a>\n"),
        40_000,
        4_500_000,
    ),
    Row(ERROR + "entries", _error_list, 20_000, 1_000_000),
    Row(ERROR + "parts of a path", _error_path, 50_000, 2_000_000),
    Row(ERROR + "members", _error_members, 20_000, 1_000_000),
    Row(ERROR + "brackets in nested errors", _error_in_errors, 100_000, 15_000_000),
    Row(ERROR + "the request repeated", _echo, 4_000, 400_000),
    Row(ERROR + "a page", _error_text(b"<title>", b"<html></html>"), 50_000, 2_000_000),
    Row(ERROR + "frames", _error_text(b"data: x\n\n"), 50_000, 2_000_000),
    Row(ERROR + "text", _error_text(b"Error code: 400 - {"), 50_000, 800_000),
    Row(ERROR + "blanks", _error_text(b" \n", b"x"), 200_000, 30_000_000),
    Row("list of models: models", _models({"owned_by": "x", "created": 1}), 900, 200_000),
    Row("list of models: characters of an id", _model_id, 100_000, 15_000_000),
    Row("answer to a count: members of usage", _count, 5_000, 1_000_000),
    Row(
        NATIVE + "blocks",
        _native("content", lambda n: [{"type": "text", "text": "a"}] * n),
        5_000,
        1_000_000,
    ),
    Row(
        NATIVE + "characters of text",
        _native("content", lambda n: [{"type": "text", "text": "a" * n}]),
        400_000,
        60_000_000,
    ),
    Row(
        NATIVE + "members of usage",
        _native("usage", lambda n: {f"m{k}": k for k in range(n)}),
        20_000,
        1_000_000,
    ),
    Row(NATIVE + "members called model", _native_names, 5_000, 600_000),
    Row(NATIVE + "empty lists", _native_values, 20_000, 20_000_000),
    Row(NATIVE + "characters of an error", _native_error, 40_000, 1_500_000),
)
