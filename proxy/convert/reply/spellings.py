"""The forms in which upstreams send reasoning: members of a delta, content parts, tags in the text.

Rule: a new spelling (form) of reasoning is one row here; a new member of a delta is also added to
``Form`` (docs/protocol.md section 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy.convert.reply.pieces import Form

ITEM_FORMS: Sequence[Form] = ("reasoning_details", "thinking_blocks")
"""Lists of items with signatures and encrypted reasoning (OpenRouter; LiteLLM)."""
TEXT_FORMS: Sequence[Form] = ("reasoning_content", "reasoning_text", "reasoning", "thinking")
FORMS: Sequence[Form] = (*ITEM_FORMS, *TEXT_FORMS)
"""Preferred spelling first: items also contain signatures and encrypted reasoning."""

STATE_MEMBERS: Sequence[str] = ("reasoning_opaque",)
"""Members with private state, which the upstream must get back in the same member (GitHub Copilot)."""

REASONING_MEMBERS = frozenset((*FORMS, *STATE_MEMBERS))

PART_TYPES = frozenset(
    {
        "thinking",
        "redacted_thinking",
        "reasoning",
        "reasoning_text",
        "reasoning_content",
        "reasoning_summary",
        "summary_text",
        "thought",
    }
)
"""Types of content parts and items that contain reasoning."""
PART_TEXTS: Sequence[str] = (
    "thinking",
    "reasoning",
    "reasoning_text",
    "reasoning_content",
    "text",
    "content",
    "summary",
    "thought",
)
"""Members of such a part that may contain its text."""
PART_SIGNATURES: Sequence[str] = ("signature", "thought_signature")
PART_STATES: Sequence[str] = ("data", "encrypted_content")
"""Members with reasoning that only the upstream can decrypt."""

CLOSING_FOR_OPENING: Mapping[str, str] = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",
    "<seed:think>": "</seed:think>",
    "◁think▷": "◁/think▷",
    "<|channel|>analysis<|message|>": "<|end|>",
    "<|start|>assistant<|channel|>analysis<|message|>": "<|end|>",
}
"""Tags around reasoning at the start of the text. The last two are those of gpt-oss (harmony)."""
CLOSING_FOR_NEXT: Mapping[str, str] = {
    "<|start|>assistant<|channel|>analysis<|message|>": "<|end|>",
    "<|start|>assistant<|channel|>final<|message|>": "",
}
"""Tokens after ``<|end|>``: more reasoning, or the final text."""
MARKED_CLOSING = "</thought>"
"""The tag that ends text which ``extra_content`` marks as a thought (Gemini)."""
