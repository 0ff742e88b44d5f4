"""Chat Completions bodies for the tests of token counting."""

from __future__ import annotations

import base64
from typing import Any

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA"
    "60e6kgAAAABJRU5ErkJggg=="
)


def image_part(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def file_part(content: bytes) -> dict[str, Any]:
    url = "data:application/pdf;base64," + base64.b64encode(content).decode()
    return {"type": "file", "file": {"filename": "a.pdf", "file_data": url}}


def function_tool(name: str, description: str | None = None, **parameters: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"name": name}
    if description is not None:
        function["description"] = description
    function["parameters"] = parameters or {"type": "object"}
    return {"type": "function", "function": function}


def tool_call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def large_body() -> dict[str, Any]:
    """The shape of a coding agent's request: 126 kB, 25 tools, 60 messages."""
    prose = "The converter keeps what the client sent; see docs/protocol.md, section 1.2.\n" * 20
    properties = {f"path_{i}": {"type": "string", "description": prose[:80]} for i in range(10)}
    tools = [
        function_tool(f"tool_{i}", prose[:1000], type="object", properties=properties)
        for i in range(25)
    ]
    messages: list[dict[str, Any]] = [{"role": "system", "content": prose * 5}]
    for _ in range(30):
        call = tool_call("tool_1", '{"path_1": "' + prose[:70] + '"}')
        messages.append({"role": "assistant", "content": prose[:200], "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "call_1", "content": prose[:1400]})
    return {"model": "m", "messages": messages, "tools": tools}
