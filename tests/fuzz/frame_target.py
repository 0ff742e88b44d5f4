"""Fuzz target: the frame cache, with streams of many events that differ in few bytes.

Rule: an input is a program, one event a line, because frames are learned from repetition that a few
hundred bytes have no room for. A line's first byte says which event and how often, the rest is the
string in it, put in as it is: valid or not, and able to end the string and say something else.
"""

from __future__ import annotations

from tests.fuzz.input_choices import chosen, cut_at, single_bytes
from tests.fuzz.streams import assert_same

_OPEN = b'data: {"id":"c","choices":[{"index":0,"delta":{'
_SHUT = b'},"finish_reason":null}]}\n\n'
_CALL = b'"tool_calls":[{"index":0,"function":{"arguments":"%b"}}]'
EVENTS: tuple[bytes, ...] = (
    _OPEN + b'"content":"%b"' + _SHUT,
    _OPEN + b'"role":"assistant","content":"%b"' + _SHUT,
    b'data:{"choices": [{"delta" : {"content" : "%b"} }], "usage": null}\n\n',
    b'data: {"usage":{"prompt_tokens":3,"completion_tokens":1},"choices":[{"delta":{"content":"%b"}}]}\n\n',
    _OPEN + b'"reasoning_content":"%b","content":null' + _SHUT,
    _OPEN + b'"reasoning":"%b"' + _SHUT,
    _OPEN + b'"tool_calls":[{"index":0,"id":"call_1","function":{"name":"%b","arguments":""}}]' + _SHUT,
    _OPEN + _CALL + _SHUT,
    _OPEN + _CALL.replace(b":0", b":1") + _SHUT,
    _OPEN + b'"content":"%b"},"finish_reason":"stop' + b'"}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"%b"}]}\n\n',
    b'event: x\nid: %b\ndata: {"choices":[{"delta":{"content":"%b"}}]}\n\n',
    b'data: {"content":"x","choices":[{"delta":{"content":"%b"},"text":"content"}]}\n\n',
    b"data: [DONE%b]\n\n",
    b": %b\r\n\r\n",
    b"%b\n",
)  # fmt: skip
"""The last is whatever the line says."""
TIMES = (1, 2, 9, 20)
LONGEST_STREAM = 8000
"""Bytes above which nothing more is written: so that one input takes milliseconds."""


def learned_frames(data: bytes) -> None:
    """A stream tells the same copied by frames, however it is cut, as event by event."""
    choice, places, program = chosen(data)
    stream = _written_by(program)
    tags = bool(choice & 1)
    assert_same(cut_at(stream, places), stream, think_tags=tags)
    if choice & 2 and len(stream) < 1000:
        assert_same(single_bytes(stream), stream, think_tags=tags)


def _written_by(program: bytes) -> bytes:
    stream = b""
    for line in program.split(b"\n"):
        if len(stream) < LONGEST_STREAM:
            stream += _written(line)
    return stream


def _written(line: bytes) -> bytes:
    if not line:
        return b"\n"
    event = EVENTS[line[0] % len(EVENTS)]
    return event.replace(b"%b", line[1:]) * TIMES[line[0] // len(EVENTS) % len(TIMES)]
