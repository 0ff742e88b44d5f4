"""A refused Responses request, and its refusal, in the terms of Chat Completions.

Rule: pure. The healing steps that both protocols share read Chat's members, and a profile's flags are
the same for both. The view holds only what those steps read, and message N of it is item N of the
input, so that a place which the refusal names is the same in both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proxy.failures.complaints import Refusal

Body = Mapping[str, Any]

_SAME = (
    *("model", "temperature", "top_p", "stream", "stream_options", "parallel_tool_calls"),
    *("reasoning", "response_format", "tool_choice"),
)
_PART_TYPES = {"input_text": "text", "output_text": "text"}
_NAMES = (
    (re.compile(r"\breasoning(?:\.|\[['\"]?)effort(?:['\"]?\])?"), "reasoning_effort"),
    (re.compile(r"\btext(?:\.|\[['\"]?)format(?:['\"]?\])?"), "response_format"),
    (re.compile(r"\binput(?=(?:\[|\.)\d)"), "messages"),
    (re.compile(r"(?<=[\]\d]\.)output(?=(?:\[|\.)\d)"), "content"),
    (re.compile(r"\bcall_id\b"), "tool_call_id"),
    (re.compile(r"\binput_image\b"), "image_url"),
)


def chat_view(body: Body) -> dict[str, Any]:
    """What Chat's healing steps read of ``body``, a Responses request."""
    view: dict[str, Any] = {name: body[name] for name in _SAME if name in body}
    if "max_output_tokens" in body:
        view["max_tokens"] = body["max_output_tokens"]
    effort = _object(body.get("reasoning")).get("effort")
    if effort is not None:
        view["reasoning_effort"] = effort
    wanted = _object(_object(body.get("text")).get("format"))
    if wanted:
        view["response_format"] = {"type": wanted.get("type"), "json_schema": wanted}
    if body.get("tools"):
        view["tools"] = [_tool(tool) for tool in body["tools"]]
    view["messages"] = [_message(item) for item in body.get("input") or ()]
    return view


def chat_refusal(refusal: Refusal) -> Refusal:
    """``refusal`` with Chat's names for the fields and places that it speaks of."""
    text, param = refusal.text, refusal.param
    for pattern, name in _NAMES:
        text, param = pattern.sub(name, text), pattern.sub(name, param)
    return replace(refusal, text=text, param=param)


def items(body: Body, kind: str) -> list[Mapping[str, Any]]:
    """The input items of ``body`` with the type ``kind``."""
    return [item for item in body.get("input") or () if item.get("type") == kind]


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    if tool.get("type") != "function":
        return tool
    function = {name: value for name, value in tool.items() if name != "type"}
    return {"type": "function", "function": function}


def _message(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = item.get("type")
    if kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments")}
        call = {"id": item.get("call_id"), "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if kind == "function_call_output":
        content = _content(item.get("output"))
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": content}
    return {"role": item.get("role", kind), "content": _content(item.get("content"))}


def _content(content: object) -> object:
    return [_part(part) for part in content] if isinstance(content, list) else content


def _part(part: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = part.get("type")
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        return {"type": "image_url", "image_url": {"url": part["image_url"]}}
    return {**part, "type": _PART_TYPES.get(str(kind), kind)}
