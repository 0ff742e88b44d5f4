"""A stream whose events are copied has the same events as one that is parsed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.convert.reply.context import ReplyContext
from proxy.relay.frame_cache import Frame, frame_of
from proxy.relay.stream_bytes import StreamBytes
from proxy.sse import encode_events
from proxy.upstream.event_decoder import ChunkDecoder

HEAD = '{"id":"chatcmpl-1","created":1,"choices":[{"index":0,"delta":'
TAIL = ',"logprobs":null,"finish_reason":null}],"usage":null}'


class Counter:
    """Counts characters in the place of tokens."""

    def count_input(self) -> int:
        return 1

    def count_output(self, text: str) -> int:
        return len(text)


def translator(*, think_tags: bool = False, cut: tuple[str, ...] = ()) -> StreamTranslator:
    reply = ReplyContext(
        model="m",
        think_tags=think_tags,
        functions=[{"type": "function", "function": {"name": "a"}}],
        text_tool_calls=True,
        cut_here=cut,
        new_message_id=lambda: "msg_1",
        new_tool_id=lambda: "toolu_1",
    )
    return StreamTranslator(reply, request_id="req_1", estimate=Counter())


def events_in(data: bytes) -> list[Any]:
    return [orjson.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: ")]


def plainly(data: bytes, **facts: Any) -> tuple[list[Any], object]:
    """Every event parsed: the reference."""
    told, decoder = translator(**facts), ChunkDecoder()
    events: list[Any] = []
    for chunk in decoder.feed(data):
        if not told.ended:
            events += told.feed(chunk)
    for chunk in decoder.finish():
        if not told.ended:
            events += told.feed(chunk)
    events += told.finish()
    return events_in(encode_events(events)), state_of(told)


def through_frames(data: bytes, cuts: Sequence[int] = (), **facts: Any) -> tuple[list[Any], object]:
    told, decoder = translator(**facts), ChunkDecoder()
    stream = StreamBytes(decoder, told)
    bounds = [0, *sorted({cut % (len(data) + 1) for cut in cuts} - {0, len(data)}), len(data)]
    sent = b""
    for start, end in itertools.pairwise(bounds):
        if not told.ended and end > start:
            sent += stream.feed(data[start:end])
    rest: list[Any] = []
    for chunk in decoder.finish():
        if not told.ended:
            rest += told.feed(chunk)
    rest += told.finish()
    return events_in(sent + encode_events(rest)), state_of(told)


def state_of(told: StreamTranslator) -> object:
    usage = told.usage
    return usage, told.estimated, dict(told.warnings), told.stop_reason, str(told.error)


def text_event(string: str, *, head: str = HEAD, tail: str = TAIL) -> bytes:
    """An event whose text is the JSON string ``string``, given without its quotes."""
    return f'data: {head}{{"content":"{string}"}}{tail}\n\n'.encode("utf-8", "surrogatepass")


def call_event(string: str) -> bytes:
    delta = f'{{"tool_calls":[{{"index":0,"function":{{"arguments":"{string}"}}}}]}}'
    return f"data: {HEAD}{delta}{TAIL}\n\n".encode()


CALL_START = (
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function",'
    b'"function":{"name":"write","arguments":""}}]}}]}\n\n'
)
REASONING = ("reasoning_content", "reasoning")


def thought_event(string: str, member: str) -> bytes:
    return f'data: {HEAD}{{"{member}":"{string}","content":null}}{TAIL}\n\n'.encode()


FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"

STRINGS = st.sampled_from(
    ["a", "b c", "", " ", "\\n", '\\"', "\\\\", "\\", '"', "é", "\\u00e9", "\\ud83d", "\\ude00", "{",
     "}", '{\\"a\\":', "1", ",", "\x7f", "\x01", "\t", "\\u007f", "\\x", "😀", "\\/", "<think>",
     "</think>", "<", "<tool_call>", "a</tool_call>", "\\n<tool_call>a</", "<b>", "data: x",
     '"}', "claude-proxy-mark", "\\u12", "\\b", "[DONE]", "{}"]
)  # fmt: skip
TEXTS = st.lists(STRINGS, max_size=3).map("".join)
TAILS = st.sampled_from(
    [TAIL, TAIL, TAIL, ',"finish_reason":null}]}', ',"index":1}]}', "}]", TAIL + " "]
)
HEADS = st.sampled_from(
    [
        HEAD,
        HEAD,
        HEAD,
        '{"choices": [{"delta": ',
        '{"usage":{"prompt_tokens":3},"choices":[{"delta":',
    ]
)
EVENTS = st.one_of(
    st.builds(lambda s, h, t: text_event(s, head=h, tail=t), TEXTS, HEADS, TAILS),
    TEXTS.map(text_event),
    TEXTS.map(text_event),
    TEXTS.map(call_event),
    TEXTS.map(call_event),
    st.builds(thought_event, TEXTS, st.sampled_from(REASONING)),
    st.builds(lambda s: thought_event(s, "reasoning"), TEXTS),
    st.sampled_from(
        [CALL_START, FINISH, DONE, b": comment\n\n", b"\n\n", b"\r\n", b"data: x\n\n", b"event: x\n",
         b"\xff\xfe", b"data: \xe2\x82\n\n", b'data: {"error":{"message":"m"}}\n\n', b"id: 7\n"]
    ),
)  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Events in any order, most of them in runs."""
    pieces = []
    for event in draw(st.lists(EVENTS, max_size=12)):
        pieces += [event] * draw(st.sampled_from([1, 1, 2, 5, 20]))
    return b"".join(pieces)


