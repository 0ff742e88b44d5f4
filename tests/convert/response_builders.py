"""Builders of Responses items and of the events that OpenAI streams for them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events import Event
from proxy.convert.reply.responses.translator import ResponsesTranslator

Item = dict[str, Any]
KEYS = ("output_index", "item_id", "content_index", "summary_index", "sequence_number")


def message(*texts: str, id: str = "msg_1", refusal: str = "", **extra: Any) -> Item:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    if refusal:
        content.append({"type": "refusal", "refusal": refusal})
    return {"type": "message", "id": id, "role": "assistant", "content": content} | extra


def reasoning(*summary: str, id: str = "rs_1", encrypted: str | None = None, **extra: Any) -> Item:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    item = {"type": "reasoning", "id": id, "summary": parts}
    return item | ({"encrypted_content": encrypted} if encrypted else {}) | extra


def call(
    name: str, arguments: str, *, id: str = "fc_1", call_id: str = "call_1", **extra: Any
) -> Item:
    facts = {"type": "function_call", "id": id, "call_id": call_id, "name": name}
    return facts | {"arguments": arguments, "status": "completed"} | extra


def custom(name: str, text: str, *, id: str = "ctc_1", call_id: str = "call_1") -> Item:
    facts = {"type": "custom_tool_call", "id": id, "call_id": call_id, "name": name}
    return facts | {"input": text}


def usage(input_tokens: int = 10, output_tokens: int = 5, **details: Any) -> dict[str, Any]:
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    } | details


def response(*items: Item, status: str = "completed", **extra: Any) -> dict[str, Any]:
    return {
        "id": "resp_abcdefghijkl",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "output": list(items),
        "usage": usage(),
    } | extra


def halves(text: str) -> list[str]:
    """``text`` in pieces of at most three characters."""
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def events_of(item: Item, index: int) -> list[Event]:
    """The events that OpenAI streams for ``item`` at the place ``index``."""
    make = {
        "message": _message_events,
        "reasoning": _reasoning_events,
        "function_call": _call_events,
        "custom_tool_call": _custom_events,
    }[item["type"]]
    keys = {"output_index": index, "item_id": item["id"]}
    added, inner = make(item, keys)
    return [
        {"type": "response.output_item.added", "output_index": index, "item": added},
        *inner,
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _message_events(item: Item, keys: dict[str, Any]) -> tuple[Item, list[Event]]:
    out: list[Event] = []
    for number, part in enumerate(item["content"]):
        here = {**keys, "content_index": number}
        name, member = (
            ("refusal", "refusal") if part["type"] == "refusal" else ("output_text", "text")
        )
        out.append({"type": "response.content_part.added", **here, "part": _empty(part, member)})
        for text in halves(part[member]):
            out.append({"type": f"response.{name}.delta", **here, "delta": text, "logprobs": []})
        out.append({"type": f"response.{name}.done", **here, member: part[member], "logprobs": []})
        out.append({"type": "response.content_part.done", **here, "part": part})
    return {**item, "content": []}, out


def _empty(part: Item, member: str) -> Item:
    return {**part, member: ""} | ({"annotations": []} if "annotations" in part else {})


def _reasoning_events(item: Item, keys: dict[str, Any]) -> tuple[Item, list[Event]]:
    out: list[Event] = []
    head = "response.reasoning_summary"
    for number, part in enumerate(item["summary"]):
        here = {**keys, "summary_index": number}
        out.append({"type": f"{head}_part.added", **here, "part": {**part, "text": ""}})
        for text in halves(part["text"]):
            out.append({"type": f"{head}_text.delta", **here, "delta": text})
        out.append({"type": f"{head}_text.done", **here, "text": part["text"]})
        out.append({"type": f"{head}_part.done", **here, "part": part})
    return {**item, "summary": []}, out


def _call_events(item: Item, keys: dict[str, Any]) -> tuple[Item, list[Event]]:
    head = "response.function_call_arguments"
    out: list[Event] = [
        {"type": f"{head}.delta", **keys, "delta": text} for text in halves(item["arguments"])
    ]
    out.append({"type": f"{head}.done", **keys, "arguments": item["arguments"]})
    return {**item, "arguments": "", "status": "in_progress"}, out


def _custom_events(item: Item, keys: dict[str, Any]) -> tuple[Item, list[Event]]:
    head = "response.custom_tool_call_input"
    out: list[Event] = [
        {"type": f"{head}.delta", **keys, "delta": text} for text in halves(item["input"])
    ]
    out.append({"type": f"{head}.done", **keys, "input": item["input"]})
    return {**item, "input": ""}, out


def created() -> Event:
    return {"type": "response.created", "response": response(status="in_progress", usage=None)}


def completed(*items: Item, **extra: Any) -> Event:
    return {"type": "response.completed", "response": response(*items, **extra)}


def stream_of(*items: Item) -> list[Event]:
    """A whole stream of ``items``, one after the other."""
    inner = [event for index, item in enumerate(items) for event in events_of(item, index)]
    events = [created(), *inner, completed(*items)]
    numbers = count()
    return [{**event, "sequence_number": next(numbers)} for event in events]


def translated(
    events: Iterable[Any], context: ReplyContext, **facts: Any
) -> tuple[list[Event], ResponsesTranslator]:
    """All events for the client, to the end of the connection, and the translator."""
    translator = ResponsesTranslator(context, request_id="req_1", **facts)
    out: list[Event] = []
    for event in events:
        if translator.ended:
            break
        out += translator.feed(event)
    return out + translator.finish(), translator


def blocks_of(events: Iterable[Event]) -> list[Item]:
    """The blocks of ``events``; ``tool_use`` with its arguments as the text that was streamed."""
    blocks: list[Item] = []
    members = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]))
            if blocks[-1]["type"] == "tool_use":
                blocks[-1]["input"] = ""
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            member = members.get(delta["type"], "input")
            blocks[-1][member] += delta[members.get(delta["type"], "partial_json")]
    return blocks
