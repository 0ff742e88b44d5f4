"""Examples for the document; the tests send them and check the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_PLAIN: Json = {
    "model": "claude-sonnet-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
}
_TOOLS: Json = {
    "model": "claude-sonnet-5",
    "max_tokens": 1024,
    "stream": True,
    "system": "Answer in one sentence.",
    "tools": [
        {
            "name": "get_weather",
            "description": "The weather in a city",
            "input_schema": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        }
    ],
    "tool_choice": {"type": "auto"},
    "messages": [
        {"role": "user", "content": "How is the weather in Paris?"},
        {
            "role": "assistant",
            "content": [
                {
                    "type": "tool_use",
                    "id": "toolu_01",
                    "name": "get_weather",
                    "input": {"city": "Paris"},
                }
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "content": "18 degrees"}
            ],
        },
    ],
}


def _counted(request: Json) -> Json:
    return {name: value for name, value in request.items() if name not in ("max_tokens", "stream")}


REQUESTS: Mapping[str, Json] = {
    "MessageRequest": {"plain": {"value": _PLAIN}, "tools, streamed": {"value": _TOOLS}},
    "CountTokensRequest": {
        "plain": {"value": _counted(_PLAIN)},
        "tools": {"value": _counted(_TOOLS)},
    },
}

_USAGE: Json = {
    "input_tokens": 14,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 8,
}

ANSWERS: Mapping[str, Json] = {
    "Message": {
        "id": "msg_9fK2mQ7xR4tB1vN8cD5wZ3hJ",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [{"type": "text", "text": "Paris is the capital of France."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {**_USAGE, "service_tier": "standard"},
    },
    "TokenCount": {"input_tokens": 14},
    "Model": {
        "type": "model",
        "id": "gpt-4o",
        "display_name": "gpt-4o",
        "created_at": "2024-05-10T18:50:49Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": 128000,
        "max_tokens": 16384,
        "capabilities": None,
        "object": "model",
        "created": 1715367049,
        "owned_by": "system",
    },
}

STREAM = """\
event: message_start
data: {"type":"message_start","message":{"id":"msg_9fK2mQ7xR4tB1vN8cD5wZ3hJ","type":"message",\
"role":"assistant","model":"claude-sonnet-5","content":[],"stop_reason":null,"stop_sequence":null,\
"stop_details":null,"usage":{"input_tokens":14,"cache_creation_input_tokens":0,\
"cache_read_input_tokens":0,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Paris."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,\
"stop_details":null},"usage":{"input_tokens":14,"cache_creation_input_tokens":0,\
"cache_read_input_tokens":0,"output_tokens":8}}

event: message_stop
data: {"type":"message_stop"}

"""
