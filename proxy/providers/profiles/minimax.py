"""MiniMax: answers with reasoning in the text, accepts it as reasoning_content; no response_format."""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor

MINIMAX = Vendor(
    name="minimax",
    hosts={
        "api.minimax.io": "/v1",
        "api.minimaxi.com": "/v1",
        "api.minimax.chat": "/v1",
    },
    start=Start(
        title="MiniMax",
        base_urls=("https://api.minimax.io/v1", "https://api.minimaxi.com/v1"),
        key_variable="MINIMAX_API_KEY",
        big=(r"minimax-m[\d.]+",),
    ),
    flags={
        "text_tool_calls": False,
        "reasoning_history": "reasoning_content",
        "think_tags": True,
        "structured": "none",
    },
)
