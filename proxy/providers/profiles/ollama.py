"""Ollama: accepts tool_choice and ignores it, so none has to mean no tools at all."""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor

OLLAMA = Vendor(
    name="ollama",
    hosts={":11434": "/v1", "ollama": "/v1", "ollama.com": "/v1"},
    flags={"tool_choice": "auto_only", "top_k": True, "think_tags": True},
)
