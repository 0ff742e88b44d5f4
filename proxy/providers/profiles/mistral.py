"""Mistral: ids of nine characters for tool calls, prefill with ``prefix``, unknown fields are refused,
no user message may follow a tool's.

The last chunk of a stream reports usage without ``stream_options``.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor

MISTRAL = Vendor(
    name="mistral",
    hosts={
        "api.mistral.ai": "/v1",
        "codestral.mistral.ai": "/v1",
    },
    flags={
        "tool_id": "nine",
        "prefill": "prefix",
        "no_stream_usage": True,
        "history_shapes": ("no_user_after_tool",),
    },
)
