"""A client's tool result -> a ``tool`` message, and parts that such a message cannot contain.

Rule: a ``tool`` message contains only text and is never empty; images and files of a result are moved
to the user message after it, each with a caption (docs/protocol.md 2.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy.convert.request.block_types import result_block_to_parts
from proxy.convert.request.caching import carry_marker, single_text_content
from proxy.convert.request.parts import Block, ChatMessage, Part, TurnContext, text_part
from proxy.convert.request.server_blocks import NO_OUTPUT

ERROR_MARK = "[tool error] "
"""Shows the model that the call failed, since Chat Completions has no field for errors."""

_NAME_FOR_PART: Mapping[str, str] = {"image_url": "image", "file": "document"}


def tool_result_to_message(block: Block, context: TurnContext) -> tuple[ChatMessage, list[Part]]:
    """The ``tool`` message of a ``tool_result``, and captioned parts for the user message after it.

    Raises RefusedBlock for content that cannot be converted for this upstream.
    """
    sent_id = context.ids.result(block["tool_use_id"])
    plain = plain_result(block)
    if plain is not None:
        return {"role": "tool", "tool_call_id": sent_id, "content": plain}, []
    content = block.get("content")
    text_block = text_part("")
    attachments: list[Part] = []
    if isinstance(content, str) or not content:
        text = content or NO_OUTPUT
    else:
        text, attachments = _split_content(content, sent_id, text_block, context)
    content = result_content(text, text_block, block, context)
    return {"role": "tool", "tool_call_id": sent_id, "content": content}, attachments


def result_content(
    text: str, text_block: Part, block: Block, context: TurnContext
) -> str | list[Part]:
    """``text`` as the content of the result in ``block``; ``text_block`` has the markers so far."""
    text_block["text"] = ERROR_MARK + text if block.get("is_error") else text
    carry_marker(text_block, block, context)
    return single_text_content(text_block)


def plain_result(block: Block) -> str | None:
    """The text of a ``tool_result`` that is only text, without error or marker; else None."""
    content = block.get("content")
    plain = content if isinstance(content, str) else _only_text(content)
    if plain is None or block.get("is_error") or block.get("cache_control"):
        return None
    return plain or NO_OUTPUT


def _only_text(content: Sequence[Block] | None) -> str | None:
    """The text of a result that is a single text without a marker; else None.

    Nearly all results are of this form, and the general path takes 1 µs more for each.
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
        for part in result_block_to_parts(item, context):
            if part["type"] == "text":
                texts.append(part["text"])
                continue
            kind = _NAME_FOR_PART[part["type"]]
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
