"""vLLM and SGLang: additional sampling fields, prefill by ``continue_final_message``.

Without a reasoning parser the reasoning stays in the text.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Vendor

VLLM = Vendor(
    name="vllm",
    hosts={":8000": "/v1", ":30000": "/v1", "vllm": "/v1", "sglang": "/v1"},
    flags={"prefill": "vllm", "top_k": True, "think_tags": True, "count_endpoint": "vllm"},
)
