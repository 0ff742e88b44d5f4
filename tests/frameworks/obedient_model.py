"""A script of ``StrictUpstream`` that does what a request asks for, as a model would.

Rule: only what the request says decides, so that a framework's own tests pass as with a real model:
a tool that must be called is called with arguments of its schema, a response format is filled in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.claude_code.strict_upstream import Answer, Reply, ToolCall

Json = Mapping[str, Any]
GREETING = "Hello! How are you doing today?"


def obey(body: Json, attempt: int) -> Reply:
    """The answer to a Chat Completions request (``strict_upstream.Script``)."""
    text = _last_user_text(body)
    function = _function_to_call(body, text)
    if function is not None:
        arguments = _value(function.get("parameters") or {}, text)
        return Answer(calls=(ToolCall(function["name"], arguments),))
    schema = _response_schema(body)
    if schema is not None:
        return Answer(json.dumps(_value(schema, text), ensure_ascii=False))
    return Answer(_cut(GREETING, body.get("stop") or ()))


def _function_to_call(body: Json, text: str) -> Json | None:
    """The function that the request forces, or the first one where its last turn is a question."""
    functions: list[Json] = [tool["function"] for tool in body.get("tools") or ()]
    choice = body.get("tool_choice", "auto")
    if not functions or choice == "none":
        return None
    if isinstance(choice, dict):
        name = choice["function"]["name"]
        return next(function for function in functions if function["name"] == name)
    asked = body["messages"][-1]["role"] == "user" and text.endswith(("?", "the tool."))
    return functions[0] if choice == "required" or asked else None


def _response_schema(body: Json) -> Json | None:
    response_format = body.get("response_format") or {}
    if response_format.get("type") != "json_schema":
        return None
    schema: Json = response_format["json_schema"]["schema"]
    return schema


def _value(schema: Json, text: str) -> Any:
    """A value of ``schema``; a string is what ``text`` quotes, a number one that it names."""
    if "enum" in schema:
        return schema["enum"][0]
    for branch in schema.get("anyOf") or ():
        return _value(branch, text)
    kind = schema.get("type", "object")
    if kind == "object":
        members = schema.get("properties") or {}
        return {name: _value(member, text) for name, member in members.items()}
    if kind == "array":
        return [_value(schema.get("items") or {"type": "string"}, text)]
    if kind in ("integer", "number"):
        return int((re.findall(r"\d+", text) or ["7"])[0])
    if kind == "boolean":
        return True
    return (re.findall(r"'([^']+)'", text) or ["San Francisco"])[0]


def _last_user_text(body: Json) -> str:
    contents = [m["content"] for m in body["messages"] if m["role"] == "user"]
    content = contents[-1] if contents else ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part["type"] == "text")


def _cut(text: str, sequences: tuple[str, ...] | list[str] | str) -> str:
    """``text`` up to the first of the stop ``sequences``."""
    for sequence in [sequences] if isinstance(sequences, str) else sequences:
        text = text.split(sequence)[0]
    return text
