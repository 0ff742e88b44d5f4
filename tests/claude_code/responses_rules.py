"""What a strict Responses service refuses, in the words of OpenAI's.

Rule: a body must pass the openai SDK's own types, have no other field, and be complete without any
state of the service: nothing is stored, so every call is there with its output, and reasoning comes
back as it was given or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter, ValidationError

FIELDS = frozenset(
    {"model", "input", "instructions", "max_output_tokens", "stream", "stream_options", "store"}
    | {"include", "temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls"}
    | {"reasoning", "text", "safety_identifier", "prompt_cache_key", "service_tier"}
    | {"max_tool_calls"}
)
ITEM_KEYS: Mapping[str, frozenset[str]] = {
    "message": frozenset({"type", "role", "content", "phase"}),
    "function_call": frozenset({"type", "call_id", "name", "arguments"}),
    "function_call_output": frozenset({"type", "call_id", "output"}),
    "reasoning": frozenset({"type", "id", "summary", "encrypted_content"}),
    "web_search_call": frozenset({"type", "id", "status", "action"}),
}
FUNCTION_KEYS = frozenset({"type", "name", "description", "parameters", "strict"})
OF_ASSISTANT = frozenset({"function_call", "reasoning", "web_search_call"})
LEAST_OUTPUT = 16
Complaint = tuple[str, str | None]


@dataclass(slots=True)
class Issued:
    """The reasoning that the service gave: encrypted content by the id of its item."""

    states: dict[str, str] = field(default_factory=dict)


def complaint(body: object, issued: Issued, *, max_output: int = 16384) -> dict[str, Any] | None:
    """The error object with which ``body`` is refused with status 400; None if it is good."""
    for text, param in _complaints(body, issued, max_output):
        return {"message": text, "type": "invalid_request_error", "param": param, "code": None}
    return None


def is_of_assistant(item: Mapping[str, Any]) -> bool:
    """Whether an input item is part of an answer of the model."""
    return item.get("type") in OF_ASSISTANT or item.get("role") == "assistant"


def turns_done(body: Mapping[str, Any]) -> int:
    """The number of the model's turns in the input of a request."""
    sides = [False, *map(is_of_assistant, body["input"])]
    return sum(now and not before for before, now in pairwise(sides))


def _complaints(body: object, issued: Issued, max_output: int) -> Iterator[Complaint]:
    if not isinstance(body, dict):
        yield "We could not parse the JSON body of your request.", None
        return
    for name in body.keys() - FIELDS:
        yield f"Unknown parameter: '{name}'.", name
    for name, value in body.items():
        if value is None:
            yield f"Invalid type for '{name}': got null instead.", name
    if body.get("store") is not False:
        yield "Store must be set to false", "store"
    yield from _types(body)
    yield from _fields(body, max_output)
    yield from _tools(body)
    items = body.get("input")
    if not isinstance(items, list) or not items:
        yield "Missing required parameter: 'input'.", "input"
        return
    for i, item in enumerate(items):
        yield from _item(item, f"input[{i}]", issued)
    yield from _reasoning(items)
    yield from _pairing(items)
    if is_of_assistant(items[-1]):
        yield "The last item must be a user message or an output.", "input"


@cache
def _checker(streaming: bool) -> TypeAdapter[Any]:
    kind: Any = ResponseCreateParamsStreaming if streaming else ResponseCreateParamsNonStreaming
    return TypeAdapter(kind)


def _types(body: Mapping[str, Any]) -> Iterator[Complaint]:
    try:
        # Iterables of the SDK's types are read lazily, so the result is read as well.
        _checker(body.get("stream") is True).validate_python(body)
    except ValidationError as error:
        first = error.errors()[0]
        yield f"Invalid request: {first['msg']} at {first['loc']}", None


def _fields(body: Mapping[str, Any], max_output: int) -> Iterator[Complaint]:
    if body.get("stream") not in (None, True):
        yield "'stream' is sent only to ask for a stream.", "stream"
    if body.get("stream_options", {"include_obfuscation": False}) != {"include_obfuscation": False}:
        yield "Unknown parameter: 'stream_options'.", "stream_options"
    if "stream_options" in body and body.get("stream") is not True:
        yield "'stream_options' is only allowed when 'stream' is enabled.", "stream_options"
    limit = body.get("max_output_tokens", LEAST_OUTPUT)
    if type(limit) is not int or limit < LEAST_OUTPUT:
        yield (
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
            f"{LEAST_OUTPUT}, but got {limit} instead.",
            "max_output_tokens",
        )
    elif limit > max_output:
        yield (
            f"max_output_tokens is too large: {limit}. This model supports at most {max_output} "
            f"completion tokens, whereas you provided {limit}.",
            "max_output_tokens",
        )


def _tools(body: Mapping[str, Any]) -> Iterator[Complaint]:
    tools = body.get("tools")
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body and not tools:
            yield f"'{name}' is only allowed when 'tools' are specified.", name
    for i, tool in enumerate(tools or ()):
        where = f"tools[{i}]"
        if tool.get("type") != "function":
            continue
        for key in tool.keys() - FUNCTION_KEYS:
            yield f"Unknown parameter: '{where}.{key}'.", where
        if type(tool.get("strict")) is not bool:
            yield f"Missing required parameter: '{where}.strict'.", f"{where}.strict"
        schema = tool.get("parameters")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield f"Invalid schema for function '{tool.get('name')}': no object.", where
    names = [tool.get("name") for tool in tools or () if tool.get("type") == "function"]
    if len(set(names)) < len(names):
        yield "Tool names must be unique.", "tools"


def _item(item: Mapping[str, Any], where: str, issued: Issued) -> Iterator[Complaint]:
    kind = item.get("type", "")
    keys = ITEM_KEYS.get(kind)
    if keys is None:
        yield f"Invalid value: '{kind}'.", f"{where}.type"
        return
    for key in item.keys() - keys:
        yield f"Unknown parameter: '{where}.{key}'.", where
    if kind == "message" and not item.get("content"):
        yield f"Invalid '{where}.content': empty.", where
    if kind in ("function_call", "function_call_output") and len(item.get("call_id", "")) > 64:
        yield f"Invalid '{where}.call_id': string too long.", where
    if kind == "reasoning" and issued.states.get(item.get("id", "")) != item["encrypted_content"]:
        yield "The encrypted content could not be verified.", where


def _reasoning(items: Sequence[Mapping[str, Any]]) -> Iterator[Complaint]:
    """Behind reasoning stands what it led to, in the same turn."""
    for i, item in enumerate(items):
        following = items[i + 1 : i + 2]
        if item["type"] == "reasoning" and not (following and is_of_assistant(following[0])):
            text = f"Item '{item['id']}' of type 'reasoning' was provided without its required"
            yield f"{text} following item.", "input"


def _pairing(items: Sequence[Mapping[str, Any]]) -> Iterator[Complaint]:
    """Every call has one output, before the next message of a user."""
    waiting: list[str] = []
    called: set[str] = set()
    for item in items:
        if item["type"] == "function_call":
            if item["call_id"] in called:
                yield f"Duplicate call_id '{item['call_id']}'.", "input"
            called.add(item["call_id"])
            waiting.append(item["call_id"])
        elif item["type"] == "function_call_output":
            if item["call_id"] not in waiting:
                text = f"No tool call found for function call output with call_id {item['call_id']}"
                yield f"{text}.", "input"
            else:
                waiting.remove(item["call_id"])
        elif waiting and item.get("role") == "user":
            break
    for call_id in waiting:
        yield f"No tool output found for function call {call_id}.", "input"
