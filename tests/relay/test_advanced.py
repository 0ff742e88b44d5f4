"""What counts as output of the model, so that it moves the limit on silence of content."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from proxy.convert.reply.context import ReplyContext
from proxy.relay.chat.codec import ChatCodec
from proxy.relay.native.codec import NativeCodec
from tests.api.test_native import event
from tests.upstream_stub import chunk, tool_call

FILLER = b'event: ping\ndata: {"type": "ping"}\n\n'
COMMENT = b": OPENROUTER PROCESSING\n\n"


def line(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def chat_codec(*, think_tags: bool = False, cut: tuple[str, ...] = ()) -> ChatCodec:
    reply = ReplyContext(
        model="m",
        think_tags=think_tags,
        functions=[{"type": "function", "function": {"name": "a"}}],
        text_tool_calls=True,
        cut_here=cut,
        new_message_id=lambda: "msg_1",
        new_tool_id=lambda: "toolu_1",
    )
    settings = SimpleNamespace(enable_token_estimation=False, log_stream_text_preview_chars=0)
    record = SimpleNamespace(request_id="req_1")
    call = SimpleNamespace(settings=settings, record=record, estimate=lambda _: None)
    return ChatCodec(cast(Any, call), cast(Any, SimpleNamespace(reply=reply, body={})))


def native_codec() -> NativeCodec:
    upstream = SimpleNamespace(preview_chars=0)
    return NativeCodec(cast(Any, SimpleNamespace(upstream=upstream, client_model=None)))


CALL = tool_call(0, '{"a": ', id="call_1", name="a")
NOTHING_IN_CHAT = {
    "a comment": COMMENT,
    "several comments": COMMENT * 3,
    "half a comment": b": keep",
    "a ping": FILLER,
    "a blank line": b"\n\n",
    "an empty delta": line(chunk()),
    "a role": line(chunk(role="assistant")),
    "empty text": line(chunk(content="")),
    "no text": line(chunk(content=None)),
    "empty reasoning": line(chunk(reasoning_content="", content=None)),
    "empty calls": line(chunk(tool_calls=[])),
    "a call without a part": line(chunk(tool_calls=[tool_call(0, "")])),
    "obfuscation": line(chunk(obfuscation="xyz")),
    "no choices": line({**chunk(), "choices": []}),
    "usage so far": line({**chunk(usage={"prompt_tokens": 3}), "choices": []}),
}
CONTENT_IN_CHAT = {
    "text": chunk(content="more"),
    "a space": chunk(content=" "),
    "reasoning": chunk(reasoning_content="more"),
    "reasoning of details": chunk(reasoning_details=[{"type": "reasoning.text", "text": "more"}]),
    "encrypted reasoning": chunk(reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}]),
    "a refusal": chunk(refusal="no"),
    "arguments": chunk(tool_calls=[tool_call(0, "1")]),
    "another call": chunk(tool_calls=[tool_call(1, "", id="call_2", name="a")]),
    "parts": chunk(content=[{"type": "text", "text": "more"}]),
}


@pytest.mark.parametrize("sent", NOTHING_IN_CHAT.values(), ids=NOTHING_IN_CHAT)
@pytest.mark.parametrize("before", [chunk(content="Hello"), chunk(tool_calls=[CALL])])
def test_a_read_without_content_is_no_advance(before: dict[str, Any], sent: bytes) -> None:
    codec = chat_codec()
    codec.feed(line(before))
    assert codec.advanced()
    for _ in range(3):
        codec.feed(sent)
        assert not codec.advanced()


@pytest.mark.parametrize("sent", CONTENT_IN_CHAT.values(), ids=CONTENT_IN_CHAT)
@pytest.mark.parametrize("before", [chunk(content="Hello"), chunk(tool_calls=[CALL])])
def test_each_read_with_content_is_an_advance(before: dict[str, Any], sent: dict[str, Any]) -> None:
    codec = chat_codec()
    codec.feed(line(before))
    codec.feed(COMMENT + line(sent) + line(chunk()))
    assert codec.advanced()
    codec.feed(COMMENT)
    assert not codec.advanced()


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        pytest.param(
            {"cut": ("END OF ANSWER",)}, ("a", "EN", "D OF", " AN"), id="of a stop string"
        ),
        pytest.param({"think_tags": True}, ("a", "<", "thi", "n"), id="of a tag"),
        pytest.param({}, ("a\n", "<tool_call>\n", '{"name"', ': "a"'), id="of a call in text"),
    ],
)
def test_content_that_is_held_back_is_an_advance(
    options: dict[str, Any], texts: tuple[str, ...]
) -> None:
    codec = chat_codec(**options)
    written = []
    for text in texts:
        written.append(codec.feed(line(chunk(content=text))))
        assert codec.advanced()
    assert b"" in written


def test_copied_deltas_are_an_advance() -> None:
    codec = chat_codec()
    for number in range(40):
        codec.feed(line(chunk(content=f"word {number}")))
        assert codec.advanced()
    codec.feed(line(chunk()))
    assert not codec.advanced()


def delta(kind: str, **members: Any) -> bytes:
    return event("content_block_delta", index=0, delta={"type": kind} | members)


START = event("message_start", message={"usage": {"input_tokens": 1}}) + event(
    "content_block_start", index=0, content_block={"type": "text", "text": ""}
)
NOTHING_IN_EVENTS = {
    "a ping": FILLER,
    "a compact ping": b'event:ping\ndata:{"type":"ping"}\n\n',
    "a comment": COMMENT,
    "half a ping": b"event: pi",
    "blank lines": b"\r\n\r\n",
    "empty text": delta("text_delta", text=""),
    "compact empty text": b'data: {"type":"content_block_delta","index":0,"delta":'
    b'{"type":"text_delta","text":""}}\n\n',
    "empty thinking": delta("thinking_delta", thinking=""),
    "empty input": delta("input_json_delta", partial_json=""),
    "several empty": delta("text_delta", text="") * 3 + FILLER,
}
CONTENT_IN_EVENTS = {
    "text": delta("text_delta", text="more"),
    "text of quotes": delta("text_delta", text='"text": ""'),
    "thinking": delta("thinking_delta", thinking="more"),
    "a signature": delta("signature_delta", signature="abc"),
    "input": delta("input_json_delta", partial_json="{"),
    "a citation": delta("citations_delta", citation={"type": "page_location"}),
    "one that is empty": delta("text_delta", text="") + delta("text_delta", text="more"),
    "a block of a hosted tool": event(
        "content_block_start", index=1, content_block={"type": "server_tool_use", "input": {}}
    ),
    "a result of a hosted tool": event(
        "content_block_start", index=1, content_block={"type": "web_search_tool_result"}
    ),
    "an empty block": event(
        "content_block_start", index=1, content_block={"type": "text", "text": ""}
    ),
    "the end": event("message_delta", delta={"stop_reason": "end_turn"}, usage={}),
}


@pytest.mark.parametrize("sent", NOTHING_IN_EVENTS.values(), ids=NOTHING_IN_EVENTS)
def test_events_without_content_are_no_advance(sent: bytes) -> None:
    codec = native_codec()
    codec.feed(START)
    assert codec.advanced()
    codec.feed(sent)
    assert not codec.advanced()


@pytest.mark.parametrize("sent", CONTENT_IN_EVENTS.values(), ids=CONTENT_IN_EVENTS)
def test_events_with_content_are_an_advance(sent: bytes) -> None:
    codec = native_codec()
    codec.feed(START)
    codec.feed(FILLER)
    assert not codec.advanced()
    codec.feed(FILLER + sent + COMMENT)
    assert codec.advanced()
