"""Ollama: ignores tool_choice, so a request with ``none`` is sent without tools."""

from __future__ import annotations

from proxy.providers.profiles.base import LOCAL_MODELS, Start, Vendor

OLLAMA = Vendor(
    name="ollama",
    hosts={":11434": "/v1", "ollama": "/v1", "ollama.com": "/v1"},
    start=Start(
        title="Ollama",
        base_urls=("http://127.0.0.1:11434/v1", "https://ollama.com/v1"),
        key_variable=None,
        big=LOCAL_MODELS,
    ),
    flags={
        "tool_choice": "auto_only",
        "top_k": True,
        "think_tags": True,
        "reasoning_items": "encrypted",
        "silent_cut": True,
    },
    responses={"efforts": ("none", "low", "medium", "high", "max")},
)
