"""Split a Responses body into the texts and media whose tokens are counted.

Rule: an item counts as the same content does in a Chat Completions body, but a call is no part of a message.
Encrypted reasoning cannot be read and counts nothing, so that long tool loops are counted low
(docs/protocol.md section 6, 12.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.tokens.images import image_tokens
from proxy.tokens.pieces import (
    MESSAGE_TOKENS,
    REQUEST_TOKENS,
    SYSTEM_ROLES,
    TOOL_CALL_TOKENS,
    TOOL_RESULT_TOKENS,
    Pieces,
    add_response_schema,
    add_tools,
    chat_pieces,
    compact_json,
)

Item = Mapping[str, Any]


def body_pieces(body: Mapping[str, Any], *, native: bool = False) -> Pieces:
    """The pieces of a body of either protocol; ``native`` as for ``chat_pieces``."""
    if "input" in body and "messages" not in body:
        return responses_pieces(body)
    return chat_pieces(body, native=native)


def responses_pieces(body: Mapping[str, Any]) -> Pieces:
    """Take a Responses body apart. Raises InvalidRequest as ``chat_pieces``."""
    pieces = Pieces(overhead=REQUEST_TOKENS)
    instructions = body.get("instructions")
    if instructions:
        pieces.texts.append(instructions)
    items = body["input"]
    if items and items[0].get("role") in SYSTEM_ROLES:
        # The system prompt, where it is no field of its own.
        pieces.overhead -= MESSAGE_TOKENS
    for item in items:
        add = _ITEM_ADDERS.get(item["type"])
        if add:
            add(pieces, item)
    add_tools(pieces, body, native=False)
    _add_schema(pieces, body)
    return pieces


def _add_message(pieces: Pieces, item: Item) -> None:
    pieces.overhead += MESSAGE_TOKENS
    _add_content(pieces, item["content"])


def _add_call(pieces: Pieces, item: Item) -> None:
    pieces.overhead += TOOL_CALL_TOKENS
    pieces.texts += (item["name"], item["arguments"])


def _add_output(pieces: Pieces, item: Item) -> None:
    pieces.overhead += MESSAGE_TOKENS + TOOL_RESULT_TOKENS
    _add_content(pieces, item["output"])


def _add_reasoning(pieces: Pieces, item: Item) -> None:
    _add_content(pieces, item.get("content") or ())


def _add_search(pieces: Pieces, item: Item) -> None:
    pieces.overhead += TOOL_CALL_TOKENS
    pieces.texts.append(compact_json(item.get("action") or {}, "messages"))


def _add_content(pieces: Pieces, content: str | Sequence[Mapping[str, Any]]) -> None:
    if isinstance(content, str):
        pieces.texts.append(content)
        return
    for part in content:
        kind = part["type"]
        if kind == "input_image":
            pieces.image_tokens += image_tokens(part["image_url"])
        elif kind == "input_file":
            pieces.pdfs.append(part["file_data"])
        else:
            pieces.texts.append(part["text"])


def _add_schema(pieces: Pieces, body: Mapping[str, Any]) -> None:
    wanted = (body.get("text") or {}).get("format")
    if wanted and wanted.get("type") == "json_schema":
        wanted = {"type": "json_schema", "json_schema": wanted}
    add_response_schema(pieces, wanted or body.get("response_format"))


_ITEM_ADDERS: Mapping[str, Callable[[Pieces, Item], None]] = {
    "message": _add_message,
    "function_call": _add_call,
    "function_call_output": _add_output,
    "reasoning": _add_reasoning,
    "web_search_call": _add_search,
}
