"""Builders of upstream chunks, and a short notation for the events that a translator returns."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from itertools import count
from typing import Any

from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events import Event


def chunk(delta: object = None, finish: object = None, **extra: object) -> dict[str, Any]:
    """A chunk with one choice; ``extra`` are members of the chunk."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "chatcmpl-A1", "object": "chat.completion.chunk", "choices": [choice], **extra}


def text(content: object, finish: object = None) -> dict[str, Any]:
    return chunk({"content": content}, finish)


def reasoning(content: object) -> dict[str, Any]:
    return chunk({"reasoning_content": content})


def details(*items: dict[str, Any]) -> dict[str, Any]:
    return chunk({"reasoning_details": list(items)})


def end(finish: object = "stop", **extra: object) -> dict[str, Any]:
    return chunk({}, finish, **extra)


def entry(
    index: object = None, id: object = None, name: object = None, arguments: object = None
) -> dict[str, Any]:
    """An entry of ``tool_calls``; what is None is left out."""
    function = {"name": name, "arguments": arguments}
    return _given(index=index, id=id, function=_given(**function) or None)


def tool(
    index: object = None, id: object = None, name: object = None, arguments: object = None
) -> dict[str, Any]:
    return chunk({"tool_calls": [entry(index, id, name, arguments)]})


def tools(*entries: dict[str, Any]) -> dict[str, Any]:
    return chunk({"tool_calls": list(entries)})


def usage_chunk(prompt: object, completion: object, **extra: object) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, **extra}
    return {"id": "chatcmpl-A1", "choices": [], "usage": usage}


def reply(**facts: Any) -> ReplyContext:
    """A reply context whose fresh ids are ``toolu_1``, ``toolu_2`` and so on, and ``msg_fresh``."""
    numbers, searches = count(1), count(1)
    facts = {"model": "claude-x", **facts}
    return ReplyContext(
        new_tool_id=lambda: f"toolu_{next(numbers)}",
        new_message_id=lambda: "msg_fresh",
        new_search_id=lambda: f"srvtoolu_{next(searches)}",
        **facts,
    )


def translator(context: ReplyContext | None = None, **options: Any) -> StreamTranslator:
    return StreamTranslator(context or reply(), request_id="req_1", **options)


def translated(
    chunks: Iterable[object], context: ReplyContext | None = None, **options: Any
) -> list[Event]:
    """All events of a stream of ``chunks``, ``finish`` included."""
    stream = translator(context, **options)
    events = [event for item in chunks for event in stream.feed(item)]
    return [*events, *stream.finish()]


def signed(thinking: str) -> str:
    """The shape of the signature that a thinking block gets when the upstream did not sign it."""
    digest = urlsafe_b64encode(sha256(thinking.encode()).digest()).decode()
    return f"signature_delta cp1.{digest[:22]}"


def shape(events: Iterable[Event]) -> list[str]:
    """Events in short: ``start text``, ``text hello``, ``stop``, ``end end_turn`` and so on."""
    return [_short(event) for event in events]


def body(events: Iterable[Event]) -> list[str]:
    """The shape of the blocks and what follows, without message_start, ping, message_stop."""
    around = ("message_start", "ping", "message_stop")
    return shape(event for event in events if event["type"] not in around)


def _given(**members: object) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _short(event: Event) -> str:
    kind = event["type"]
    if kind == "content_block_start":
        block = event["content_block"]
        words = [block["type"], block.get("id"), block.get("name"), block.get("data")]
        return f"{event['index']} " + " ".join(word for word in words if word)
    if kind == "content_block_delta":
        return " ".join(str(value) for value in event["delta"].values())
    if kind == "content_block_stop":
        return f"{event['index']} stop"
    if kind == "message_delta":
        return f"end {event['delta']['stop_reason']}"
    if kind == "error":
        return f"error {event['error']['type']}: {event['error']['message']}"
    return str(kind)
