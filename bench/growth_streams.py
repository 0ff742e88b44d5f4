"""What an upstream can repeat in streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bench.growth import Row, Sample
from bench.growth_samples import BEGIN, END, chunk, event, fragment, native_stream, streamed

STREAM = "stream: "
NATIVE = "native stream: "


def _same(
    data: bytes, *, model: str = "m", begin: bytes = BEGIN, end: bytes = END, piece: int = 0
) -> Any:
    return lambda n: streamed([data * n], model=model, begin=begin, end=end, piece=piece)


def _each(make: Any, *, model: str = "m", begin: bytes = BEGIN, end: bytes = END) -> Any:
    return lambda n: streamed(map(make, range(n)), model=model, begin=begin, end=end)


def _delta(**members: Any) -> bytes:
    return chunk(members)


def _in_one(member: str, value: Any) -> Any:
    return lambda n: streamed([chunk({member: value(n)})])


def _lines(n: int) -> Sample:
    return streamed([b"data: [\n" + b"data: 1,\n" * n + b"data: 1]\n\n"])


def _blank_lines_after_lines(n: int) -> Sample:
    line = b'data: "%b",\n' % (b"a" * 430)
    return streamed([b"data: [\n" + line * n, b"data: 1]" + b"\n" * (2 * n + 200)])


def _text(n: int) -> Sample:
    return streamed([chunk({"content": "a" * n})])


def _alternating(k: int) -> bytes:
    return chunk({"content": "a"}) * 2 + chunk({"content": "b"}, usage={"prompt_tokens": k + 1})


def _endings(k: int) -> bytes:
    return chunk({"content": "a"}, index=k, finish="stop")


def _usage(k: int) -> bytes:
    return chunk({"content": "a"}, usage={"prompt_tokens": 1, f"x{k}_tokens": 1})


def _detail(k: int) -> bytes:
    item = {"type": "reasoning.text", "text": "a", f"m{k}": 1}
    return chunk({"reasoning_details": [item]})


def _item(k: int) -> bytes:
    item = {"type": "reasoning.text", "text": "a", "id": str(k)}
    return chunk({"reasoning_details": [item]})


def _opaque(k: int) -> bytes:
    return chunk({"reasoning_opaque": str(k), "content": ""})


def _vendor(k: int) -> bytes:
    return chunk({"content": "a", "extra_content": {f"v{k}": {"thought_signature": "x"}}})


def _other_call(k: int) -> bytes:
    return fragment(k, '{"path":"a"}', name="Read", number=k)


def _begun_calls(n: int) -> Sample:
    """Calls that wait for one that is not complete, and texts that wait too."""
    calls = [fragment(0, '{"path":', name="Read", number=0)]
    calls += [fragment(k, '{"path":"a"}', name="Read", number=k) for k in range(1, n)]
    return streamed([*calls, chunk({"content": "a"}) * (10 * n)])


def _nameless(k: int) -> bytes:
    return fragment(k, "{}")


def _arguments(first: str, piece: str, *, model: str = "m") -> Any:
    begin = BEGIN + fragment(0, first, name="Read", number=1)
    return lambda n: streamed([fragment(0, piece) * n], model=model, begin=begin)


def _long_first(n: int) -> Sample:
    begin = BEGIN + fragment(0, "[" + "1," * 100 * n, name="Read", number=1)
    begin += fragment(1, '{"path":"a"}', name="Read", number=2)
    return streamed([fragment(0, "1,") * n], model="held", begin=begin)


def _deep_first(n: int) -> Sample:
    begin = BEGIN + fragment(0, '{"a":' + "[" * n, name="Read", number=1)
    return streamed([fragment(0, "1,") * n], begin=begin)


def _comma_first(n: int) -> Sample:
    begin = BEGIN + fragment(0, '{"a":1,' + " " * (10 * n), name="Read", number=1)
    return streamed([fragment(0, " ") * min(n, 900)], begin=begin)


def _repeated(n: int) -> Sample:
    """Arguments that were sent once more from their start, and then in pieces."""
    start = '{"path":"' + "a" * 100 * n
    begin = BEGIN + fragment(0, start, name="Read", number=1) + fragment(0, start + '"b')
    return streamed([fragment(0, "a") * n], begin=begin)


def _key(n: int) -> Sample:
    begin = BEGIN + fragment(0, '{"', name="Read", number=1)
    return streamed([fragment(0, "a") * n], begin=begin)


def _snapshots(n: int) -> Sample:
    texts = ["ab cd ef gh " + "x" * 50 * k for k in range(n)]
    return streamed([chunk({"content": text}) for text in texts], begin=b"")


def _spellings(k: int) -> bytes:
    return chunk({"reasoning": f"b{k}"}) + chunk({"reasoning_content": f"a{k}"})


def _half(k: int) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%d \\ud83d"}}]}\n\n' % k


def _half_then_much(n: int) -> Sample:
    values = (
        b'data: {"choices":[{"index":0,"delta":{"content":""}}],"m":[' + b"[]," * n + b"0]}\n\n"
    )
    return streamed([_half(1) + values])


def _halves_in_one(n: int) -> Sample:
    return streamed([b'data: {"choices":[{"delta":{"content":"' + b"\\ud83d" * n + b'"}}]}\n\n'])


def _values(n: int) -> Sample:
    return streamed([b'data: {"choices":[],"m":[' + b"[]," * n + b"0]}\n\n"])


def _not_utf8(n: int) -> Sample:
    return streamed(
        [b'data: {"choices":[{"index":0,"delta":{"content":"' + b"\xff" * n + b'"}}]}\n\n']
    )


def _other_characters(n: int) -> Sample:
    return streamed([chunk({"content": "é漢" * n})])


def _error(n: int) -> Sample:
    return streamed([b"data: " + orjson.dumps({"error": {"message": "bad " * n}}) + b"\n\n"])


def _quoted(n: int) -> Sample:
    """A call in the answer, and a history full of others."""
    written = '<tool_call>{"name":"Read","arguments":{"path":"%s"}}</tool_call>\n'
    said = [{"role": "user", "content": written % "b" * n}]
    calls = "".join(written % f"a{k}" for k in range(128))
    return streamed([chunk({"content": f"\n{calls}"})], ask={"messages": said})


def _quoted_entities(n: int) -> Sample:
    said = [{"role": "user", "content": "&lt;\\u003c 1: " * n}]
    call = '\n<tool_call>{"name":"Read","arguments":{"path":"a"}}</tool_call>'
    return streamed([chunk({"content": call})], ask={"messages": said})


def _native_deltas(n: int) -> Sample:
    return native_stream([_NATIVE_DELTA * n])


def _native_usage(k: int) -> bytes:
    return event("message_delta", delta={}, usage={f"m{k}": 1})


def _native_each(make: Any) -> Any:
    return lambda n: native_stream(map(make, range(n)))


def _native_unnamed(n: int) -> Sample:
    return native_stream([event("x") * n], begin=b"")


def _native_long(n: int) -> Sample:
    return native_stream([event("content_block_delta", delta={"text": "a" * n})])


def _native_pieces(n: int) -> Sample:
    return native_stream([event("content_block_delta", delta={"text": "a" * n})], piece=100)


def _native_lines(n: int) -> Sample:
    return native_stream([b"event: message_delta\n" + b"data: 1\n" * n + b"\n"])


def _native_start(n: int) -> Sample:
    message: Mapping[str, Any] = {"model": "up", "usage": {f"m{k}": k for k in range(n)}}
    return native_stream([], begin=event("message_start", message=message))


_NATIVE_DELTA = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"})

STREAMS: tuple[Row, ...] = (
    Row(STREAM + "events of text", _same(chunk({"content": "ab"})), 10_000, 200_000),
    Row(
        STREAM + "events of text that differ",
        _each(lambda k: chunk({"content": "ab"}, o=k)),
        1_000,
        60_000,
    ),
    Row(STREAM + "events in small reads", _same(chunk({"content": "ab"}), piece=50), 300, 3_000),
    Row(STREAM + "events of two forms", _each(_alternating), 400, 40_000),
    Row(STREAM + "characters of an event", _text, 400_000, 15_000_000),
    Row(
        STREAM + "characters of an event in small reads",
        lambda n: streamed([chunk({"content": "a" * n})], piece=100),
        20_000,
        400_000,
    ),
    Row(STREAM + "bytes that are not UTF-8 in an event", _not_utf8, 100_000, 15_000_000),
    Row(STREAM + "other characters of an event", _other_characters, 100_000, 3_000_000),
    Row(STREAM + "lines of an event", _lines, 5_000, 1_000_000),
    Row(STREAM + "lines of an event and blank lines", _blank_lines_after_lines, 1_000, 19_000),
    Row(STREAM + "blank lines", _same(b"\n"), 100_000, 10_000_000),
    Row(STREAM + "comments", _same(b": x\n\n"), 3_000, 600_000),
    Row(STREAM + "empty objects", _same(b"data:{}\n\n"), 2_000, 400_000),
    Row(
        STREAM + "events with a name", _same(b"event: x\n" + chunk({"content": "a"})), 1_000, 60_000
    ),
    Row(STREAM + "empty lists in an event", _values, 20_000, 5_000_000),
    Row(
        STREAM + "choices in an event",
        lambda n: streamed(
            [b"data: " + orjson.dumps({"choices": [{"delta": {"content": "a"}}] * n}) + b"\n\n"]
        ),
        1000,
        200_000,
    ),
    Row(
        STREAM + "parts in an event",
        _in_one("content", lambda n: [{"type": "text", "text": "a"}] * n),
        900,
        400_000,
    ),
    Row(
        STREAM + "pairs of parts in an event",
        _in_one("content", lambda n: [{"type": "thinking", "text": "a"}, "b"] * n),
        450,
        200_000,
    ),
    Row(
        STREAM + "calls in an event",
        _in_one(
            "tool_calls",
            lambda n: [
                {"index": k, "id": f"c{k}", "function": {"name": "Read", "arguments": "{}"}}
                for k in range(n)
            ],
        ),
        190,
        200_000,
    ),
    Row(
        STREAM + "items of reasoning in an event",
        _in_one("reasoning_details", lambda n: [{"text": "a", "id": str(k)} for k in range(n)]),
        900,
        200_000,
    ),
    Row(STREAM + "finish reasons of choices", _each(_endings), 1_000, 50_000),
    Row(STREAM + "members of usage, one in each event", _each(_usage), 4_000, 100_000),
    Row(STREAM + "members of reasoning, one in each event", _each(_detail), 4_000, 80_000),
    Row(STREAM + "items of reasoning, one in each event", _each(_item), 800, 80_000),
    Row(STREAM + "state of reasoning, one in each event", _each(_opaque), 800, 80_000),
    Row(STREAM + "vendors of private state, one in each event", _each(_vendor), 800, 80_000),
    Row(STREAM + "reasoning in two spellings", _each(_spellings), 500, 30_000),
    Row(
        STREAM + "thinking in tags",
        _same(chunk({"content": "<think"}), model="tags", begin=chunk({"content": "<think>"})),
        1_000,
        80_000,
    ),
    Row(STREAM + "snapshots", _snapshots, 60, 900),
    Row(STREAM + "halves of characters", _each(_half), 800, 60_000),
    Row(STREAM + "values after half a character", _half_then_much, 5_000, 4_000_000),
    Row(STREAM + "halves in an event", _halves_in_one, 12_000, 2_000_000),
    Row(STREAM + "begun calls as text", _same(chunk({"content": "\n<tool_call>{"})), 600, 60_000),
    Row(STREAM + "begun tags", _same(chunk({"content": "<"})), 800, 60_000),
    Row(STREAM + "texts of a history with calls as text", _quoted, 2_000, 80_000),
    Row(STREAM + "entities of a history with calls as text", _quoted_entities, 8_000, 400_000),
    Row(STREAM + "calls", _each(_other_call), 190, 60_000),
    Row(STREAM + "calls that are not complete", _begun_calls, 190, 30_000),
    Row(STREAM + "calls without a name", _each(_nameless), 190, 60_000),
    Row(STREAM + "pieces of arguments", _arguments('{"path":"', "a"), 10_000, 200_000),
    Row(
        STREAM + "pieces of arguments that are held",
        _arguments('{"path":"', "a", model="held"),
        1_000,
        60_000,
    ),
    Row(STREAM + "pieces of broken arguments", _arguments("{'path':'", "it's "), 800, 60_000),
    Row(STREAM + "blanks after an apostrophe", _arguments("{'path':'x'", " "), 800, 60_000),
    Row(STREAM + "pieces after a long one", _long_first, 800, 60_000),
    Row(STREAM + "pieces after many brackets", _deep_first, 800, 60_000),
    Row(STREAM + "blanks after a comma", _comma_first, 5_000, 400_000),
    Row(STREAM + "pieces after repeated arguments", _repeated, 800, 60_000),
    Row(STREAM + "pieces of a name of an argument", _key, 800, 60_000),
    Row(STREAM + "characters of an error", _error, 50_000, 3_500_000),
    Row(NATIVE + "events of text", _native_deltas, 10_000, 200_000),
    Row(NATIVE + "events before the message", _native_unnamed, 1_000, 100_000),
    Row(NATIVE + "members of usage, one in each event", _native_each(_native_usage), 800, 80_000),
    Row(NATIVE + "members of the first usage", _native_start, 3_000, 1_000_000),
    Row(NATIVE + "characters of an event", _native_long, 400_000, 15_000_000),
    Row(NATIVE + "characters of an event in small reads", _native_pieces, 20_000, 900_000),
    Row(NATIVE + "lines of an event", _native_lines, 5_000, 1_000_000),
)
