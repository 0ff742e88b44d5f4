"""System prompts and system turns -> system text.

Rule: the upstream gets one system message, as the first message; a later system turn keeps its place,
in the form that the upstream's chat template accepts (docs/protocol.md 1.1, 2.1, 2.4, section 11).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from proxy.convert.request.block_types import drop_block
from proxy.convert.request.caching import carry_marker, is_plain_text
from proxy.convert.request.parts import Block, ChatMessage, Part, TurnContext, text_part

BILLING_HEADER = "x-anthropic-billing-header:"
"""Begins a line that Claude Code puts first. It differs in every request, so that no prefix cache of
an upstream would be used."""
_AFTER_BREAKS = re.compile(r"[^\r\n]")


def system_message(
    contents: Iterable[str | Sequence[Block] | None], closing: str | None, context: TurnContext
) -> ChatMessage | None:
    """The first message, from the top-level prompt and the system turns before all other turns.

    ``closing`` is a last line that the proxy adds. None if there is no text.
    """
    parts = [part for content in contents for part in system_parts(content, context)]
    if closing:
        parts.append(text_part(closing))
    if not parts:
        return None
    return {"role": context.profile.system_role, "content": _first_content(parts, context)}


def _first_content(parts: list[Part], context: TurnContext) -> str | list[Part]:
    cache = context.profile.cache
    if cache is None or (cache == "breakpoint" and len(parts) == 1 and is_plain_text(parts[0])):
        return "\n\n".join([part["text"] for part in parts])
    return parts


def system_parts(content: str | Sequence[Block] | None, context: TurnContext) -> list[Part]:
    """The texts that are not blank of a system prompt or turn, without billing headers."""
    if not content:
        return []
    if isinstance(content, str):
        text = _without_billing_header(content)
        return [] if _is_blank(text) else [text_part(text)]
    parts = []
    for block in content:
        if block["type"] != "text":
            if not drop_block(block, context):
                context.drops.drop(f"system.{block['type']}")
            continue
        text = _without_billing_header(block["text"])
        if not _is_blank(text):
            part = text_part(text)
            carry_marker(part, block, context)
            parts.append(part)
    return parts


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


def _without_billing_header(text: str) -> str:
    at = 0
    # One copy at the end: a copy for each line would take quadratic time for many such lines.
    while text.startswith(BILLING_HEADER, at):
        end = text.find("\n", at)
        if end < 0:
            return ""
        found = _AFTER_BREAKS.search(text, end)
        at = found.start() if found else len(text)
    return text[at:] if at else text


def system_turn_part(content: str | Sequence[Block] | None, context: TurnContext) -> Part | None:
    """A later system turn as one text part; None if it has no text.

    It is in ``<system>`` tags for chat templates that accept a system message only at the beginning.
    """
    parts = system_parts(content, context)
    if not parts:
        return None
    text = "\n\n".join([part["text"] for part in parts])
    wrapped = context.profile.mid_system == "wrap"
    merged: Part = {}
    for part in parts:
        merged |= part
    merged["text"] = f"<system>\n{text}\n</system>" if wrapped else text
    return merged
