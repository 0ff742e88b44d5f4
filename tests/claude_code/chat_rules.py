"""What a strict Chat Completions service refuses, in the words of the services that do.

Rule: ``complaint`` accepts exactly what OpenAI, Groq and a chat template with alternating turns
accept together; whatever only one of them tolerates is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIELDS = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop"}
    | {"stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"}
    | {"response_format", "reasoning_effort", "user"}
)
MESSAGE_KEYS: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content"}),
    "developer": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
}
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
DATA_URL = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}\Z")


@dataclass(frozen=True, slots=True)
class Rules:
    """What differs between one strict service and another."""

    max_output: int = 16384
    """Largest ``max_tokens``; above it the request is refused in OpenAI's words."""
    user_turn_last: bool = True
    """The last message must be a ``user`` or ``tool`` one, as many chat templates want it."""
    takes_stop: bool = True
    """xAI's reasoning models refuse stop strings."""


def complaint(body: object, rules: Rules) -> dict[str, Any] | None:
    """The error object with which ``body`` is refused with status 400, or None when it is good."""
    for text, param in _complaints(body, rules):
        return {"message": text, "type": "invalid_request_error", "param": param, "code": None}
    return None


Complaint = tuple[str, str | None]


def _complaints(body: object, rules: Rules) -> Iterator[Complaint]:
    if not isinstance(body, dict):
        yield "We could not parse the JSON body of your request.", None
        return
    for name in body.keys() - FIELDS:
        yield f"Unrecognized request argument supplied: {name}", None
    for name, value in body.items():
        if value is None:
            yield f"Invalid type for '{name}': got null instead.", name
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "you must provide a model parameter", "model"
    if "stop" in body and not rules.takes_stop:
        yield "Argument not supported on this model: stop", None
    yield from _output_limit(body, rules)
    yield from _stream_options(body)
    yield from _tools(body)
    yield from _response_format(body)
    yield from _messages(body.get("messages"), rules)


def _output_limit(body: Mapping[str, Any], rules: Rules) -> Iterator[Complaint]:
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield "Setting 'max_tokens' and 'max_completion_tokens' at once is not supported.", None
    for field in ("max_tokens", "max_completion_tokens"):
        value = body.get(field, 1)
        if type(value) is not int or value < 1:
            yield f"Invalid '{field}': expected an integer of at least 1.", field
        elif value > rules.max_output:
            yield (
                f"{field} is too large: {value}. This model supports at most {rules.max_output} "
                f"completion tokens, whereas you provided {value}.",
                field,
            )


def _stream_options(body: Mapping[str, Any]) -> Iterator[Complaint]:
    if body.get("stream") not in (None, True):
        yield "'stream' is sent only to ask for a stream.", "stream"
    options = body.get("stream_options")
    if options is not None and body.get("stream") is not True:
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        yield text, "stream_options"
    if options not in (None, {"include_usage": True}):
        yield "Unknown parameter in 'stream_options'.", "stream_options"


def _tools(body: Mapping[str, Any]) -> Iterator[Complaint]:
    tools = body.get("tools")
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body and not tools:
            yield f"'{name}' is only allowed when 'tools' are specified.", name
    if tools is None:
        return
    if not isinstance(tools, list) or not tools:
        yield "[] is too short - 'tools'", "tools"
        return
    for i, tool in enumerate(tools):
        where = f"tools[{i}]"
        if not isinstance(tool, dict) or tool.keys() != {"type", "function"}:
            yield f"Unknown parameter in '{where}'.", where
        elif tool["type"] != "function":
            yield f"Invalid value: '{where}.type'. Supported values are: 'function'.", where
        else:
            yield from _function(tool["function"], f"{where}.function")
    names = [tool["function"].get("name") for tool in tools]
    if len(set(names)) < len(names):
        yield "Tool names must be unique.", "tools"


def _function(function: Mapping[str, Any], where: str) -> Iterator[Complaint]:
    for key in function.keys() - {"name", "description", "parameters", "strict"}:
        yield f"Unknown parameter: '{where}.{key}'.", where
    if not NAME.match(str(function.get("name", ""))):
        text = f"Invalid '{where}.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        yield text, f"{where}.name"
    if not isinstance(function.get("description", ""), str):
        yield f"Invalid type for '{where}.description'.", where
    schema = function.get("parameters")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield f"Invalid schema for function '{function.get('name')}': no object.", where
    elif not isinstance(schema.get("properties"), dict):
        yield (
            f"Invalid schema for function '{function.get('name')}': In context=(), object schema "
            "missing properties.",
            where,
        )
    elif not set(schema.get("required", [])) <= schema["properties"].keys():
        yield f"Invalid schema for function '{function.get('name')}': unknown required.", where


