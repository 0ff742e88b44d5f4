"""Split a Chat Completions body into the texts and media whose tokens are counted.

Rule: this module adds the fixed token numbers of docs/protocol.md section 6; other modules count the
texts. It reads only converted bodies, as they are sent to the upstream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.errors import InvalidRequest
from proxy.tokens.images import image_tokens

REQUEST_TOKENS = 3
MESSAGE_TOKENS = 4
TOOL_RESULT_TOKENS = 4
"""In addition to MESSAGE_TOKENS."""
TOOL_CALL_TOKENS = 8
TOOL_TOKENS = 8
TOOLS_TOKENS = 12
FORCED_TOOL_TOKENS = 4
SCHEMA_TOKENS = 8

NATIVE_TOOLS_TOKENS = 346
NATIVE_FORCED_TOOLS_TOKENS = 313
"""For native upstreams: the system prompt that the Messages API adds for tools."""

_TOOL_KEYS: Mapping[str, str] = {
    "name": "name",
    "description": "description",
    "parameters": "parameters",
}
_NATIVE_TOOL_KEYS: Mapping[str, str] = {**_TOOL_KEYS, "parameters": "input_schema"}


@dataclass(slots=True)
class Pieces:
    """The content of a body, grouped by how its tokens are counted."""

    texts: list[str] = field(default_factory=list)
    """To be tokenized separately."""
    overhead: int = 0
    """Tokens of the format around the texts."""
    image_tokens: int = 0
    pdfs: list[str] = field(default_factory=list)
    """Data URLs; counting their pages, which reads the whole file, is left to the caller."""


def chat_pieces(chat_body: Mapping[str, Any], *, native: bool = False) -> Pieces:
    """Take a Chat Completions body apart by the table of docs/protocol.md section 6.

    ``native``: the upstream speaks the Messages API. Raises InvalidRequest for a tool or response
    schema that is nested too deeply to be written as JSON.
    """
    pieces = Pieces(overhead=REQUEST_TOKENS)
    for index, message in enumerate(chat_body.get("messages") or ()):
        _add_message(pieces, message, is_system=index == 0 and message["role"] in SYSTEM_ROLES)
    add_tools(pieces, chat_body, native)
    add_response_schema(pieces, chat_body.get("response_format"))
    return pieces


SYSTEM_ROLES = ("system", "developer")


def _add_message(pieces: Pieces, message: Mapping[str, Any], *, is_system: bool) -> None:
    if not is_system:
        pieces.overhead += MESSAGE_TOKENS
    if message["role"] == "tool":
        pieces.overhead += TOOL_RESULT_TOKENS
    _add_content(pieces, message.get("content"))
    for call in message.get("tool_calls") or ():
        pieces.overhead += TOOL_CALL_TOKENS
        pieces.texts += (call["function"]["name"], call["function"]["arguments"])
    reasoning = message.get("reasoning_content")
    if reasoning:
        pieces.texts.append(reasoning)
    for detail in message.get("reasoning_details") or ():
        pieces.texts.append(detail.get("text") or detail.get("summary") or "")


def _add_content(pieces: Pieces, content: str | Sequence[Mapping[str, Any]] | None) -> None:
    if isinstance(content, str):
        pieces.texts.append(content)
        return
    for part in content or ():
        add = _PART_ADDERS.get(part["type"])
        if add:
            add(pieces, part)


def _add_text(pieces: Pieces, part: Mapping[str, Any]) -> None:
    pieces.texts.append(part["text"])


def _add_image(pieces: Pieces, part: Mapping[str, Any]) -> None:
    pieces.image_tokens += image_tokens(part["image_url"]["url"])


def _add_file(pieces: Pieces, part: Mapping[str, Any]) -> None:
    pieces.pdfs.append(part["file"]["file_data"])


_PART_ADDERS: Mapping[str, Callable[[Pieces, Mapping[str, Any]], None]] = {
    "text": _add_text,
    "image_url": _add_image,
    "file": _add_file,
}


def add_tools(pieces: Pieces, chat_body: Mapping[str, Any], native: bool) -> None:
    """Add the declared tools, and what the choice of them costs."""
    tools = chat_body.get("tools")
    if not tools:
        return
    choice = chat_body.get("tool_choice")
    forced = choice == "required" or isinstance(choice, Mapping)
    names = _NATIVE_TOOL_KEYS if native else _TOOL_KEYS
    if native:
        pieces.overhead += NATIVE_FORCED_TOOLS_TOKENS if forced else NATIVE_TOOLS_TOKENS
    else:
        pieces.overhead += TOOLS_TOKENS + (FORCED_TOOL_TOKENS if forced else 0)
    for tool in tools:
        function = tool.get("function", tool)
        shown = {name: function[key] for key, name in names.items() if key in function}
        pieces.overhead += TOOL_TOKENS
        # A provider's own tool, such as a built-in search, has none of these keys.
        pieces.texts.append(compact_json(shown or tool, "tools"))


def add_response_schema(pieces: Pieces, response_format: Mapping[str, Any] | None) -> None:
    """Add the schema of the answer, if ``response_format`` has one."""
    if response_format and response_format.get("type") == "json_schema":
        pieces.overhead += SCHEMA_TOKENS
        schema = response_format["json_schema"]["schema"]
        pieces.texts.append(compact_json(schema, "output_config.format.schema"))


def compact_json(value: object, path: str) -> str:
    """``value`` as JSON without spaces. Raises InvalidRequest, with ``path``, if it is nested too deeply."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # orjson refuses lone surrogates and more than 254 levels; json accepts both.
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise InvalidRequest(f"{path}: Input is nested too deeply") from None
