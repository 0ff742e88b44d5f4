"""A client's tool result -> a ``tool`` message, and what of it cannot travel in one.

Rule: a ``tool`` message holds text only and is never empty; images and files of a result go into
the user message behind it, each with a caption (docs/protocol.md 2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.convert.request.caching import carry_marker, single_text_content
from proxy.convert.request.documents import document_to_parts, image_to_part, search_result_to_part
from proxy.convert.request.history import NO_OUTPUT
from proxy.convert.request.parts import (
    Block,
    ChatMessage,
    Part,
    RefusedBlock,
    TurnContext,
    compact_json,
    text_part,
)

ERROR_MARK = "[tool error] "
"""Chat Completions has no error flag; without a word the model takes a failure for success."""

_KINDS: Mapping[str, str] = {"image_url": "image", "file": "document"}


def tool_result_to_message(block: Block, context: TurnContext) -> tuple[ChatMessage, list[Part]]:
    """The ``tool`` message of a ``tool_result``, and captioned parts for the user message after it.

    Raises RefusedBlock for content that this upstream cannot carry.
    """
    sent_id = context.ids.sent(block["tool_use_id"])
    content = block.get("content")
    plain = content if isinstance(content, str) else _only_text(content)
    if plain is not None and not block.get("is_error") and not block.get("cache_control"):
        return {"role": "tool", "tool_call_id": sent_id, "content": plain or NO_OUTPUT}, []
    text_block = text_part("")
    attachments: list[Part] = []
    if isinstance(content, str) or not content:
        text = content or NO_OUTPUT
    else:
        text, attachments = _split_content(content, sent_id, text_block, context)
    text_block["text"] = ERROR_MARK + text if block.get("is_error") else text
    carry_marker(text_block, block, context)
    message = {
        "role": "tool",
        "tool_call_id": sent_id,
        "content": single_text_content(text_block),
    }
    return message, attachments


def _only_text(content: Sequence[Block] | None) -> str | None:
    """The text of a result that is one text without a marker, as nearly all are; else None.

    It comes out as below, at a third of the cost: 1 us less for each result of a history.
    """
    if content and len(content) == 1:
        (item,) = content
        if len(item) == 2 and item["type"] == "text":
            text: str = item["text"]
            return text
    return None


def _split_content(
    content: Sequence[Block], sent_id: str, text_block: Part, context: TurnContext
) -> tuple[str, list[Part]]:
    texts: list[str] = []
    attachments: list[Part] = []
    kinds: list[str] = []
    for item in content:
        marked = text_block
        for part in _item_to_parts(item, context):
            if part["type"] == "text":
                texts.append(part["text"])
                continue
            kind = _KINDS[part["type"]]
            kinds.append(kind)
            attachments += (text_part(f"[{kind} from tool result {sent_id}]"), part)
            marked = part
        carry_marker(marked, item, context)
    text = "\n\n".join(filter(None, texts))
    if text:
        return text, attachments
    if kinds:
        return f"(see attached {'image' if 'image' in kinds else 'document'})", attachments
    return NO_OUTPUT, attachments


def _item_to_parts(item: Block, context: TurnContext) -> list[Part]:
    convert = _PARTS_FOR_TYPE.get(item["type"])
    if convert is None:
        raise RefusedBlock(item, ": not supported inside a tool result by this upstream")
    return convert(item, context)


def _text_to_parts(item: Block, context: TurnContext) -> list[Part]:
    return [text_part(item["text"])]


def _image_to_parts(item: Block, context: TurnContext) -> list[Part]:
    return [image_to_part(item, context)]


def _search_result_to_parts(item: Block, context: TurnContext) -> list[Part]:
    return [search_result_to_part(item, context)]


def _reference_to_parts(item: Block, context: TurnContext) -> list[Part]:
    return [text_part(f"[tool available: {context.names.sent(item['tool_name'])}]")]


def _browser_state_to_parts(item: Block, context: TurnContext) -> list[Part]:
    shown: dict[str, Any] = {key: item[key] for key in item if key != "cache_control"}
    return [text_part(compact_json(shown))]


_PARTS_FOR_TYPE: Mapping[str, Callable[[Block, TurnContext], list[Part]]] = {
    "text": _text_to_parts,
    "image": _image_to_parts,
    "document": document_to_parts,
    "search_result": _search_result_to_parts,
    "tool_reference": _reference_to_parts,
    "browser_state": _browser_state_to_parts,
}
