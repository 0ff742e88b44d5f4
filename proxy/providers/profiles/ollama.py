"""Ollama: ignores tool_choice, so a request with ``none`` is sent without tools."""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor

OLLAMA = Vendor(
    name="ollama",
    hosts={":11434": "/v1", "ollama": "/v1", "ollama.com": "/v1"},
    flags={"tool_choice": "auto_only", "top_k": True, "think_tags": True},
)
