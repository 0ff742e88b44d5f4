"""Bytes of event streams -> chunks."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sseclient import SSEClient

from proxy.sse import Chunk, Signal
from proxy.upstream.decode import load_json
from proxy.upstream.event_decoder import ChunkDecoder, _long_event, sniff

BAD = Signal.UNDECODABLE
DONE = Signal.DONE


def decoded(*reads: bytes, event_bytes: int = 1000) -> list[Chunk]:
    decoder = ChunkDecoder(event_bytes=event_bytes)
    chunks = [chunk for read in reads for chunk in decoder.feed(read)]
    return chunks + decoder.finish()


def test_12_4_1_the_name_of_a_responses_event_is_its_type() -> None:
    data = b'data: {"a":1}\n\n'
    assert decoded(b"event: response.created\n" + data) == [{"type": "response.created", "a": 1}]
    assert decoded(b"event: other\n" + data) == [{"a": 1}]
    typed = b'event: response.created\ndata: {"type":"x"}\n\n'
    assert decoded(typed) == [{"type": "x"}]


STREAMS = [
    pytest.param(b'data: {"a":1}\n\ndata: [DONE]\n\n', [{"a": 1}, DONE], id="edge 64 plain"),
    pytest.param(b'data:{"a":1}\n\n', [{"a": 1}], id="edge 64 no space behind the colon"),
    pytest.param(b'data:  {"a":1} \n\n', [{"a": 1}], id="edge 64 more space"),
    pytest.param(b'data: {"a":1}\r\n\r\ndata: 2\r\n\r\n', [{"a": 1}, 2], id="edge 64 CRLF"),
    pytest.param(b'data: {"a":1}\r\rdata: 2\r\r', [{"a": 1}, 2], id="edge 64 CR"),
    pytest.param(
        b"data: 1\n\r\ndata: 2\r\n\ndata: 3\n\n", [1, 2, 3], id="edge 64 mixed blank lines"
    ),
    pytest.param(b'\xef\xbb\xbfdata: {"a":1}\n\n', [{"a": 1}], id="edge 64 byte order mark"),
    pytest.param(b'data: {"a":\ndata: 1}\n\n', [{"a": 1}], id="edge 64 data in several lines"),
    pytest.param(
        b'event: x\nid: 7\nretry: 10\nother: y\ndata: {"a":1}\n\n', [{"a": 1}], id="edge 64 fields"
    ),
    pytest.param(b"data:\n\ndata: \n\ndata\n\ndata: 1\n\n", [1], id="edge 64 blank data"),
    pytest.param(b"\n\n\n\n\ndata: 1\n\n\n\n\ndata: 2\n\n", [1, 2], id="edge 64 extra blank lines"),
    pytest.param(
        b": OPENROUTER PROCESSING\n\n:\n\n: keep-alive\ndata: 1\n\n", [1], id="edge 63 comments"
    ),
    pytest.param(
        'data: "g\u00fcn \U0001f600"\n\n'.encode(), ["g\u00fcn \U0001f600"], id="edge 65 UTF-8"
    ),
    pytest.param(b'data: "a\xffb"\n\ndata: 1\n\n', ["a\ufffdb", 1], id="4 bad UTF-8 is replaced"),
    pytest.param(
        'data: "a\u2028b\u0085c\u2029"\n\n'.encode(),
        ["a\u2028b\u0085c\u2029"],
        id="4 odd line ends in a text",
    ),
    pytest.param(b"data: nope\n\ndata: 1\n\n", [BAD, 1], id="edge 66 not JSON"),
    pytest.param(b"data: NaN\n\ndata: [1,\n\n", [BAD, BAD], id="edge 66 NaN and half a value"),
    pytest.param(b"data: " + b"9" * 400 + b"\n\n", [BAD], id="edge 66 a number without end"),
    pytest.param(b"data: " + b"[" * 900 + b"\n\n", [BAD], id="edge 66 nesting"),
    pytest.param(
        b'data: {"t":"\\ud83d"}\n\ndata: {"t":"x"}\n\n',
        [{"t": ""}, {"t": "\ufffdx"}],
        id="edge 66 half an escaped emoji is kept",
    ),
    pytest.param(b"data: 1\n\ndata: 2", [1, 2], id="4 unterminated last event"),
    pytest.param(b"data: 1\n\ndata: [DONE]", [1, DONE], id="4 unterminated end mark"),
    pytest.param(b"data: 1\n\ndata: [DONE]\n", [1, DONE], id="4 end mark without blank line"),
    pytest.param(b'data: 1\n\ndata: {"a', [1], id="4 half an event at the end is dropped"),
    pytest.param(
        b'event: error\ndata: {"message":"x"}\n\n',
        [{"error": {"message": "x"}}],
        id="4 named error",
    ),
    pytest.param(
        b'event: error\ndata: {"error":{"code":1}}\n\n',
        [{"error": {"code": 1}}],
        id="4 error member",
    ),
    pytest.param(
        b"event: error\ndata: overloaded\n\n", [{"error": "overloaded"}], id="4 error text"
    ),
    pytest.param(b"event: error\ndata: [DONE]\n\n", [DONE], id="4 end mark named error"),
    pytest.param(
        b'error: {"code":400,"message":"x"}\n\ndata: [DONE]\n\n',
        [{"error": {"code": 400, "message": "x"}}, DONE],
        id="4 error as a field",
    ),
    pytest.param(
        b'data: 1\r\n\r\nerror:{"error":{"code":1}}\r\n\r\n',
        [1, {"error": {"code": 1}}],
        id="4 error as a field, CRLF",
    ),
    pytest.param(b"error: out of memory\n\n", [{"error": "out of memory"}], id="4 a text in it"),
    pytest.param(b'data: 1\n\nerror: {"a":2}', [1, {"error": {"a": 2}}], id="4 unterminated"),
    pytest.param(
        b'data: "error: 1"\n\ndata: "\\nerror: 2"\n\n',
        ["error: 1", "\nerror: 2"],
        id="4 the same word in a text",
    ),
    pytest.param(b"my error: 1\n\ndata: 1\n\n", [1], id="4 another field"),
    pytest.param(b"event: error\n\ndata: {}\n\n", [{}], id="4 a name lasts for one event"),
    pytest.param(b"<html><body>hi</body></html>\n\n", [], id="4 not an event stream"),
    pytest.param(b"", [], id="4 nothing"),
    pytest.param(b"\xef\xbb", [], id="4 half a byte order mark"),
    pytest.param(
        b"data: 1\n\ndata: " + b"x" * 995 + b"\n\ndata: 2\n\n",
        [1, BAD, 2],
        id="4 above the size cap",
    ),
    pytest.param(
        b'data: "' + b"x" * 992 + b'"\n\ndata: 2\n\n', ["x" * 992, 2], id="4 exactly the size cap"
    ),
    pytest.param(b"data: " + b"x" * 5000, [BAD], id="4 above the size cap and unterminated"),
    pytest.param(
        b"data: 1\n" * 100 + b"\ndata: 2\n\n", [BAD, 2], id="4 an event of many lines, not JSON"
    ),
    pytest.param(
        b"data: [\n" + b": x\n" * 100 + b"event: e\ndata: 1]\n\n",
        [[1]],
        id="4 an event of many lines",
    ),
    pytest.param(
        b"event: error\n" + b"event\nevent: error\n" * 40 + b"data: 1\n\n",
        [{"error": 1}],
        id="4 an error of many lines",
    ),
]


@pytest.mark.parametrize(("stream", "chunks"), STREAMS)
def test_streams_at_once(stream: bytes, chunks: list[Chunk]) -> None:
    assert decoded(stream) == chunks


@pytest.mark.parametrize(("stream", "chunks"), STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_streams_in_small_reads(stream: bytes, chunks: list[Chunk], size: int) -> None:
    assert decoded(*[stream[i : i + size] for i in range(0, len(stream), size)]) == chunks


line = st.one_of(
    st.sampled_from(
        [
            b"data: 1",
            b"data:[2]",
            b"data",
            b"data: [DONE]",
            b": c",
            b"event: error",
            b"id: 3",
            b"",
            b"",
        ]
    ),
    st.builds(lambda value: b"data: " + json.dumps(value).encode(), st.text(max_size=8)),
    st.builds(lambda text: b"data: " + text.encode(), st.text(max_size=8)),
    st.binary(max_size=8),
)
end = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\n\r\n"])
stream_bytes = st.lists(st.tuples(line, end), max_size=30).map(
    lambda rows: b"".join(a + b for a, b in rows)
)
prefix = st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\xef"])


@given(prefix, stream_bytes, st.lists(st.integers(1, 12), max_size=40), st.integers(5, 40))
@example(b"", b"data: 1\r\n\r\ndata: 2\r\n\r\n", [8, 1, 1, 1], 40)
@example(b"", b"\r\n\r\r\n\n", [1, 1, 1], 40)
def test_4_any_cutting_gives_the_same_chunks(
    start: bytes, body: bytes, sizes: list[int], cap: int
) -> None:
    whole = start + body
    reads, rest = [], whole
    for size in sizes:
        reads.append(rest[:size])
        rest = rest[size:]
    at_once = decoded(whole, event_bytes=cap)
    assert decoded(*reads, rest, event_bytes=cap) == at_once
    assert decoded(*[whole[i : i + 1] for i in range(len(whole))], event_bytes=cap) == at_once


@given(st.lists(line.filter(lambda row: b"\n" not in row and b"\r" not in row and row != b"")))
def test_4_long_events_are_parsed_as_sseclient_parses_them(rows: list[bytes]) -> None:
    block = b"\n".join(rows).decode("utf-8", "replace").encode()
    events: list[Any] = list(SSEClient(iter([block + b"\n\n"])).events())
    name, data = _long_event(block.decode())
    if events:
        assert (name, data) == (events[0].event, events[0].data)
    else:
        assert data == ""


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_4_nothing_raises(reads: list[bytes]) -> None:
    decoded(*reads, event_bytes=20)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b'data: "' + b"x" * 15_000_000 + b'"\n\n', id="one line"),
        pytest.param(b"data: 1\n" * 1_000_000 + b"\n", id="a million lines"),
        pytest.param(b": x\n" * 2_000_000 + b"\n", id="a million comments"),
        pytest.param(b"\n" * 1_000_000, id="a million blank lines"),
        pytest.param(b'data: "' + b"x" * 40_000_000, id="above the cap"),
    ],
)
@pytest.mark.long(except_every=3)
def test_4_a_huge_event_takes_linear_time(stream: bytes) -> None:
    decoder = ChunkDecoder()
    started = time.process_time()
    for start in range(0, len(stream), 8192):
        decoder.feed(stream[start : start + 8192])
    decoder.finish()
    # Quadratic time would be minutes.
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("data", "label", "kind"),
    [
        pytest.param(b'{"id":1}', "text/event-stream", "json", id="edge 38 JSON as a stream"),
        pytest.param(b'\xef\xbb\xbf \n[{"error":1}]', None, "json", id="edge 38 JSON list"),
        pytest.param(b"data: 1\n\n", "application/json", "sse", id="edge 38 a stream as JSON"),
        pytest.param(b": hello\n\n", "text/plain", "sse", id="edge 38 a comment first"),
        pytest.param(b"event: x\n", None, "sse", id="edge 38 no label"),
        pytest.param(b"\xef\xbb\xbfdata: 1", None, "sse", id="edge 38 byte order mark"),
        pytest.param(b"da", None, "sse", id="edge 38 a first read of two bytes"),
        pytest.param(b'error: {"code":1}\n\n', None, "sse", id="edge 38 llama.cpp's error field"),
        pytest.param(b"errors were found", None, "other", id="edge 38 a text about errors"),
        pytest.param(b"x: y\n", "text/event-stream; charset=utf-8", "sse", id="edge 38 labelled"),
        pytest.param(b"<html>", "text/event-stream", "other", id="edge 38 HTML as a stream"),
        pytest.param(b"<html>", "text/html", "other", id="edge 38 HTML"),
        pytest.param(b"hello", "application/json", "other", id="edge 38 text as JSON"),
        pytest.param(b"", "application/json", "json", id="edge 38 nothing, labelled JSON"),
        pytest.param(b" \n", "text/event-stream", "sse", id="edge 38 blank, labelled stream"),
        pytest.param(b"", "", "other", id="edge 38 nothing at all"),
    ],
)
def test_sniff(data: bytes, label: str | None, kind: str) -> None:
    assert sniff(data, label) == kind


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}, id="a pair"),
        pytest.param('{"a": "x\\uDE00y"}', {"a": "x\ufffdy"}, id="a lone low surrogate"),
        pytest.param(b'["\\ud83d", 1]', ["\ufffd", 1], id="bytes"),
        pytest.param("123456789012345678901234567890", 1.2345678901234568e29, id="a large integer"),
    ],
)
def test_load_json(text: str | bytes, value: object) -> None:
    assert load_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('["\\ud83d", NaN]', id="NaN"),
        pytest.param('["\\ud83d", ' + "9" * 6000 + "]", id="6000 digits"),
        pytest.param('["\\ud83d", ' + "[" * 100_000, id="nested"),
        pytest.param('["\\ud83d"', id="half"),
        pytest.param(b'["\\ud83d\xff"]', id="bad UTF-8"),
        pytest.param(b'["\xed\xa0\x80"]', id="a surrogate in UTF-8"),
        pytest.param("", id="nothing"),
    ],
)
def test_load_json_refuses(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is the contract, not the words
        load_json(text)


def test_edge_42a_a_long_event_is_read_whatever_stands_between_events() -> None:
    lines = b"".join(b"data: %d,\n" % n for n in range(2000))
    stream = b"data: [\n" + lines + b"data: 0]\n" + b"\n" * 5000 + b"data: 1\n\n"
    assert ChunkDecoder().feed(stream) == [[*range(2000), 0], 1]
