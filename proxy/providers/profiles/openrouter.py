"""OpenRouter: one reasoning field for all models; reasoning_details are sent back unchanged."""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule

OPENROUTER = Vendor(
    name="openrouter",
    hosts={"openrouter.ai": "/api/v1", ".openrouter.ai": "/api/v1"},
    start=Start(
        title="OpenRouter",
        base_urls=("https://openrouter.ai/api/v1",),
        key_variable="OPENROUTER_API_KEY",
        big=(r"anthropic/claude-opus-[\d.]+",),
        middle=(r"anthropic/claude-sonnet-[\d.]+",),
        small=(r"anthropic/claude-haiku-[\d.]+",),
    ),
    flags={
        "thinking_style": "openrouter",
        "reasoning_history": "details",
        "mid_system": "inline",
        "top_k": True,
        "pdf": "file",
        "web_search": "plugin",
        "eof_ends": True,
    },
    responses={"min_output": 16},
    models=(
        rule("~?anthropic/.*", cache="anthropic"),
        # Their makers serve these models, with parsers of their own.
        rule("~?(anthropic|google|openai|x-ai)/.*", text_tool_calls=False),
    ),
)
