"""Short builders for requests and their parts, so that a test case stays on one line."""

from __future__ import annotations

from typing import Any

from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles.base import Profile

CACHE: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
PNG = {"type": "base64", "media_type": "image/png", "data": "QQ=="}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}
LINK = {"type": "url", "url": "https://x.test/a.png"}
LINK_PART = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}


def text(value: str, **extra: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **extra}


def image(source: dict[str, Any] = PNG, **extra: Any) -> dict[str, Any]:
    return {"type": "image", "source": source, **extra}


def document(source: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **extra}


def call(tool_id: str = "t1", name: str = "look", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_id, "name": name, "input": given}


def result(content: Any = "done", tool_id: str = "t1", **extra: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool_id, "content": content, **extra}


def thinking(value: str, signature: str = "") -> dict[str, Any]:
    return {"type": "thinking", "thinking": value, "signature": signature}


def user(*content: Any) -> dict[str, Any]:
    return _turn("user", content)


def assistant(*content: Any) -> dict[str, Any]:
    return _turn("assistant", content)


def system(*content: Any, **extra: Any) -> dict[str, Any]:
    return {**_turn("system", content), **extra}


def _turn(role: str, content: tuple[Any, ...]) -> dict[str, Any]:
    if len(content) == 1 and isinstance(content[0], str):
        return {"role": role, "content": content[0]}
    return {"role": role, "content": [text(c) if isinstance(c, str) else c for c in content]}


def chat_call(
    tool_id: str = "t1", name: str = "look", arguments: str = "{}", **extra: Any
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": tool_id, "type": "function", "function": function, **extra}


def says(role: str, content: Any, **extra: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **extra}


def answer(content: Any = "done", tool_id: str = "t1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": tool_id, "content": content}


def tool(name: str = "look", **extra: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    return {"name": name, "input_schema": schema, **extra}


def convert(
    *turns: dict[str, Any], flags: dict[str, Any] | None = None, **fields: Any
) -> ConvertedRequest:
    """Convert a request of ``turns`` (by default one user turn) for a profile with ``flags``."""
    limit = fields.pop("limit", 100)
    request = {"model": "claude-x", "max_tokens": 100, "messages": list(turns) or [user("hi")]}
    return message_request_to_chat(
        request | fields, Profile(**(flags or {})), model="gpt-x", max_tokens=limit
    )


def messages(*turns: dict[str, Any], flags: dict[str, Any] | None = None, **fields: Any) -> Any:
    return convert(*turns, flags=flags, **fields).body["messages"]


def fields_beside_messages(chat: ConvertedRequest) -> dict[str, Any]:
    """The body without what every body has."""
    return {k: v for k, v in chat.body.items() if k not in ("model", "messages", "max_tokens")}


def noted(chat: ConvertedRequest) -> dict[str, str]:
    """Everything in the record of drops -> ``noted`` or ``routine``."""
    return {
        f"{row['name']}={row['became']}" if row["became"] else str(row["name"]): (
            "routine" if row["routine"] else "noted"
        )
        for row in chat.drops.report()
    }
