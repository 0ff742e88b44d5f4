"""Mistral: ids of nine characters for tool calls, prefill with ``prefix``, unknown fields are refused,
no user message may follow a tool's.

The last chunk of a stream reports usage without ``stream_options``.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor

MISTRAL = Vendor(
    name="mistral",
    hosts={
        "api.mistral.ai": "/v1",
        "codestral.mistral.ai": "/v1",
    },
    start=Start(
        title="Mistral",
        base_urls=("https://api.mistral.ai/v1", "https://codestral.mistral.ai/v1"),
        key_variable="MISTRAL_API_KEY",
        big=("mistral-large-latest", "mistral-medium-latest"),
        middle=("devstral-medium-latest", "devstral-latest", "mistral-medium-latest"),
        small=("devstral-small-latest", "mistral-small-latest"),
    ),
    flags={
        "text_tool_calls": False,
        "tool_id": "nine",
        "prefill": "prefix",
        "no_stream_usage": True,
        # Tool schemas are checked against draft 2020-12 and compiled to a grammar.
        "schema_drop": ("$schema", "$id"),
        "schema_steps": ("draft_2020", "merge_root"),
        "history_shapes": ("no_user_after_tool",),
    },
)
