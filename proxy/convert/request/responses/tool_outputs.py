"""A client's tool result -> a ``function_call_output`` item.

Rule: a result of texts is a string as in Chat Completions; with images or files it is a list of parts in
block order, unless the upstream takes only strings (P.tool_output_parts; docs/protocol.md 12.2).
"""

from __future__ import annotations

from typing import Any

from proxy.convert.request.block_types import result_block_to_parts
from proxy.convert.request.caching import carry_marker
from proxy.convert.request.parts import Block, Part, TurnContext, text_part
from proxy.convert.request.responses.parts import Item, input_content
from proxy.convert.request.server_blocks import NO_OUTPUT
from proxy.convert.request.tool_results import (
    ERROR_MARK,
    plain_result,
    result_content,
    tool_result_to_message,
)


def tool_result_to_output(block: Block, context: TurnContext) -> tuple[Item, list[Part]]:
    """The item for a ``tool_result``, and parts for the user message after it.

    Raises RefusedBlock for content that cannot be converted for this upstream.
    """
    plain = plain_result(block)
    if plain is not None:
        return _output(context.ids.result(block["tool_use_id"]), plain), []
    if context.profile.tool_output_parts and isinstance(block.get("content"), list):
        content = _content(block, context)
        return _output(context.ids.result(block["tool_use_id"]), content), []
    answer, attachments = tool_result_to_message(block, context)
    return _output(answer["tool_call_id"], answer["content"]), attachments


def _output(call_id: str, content: str | list[Part]) -> Item:
    return {
        "type": "function_call_output",
        "call_id": call_id,
        "output": input_content(content),
    }


def _content(block: Block, context: TurnContext) -> str | list[Part]:
    parts: list[Part] = []
    markers: dict[str, Any] = {}
    for item in block["content"]:
        made = [
            part
            for part in result_block_to_parts(item, context)
            if part["type"] != "text" or part["text"]
        ]
        parts += made
        carry_marker(made[-1] if made else markers, item, context)
    if any(part["type"] != "text" for part in parts):
        _mark_whole(parts, block, context)
        return parts
    for part in parts:
        markers |= part
    text = "\n\n".join([part["text"] for part in parts]) or NO_OUTPUT
    return result_content(text, {**markers, **text_part("")}, block, context)


def _mark_whole(parts: list[Part], block: Block, context: TurnContext) -> None:
    """Show in ``parts`` what concerns the whole result: that it is an error, and its cache marker."""
    if block.get("is_error"):
        if parts[0]["type"] == "text":
            parts[0]["text"] = ERROR_MARK + parts[0]["text"]
        else:
            parts.insert(0, text_part(ERROR_MARK.rstrip()))
    carry_marker(parts[-1], block, context)
