"""The official client library reads our answers as it reads the real service's."""

from __future__ import annotations

import base64
from typing import Any

import anthropic
import pytest
from anthropic.types import Message, MessageParam, RawMessageStreamEvent, ToolParam

from tests.sdk.clients import UPSTREAM_KEY
from tests.upstream_stub import (
    Script,
    UpstreamStub,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
    tool_call,
    usage_chunk,
)

MODEL = "claude-sonnet-5"
HELLO: list[MessageParam] = [{"role": "user", "content": "hello"}]
TOOLS: list[ToolParam] = [
    {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {}}}},
    {"name": "clock", "description": "tells the time", "input_schema": {"type": "object"}},
]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
WEATHER = {"id": "call_w", "type": "function"} | {
    "function": {"name": "weather", "arguments": '{"city": "Zürich 🌧"}'}
}
CLOCK = {"id": "call_c", "type": "function", "function": {"name": "clock", "arguments": ""}}


def create(client: anthropic.Anthropic, **fields: Any) -> Message:
    arguments: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "messages": HELLO, **fields}
    message: Message = client.messages.create(**arguments)
    return message


def streamed(client: anthropic.Anthropic, **fields: Any) -> Message:
    """The message that the library's own accumulator makes of a stream."""
    arguments: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "messages": HELLO, **fields}
    with client.messages.stream(**arguments) as stream:
        message: Message = stream.get_final_message()
    return message


def shape(message: Message) -> list[tuple[object, ...]]:
    """The blocks as short tuples, without signatures."""
    rows: list[tuple[object, ...]] = []
    for block in message.content:
        if block.type == "text":
            rows.append(("text", block.text))
        elif block.type == "thinking":
            assert block.signature
            rows.append(("thinking", block.thinking))
        elif block.type == "tool_use":
            rows.append(("tool_use", block.name, block.input))
        else:
            rows.append((block.type,))
    return rows


def test_a_whole_message(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion("Hi 👋"))
    message = create(
        client, system="be kind", stop_sequences=["END"], extra_body={"temperature": 0.5}
    )
    assert message.type == "message"
    assert message.id.startswith("msg_")
    assert (message.model, message.role) == (MODEL, "assistant")
    assert shape(message) == [("text", "Hi 👋")]
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)
    assert message._request_id is not None
    assert message._request_id.startswith("req_")
    (sent,) = upstream.requests
    assert (sent.method, sent.target) == ("POST", "/v1/chat/completions")
    assert sent.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert "x-api-key" not in sent.headers
    assert sent.json == {
        "model": "middle-model",
        "max_tokens": 100,
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "hello"},
        ],
        "temperature": 0.5,
        "stop": ["END"],
    }


def streaming(*chunks: dict[str, Any]) -> Script:
    return sse(chunk(role="assistant"), *chunks, usage_chunk())


def fragment(index: int, arguments: str, **names: str) -> dict[str, Any]:
    return chunk(tool_calls=[tool_call(index, arguments, **names)])


WHOLE_AND_STREAMED = [
    pytest.param(
        completion("plain"),
        text_stream("pl", "ain"),
        [("text", "plain")],
        "end_turn",
        id="text",
    ),
    pytest.param(
        completion("seen", reasoning_content="let me see"),
        streaming(
            chunk(reasoning_content="let me "),
            chunk(reasoning_content="see"),
            chunk(content="seen"),
            chunk("stop"),
        ),
        [("thinking", "let me see"), ("text", "seen")],
        "end_turn",
        id="thinking",
    ),
    pytest.param(
        completion("a look", "tool_calls", tool_calls=[WEATHER]),
        streaming(
            chunk(content="a look"),
            fragment(0, "", id="call_w", name="weather"),
            fragment(0, '{"city": "Zür'),
            fragment(0, 'ich 🌧"}'),
            chunk("tool_calls"),
        ),
        [("text", "a look"), ("tool_use", "weather", {"city": "Zürich 🌧"})],
        "tool_use",
        id="tool",
    ),
    pytest.param(
        completion(None, "tool_calls", tool_calls=[WEATHER, CLOCK]),
        streaming(
            fragment(0, '{"city": ', id="call_w", name="weather"),
            fragment(1, "", id="call_c", name="clock"),
            fragment(0, '"Zürich 🌧"}'),
            chunk("tool_calls"),
        ),
        [("tool_use", "weather", {"city": "Zürich 🌧"}), ("tool_use", "clock", {})],
        "tool_use",
        id="two interleaved tools",
    ),
    pytest.param(
        completion("cut of", "length"),
        text_stream("cut", " of", finish="length"),
        [("text", "cut of")],
        "max_tokens",
        id="length",
    ),
    pytest.param(completion(None), text_stream(), [("text", "")], "end_turn", id="nothing at all"),
]


@pytest.mark.parametrize(("whole", "stream", "blocks", "stop_reason"), WHOLE_AND_STREAMED)
def test_streams_and_whole_answers_say_the_same(
    whole: dict[str, Any],
    stream: Script,
    blocks: list[tuple[object, ...]],
    stop_reason: str,
    client: anthropic.Anthropic,
    upstream: UpstreamStub,
) -> None:
    upstream.default = json_answer(whole)
    first = create(client, tools=TOOLS)
    upstream.default = stream
    second = streamed(client, tools=TOOLS)
    for message in (first, second):
        assert shape(message) == blocks
        assert message.stop_reason == stop_reason
        assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)
    asked, asked_for_stream = (request.json for request in upstream.requests)
    added = {"stream": True, "stream_options": {"include_usage": True}}
    assert asked_for_stream == asked | added


def test_events_in_order(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    upstream.default = text_stream("a", "b")
    stream = client.messages.create(model=MODEL, max_tokens=9, messages=HELLO, stream=True)
    events: list[RawMessageStreamEvent] = list(stream)
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_history_with_tools_images_and_documents(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    upstream.default = json_answer(completion("ok"))
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png"}}
    picture["source"] |= {"data": PNG}  # type: ignore[operator]
    text = {
        "type": "document",
        "title": "T",
        "source": {"type": "text", "media_type": "text/plain"},
    }
    text["source"] |= {"data": "words"}  # type: ignore[operator]
    create(
        client,
        tools=TOOLS,
        messages=[
            {"role": "user", "content": [picture, text, {"type": "text", "text": "look"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "ü"}}
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [{"type": "text", "text": "rain"}, picture],
                        "is_error": True,
                    }
                ],
            },
        ],
    )
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    caption = {"type": "text", "text": "[image from tool result toolu_1]"}
    document = {"type": "text", "text": '<document title="T">\nwords\n</document>'}
    call = {"name": "weather", "arguments": '{"city":"ü"}'}
    assert upstream.requests[0].json["messages"] == [
        {"role": "user", "content": [image, document, {"type": "text", "text": "look"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "toolu_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "[tool error] rain"},
        {"role": "user", "content": [caption, image]},
    ]


def test_count_tokens(client: anthropic.Anthropic, upstream: UpstreamStub) -> None:
    counted = client.messages.count_tokens(
        model=MODEL,
        system="You are a scientist",
        messages=[{"role": "user", "content": "Hello, Claude"}],
    )
    assert counted.input_tokens == 14
    with_tools = client.messages.count_tokens(model=MODEL, messages=HELLO, tools=TOOLS)
    assert with_tools.input_tokens > 30
    assert upstream.requests == []
