"""llama.cpp's server and LM Studio: tool_choice is a string, never a named function.

llama.cpp treats a named choice as ``auto`` without an error; LM Studio refuses it.
"""

from __future__ import annotations

from proxy.providers.profiles.base import LOCAL_MODELS, Start, Vendor
from proxy.providers.profiles.schema_dialects import GRAMMAR_STEPS

LLAMACPP = Vendor(
    name="llamacpp",
    hosts={
        ":8080": "/v1",
        ":1234": "/v1",
        "llamacpp": "/v1",
        "llama-cpp": "/v1",
        "llama-server": "/v1",
        "lmstudio": "/v1",
        "lm-studio": "/v1",
    },
    start=Start(
        title="llama.cpp, LM Studio",
        base_urls=("http://127.0.0.1:8080/v1", "http://127.0.0.1:1234/v1"),
        key_variable=None,
        big=LOCAL_MODELS,
    ),
    flags={
        "tool_choice": "required",
        "top_k": True,
        "think_tags": True,
        "schema_steps": GRAMMAR_STEPS,
        "reasoning_items": "text",
        "text_format": "response_format",
        "tool_output_parts": False,
        "silent_cut": True,
        "count_endpoint": "responses",
    },
)