@given(streams(), st.lists(st.integers(0, 5000), max_size=20), st.booleans())
@example(text_event("a") * 20 + text_event('x\\"y') * 3 + FINISH, [7, 450, 451], False)
@example(
    CALL_START + call_event('{\\"a\\":') + call_event("1") * 9 + call_event("}") * 3, [], False
)
@settings(deadline=None, max_examples=400)
def test_the_same_events_as_parsed_one_by_one(data: bytes, cuts: list[int], tags: bool) -> None:
    assert through_frames(data, cuts, think_tags=tags) == plainly(data, think_tags=tags)


@given(
    streams(),
    st.lists(st.integers(0, 5000), max_size=20),
    st.sampled_from([("a",), ("b c", "ca"), ("1", "<think>"), ("aaaaaaaa",)]),
)
@example(text_event("a") * 20 + FINISH, [7, 450, 451], ("aaab", "aaaaaaaaaaaa"))
@settings(deadline=None, max_examples=200)
def test_the_same_where_text_is_cut(data: bytes, cuts: list[int], cut: tuple[str, ...]) -> None:
    assert through_frames(data, cuts, cut=cut) == plainly(data, cut=cut)


@pytest.mark.parametrize(
    "string",
    [
        "plain",
        "two\\nlines",
        '\\"quoted\\"',
        "\\\\",
        "caf\u00e9 \U0001f600",
        "\\u00e9\\ud83d\\ude00",
    ],
)
def test_a_frame_copies_the_string_as_it_is(string: str) -> None:
    frame = frame_from(text_event("first"))
    copied = frame.copy(text_event(string) * 3, 0)
    assert copied is not None
    assert copied.texts == [orjson.loads(f'"{string}"')] * 3
    assert copied.end == len(text_event(string) * 3)
    assert copied.data.count(string.encode()) == 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (text_event(""), "an empty string is no delta"),
        (text_event("\\"), "the string would not end"),
        (text_event('a","role":"x'), "an unescaped quote"),
        (text_event("\\x"), "no such escape"),
        (text_event("\\ud83d"), "half a character"),
        (text_event("\x01"), "a raw control character"),
        (text_event("a")[:-1], "not yet whole"),
        (text_event("a", tail=',"finish_reason":"stop"}]}'), "another frame"),
        (b"data: {}\n\n", "nothing of it"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_not_copied(data: bytes, reason: str) -> None:
    assert frame_from(text_event("first")).copy(data, 0) is None, reason


def test_copying_stops_in_front_of_the_first_event_that_is_different() -> None:
    frame, same = frame_from(text_event("first")), text_event("x") * 2
    for other in (text_event('a","b":"c'), FINISH, text_event("")):
        copied = frame.copy(b"...." + same + other + same, 4)
        assert copied is not None
        assert (copied.texts, copied.end) == (["x", "x"], 4 + len(same))


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"delta":{"content":5}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"a"}}],"note":"\\"content\\""}\n',
        b'data: {"choices":[{"delta":{"content":"a"},"content":"b"}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}\n\n',
    ],
    ids=["no string", "not a whole event", "another member of the name", "usage beside it"],
)
def test_an_event_without_a_certain_place_has_no_frame(event: bytes) -> None:
    assert frame_of(event, open_run()) is None


@pytest.mark.parametrize("word", ["word", "a <b>c</b> d"])
@pytest.mark.parametrize("text_calls", [False, True])
def test_most_of_a_plain_stream_is_copied(text_calls: bool, word: str) -> None:
    told, data = (
        CountingTranslator(ReplyContext(model="m", text_tool_calls=text_calls), request_id="r"),
        b"".join([text_event(word) * 1000, FINISH, DONE]),
    )
    stream = StreamBytes(ChunkDecoder(), told)
    sent = stream.feed(text_event("first"))
    sent += b"".join(stream.feed(data[at : at + 4096]) for at in range(0, len(data), 4096))
    assert sent.count(b'"text_delta"') == 1001
    assert told.parsed < 10


class CountingTranslator(StreamTranslator):
    """Counts the chunks that were parsed."""

    parsed = 0

    def feed(self, chunk: Any) -> list[Any]:
        self.parsed += 1
        return super().feed(chunk)


def open_run() -> Any:
    told = translator()
    for text in "ab":
        told.feed({"choices": [{"delta": {"content": text}}]})
    run = told.run()
    assert run is not None
    return run


def frame_from(event: bytes) -> Frame:
    frame = frame_of(event, open_run())
    assert isinstance(frame, Frame)
    return frame
