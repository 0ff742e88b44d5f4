"""vLLM and SGLang: additional sampling fields, prefill by ``continue_final_message``.

Without a reasoning parser the reasoning stays in the text.
"""

from __future__ import annotations

from proxy.providers.profiles.base import LOCAL_MODELS, Start, Vendor

VLLM = Vendor(
    name="vllm",
    hosts={":8000": "/v1", ":30000": "/v1", "vllm": "/v1", "sglang": "/v1"},
    start=Start(
        title="vLLM, SGLang",
        base_urls=("http://127.0.0.1:8000/v1", "http://127.0.0.1:30000/v1"),
        key_variable=None,
        big=LOCAL_MODELS,
    ),
    flags={
        "prefill": "vllm",
        "top_k": True,
        "think_tags": True,
        "count_endpoint": "vllm",
        "reasoning_items": "text",
        "tool_output_parts": False,
    },
)