def _response_format(body: Mapping[str, Any]) -> Iterator[Complaint]:
    wanted = body.get("response_format")
    if wanted is None or wanted == {"type": "json_object"}:
        return
    schema = wanted.get("json_schema", {})
    good = (
        wanted.get("type") == "json_schema"
        and NAME.match(str(schema.get("name", "")))
        and isinstance(schema.get("schema"), dict)
        and schema.keys() <= {"name", "schema", "strict", "description"}
    )
    if not good:
        yield "Invalid 'response_format'.", "response_format"


def _messages(messages: object, rules: Rules) -> Iterator[Complaint]:
    if not isinstance(messages, list) or not messages:
        yield "[] is too short - 'messages'", "messages"
        return
    for i, message in enumerate(messages):
        yield from _message(message, f"messages.[{i}]", first=i == 0)
    yield from _order(messages)
    yield from _pairing(messages)
    if rules.user_turn_last and messages[-1]["role"] not in ("user", "tool"):
        yield "The last message must be a user or tool message.", "messages"


def _message(message: Mapping[str, Any], where: str, *, first: bool) -> Iterator[Complaint]:
    role = message.get("role", "")
    keys = MESSAGE_KEYS.get(role)
    if keys is None:
        yield f"Invalid value: '{role}' in '{where}.role'.", f"{where}.role"
        return
    for key in message.keys() - keys:
        # Groq's words, for example about cache_control or reasoning_content.
        yield f"'{where}' : property '{key}' is unsupported", where
    if role in ("system", "developer") and not first:
        yield "System message must be at the beginning.", where
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        yield f"Missing parameter '{where}.tool_call_id'.", where
    yield from _CONTENT_RULES.get(role, _text_only)(message, f"{where}.content")


def _text_only(message: Mapping[str, Any], where: str) -> Iterator[Complaint]:
    content = message.get("content")
    if not isinstance(content, str) or not content:
        yield f"Invalid '{where}': expected a non-empty string.", where


def _user_content(message: Mapping[str, Any], where: str) -> Iterator[Complaint]:
    content = message.get("content")
    if not isinstance(content, list):
        yield from _text_only(message, where)
        return
    if not content:
        yield f"Invalid '{where}': empty array.", where
    for i, part in enumerate(content):
        if not _part_is_good(part):
            yield f"Invalid content part '{where}.[{i}]'.", where


def _part_is_good(part: Mapping[str, Any]) -> bool:
    if part.get("type") == "text":
        text = part.get("text")
        return part.keys() == {"type", "text"} and isinstance(text, str) and text != ""
    if part.get("type") == "image_url":
        url = part.get("image_url", {}).get("url", "")
        known = part.keys() == {"type", "image_url"} and part["image_url"].keys() == {"url"}
        return known and bool(DATA_URL.match(url) or url.startswith("https://"))
    return False


def _assistant_content(message: Mapping[str, Any], where: str) -> Iterator[Complaint]:
    calls = message.get("tool_calls")
    if calls is None:
        yield from _text_only(message, where)
        return
    if "content" not in message:
        yield f"Missing parameter '{where}'.", where
    elif message["content"] is not None:
        yield from _text_only(message, where)
    if not calls:
        yield "[] is too short - 'tool_calls'", where
    for call in calls:
        yield from _tool_call(call, where)


def _tool_call(call: Mapping[str, Any], where: str) -> Iterator[Complaint]:
    function = call.get("function", {})
    if call.keys() != {"id", "type", "function"} or function.keys() != {"name", "arguments"}:
        yield f"Unknown parameter in the tool calls of '{where}'.", where
    elif not call["id"] or len(call["id"]) > 40:
        yield f"Invalid tool call id in '{where}': string too long or empty.", where
    elif not NAME.match(function["name"]) or not isinstance(function["arguments"], str):
        yield f"Invalid function in the tool calls of '{where}'.", where


_CONTENT_RULES: Mapping[str, Callable[[Mapping[str, Any], str], Iterator[Complaint]]] = {
    "user": _user_content,
    "assistant": _assistant_content,
}


def _order(messages: Sequence[Mapping[str, Any]]) -> Iterator[Complaint]:
    """Turns alternate once system and tool messages are put aside."""
    before = "assistant"
    for i, message in enumerate(messages):
        role = message.get("role")
        if role in ("system", "developer"):
            continue
        if role in ("user", "assistant") and role == before:
            text = "Conversation roles must alternate user/assistant/user/assistant/..."
            yield text, f"messages.[{i}].role"
        before = str(role)


def _pairing(messages: Sequence[Mapping[str, Any]]) -> Iterator[Complaint]:
    """Every call is answered once, directly after the message that made it."""
    open_ids: list[str] = []
    for i, message in enumerate(messages):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in open_ids:
                yield (
                    "messages with role 'tool' must be a response to a preceding message with "
                    "'tool_calls'.",
                    f"messages.[{i}].role",
                )
            else:
                open_ids.remove(message["tool_call_id"])
            continue
        if open_ids:
            break
        open_ids = [call["id"] for call in message.get("tool_calls") or []]
    if open_ids:
        yield (
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(open_ids),
            "messages",
        )
