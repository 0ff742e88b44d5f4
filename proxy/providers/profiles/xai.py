"""xAI (Grok): its Responses endpoint is the current one, Chat Completions is kept for older clients.

Most of its models reason without a dial: they refuse the effort, and their encrypted reasoning comes
back all the same.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule

XAI = Vendor(
    name="xai",
    hosts={"api.x.ai": "/v1", ".api.x.ai": "/v1"},
    start=Start(
        title="xAI",
        base_urls=("https://api.x.ai/v1",),
        key_variable="XAI_API_KEY",
        big=(r"grok-\d+(\.\d+)?", r"grok-\d+(\.\d+)?-reasoning", r"grok-\d+-\d{4}"),
        small=(r"grok-[\d.-]+-fast-(?!non-)reasoning", r"grok-[\d.-]+-fast", r"grok-\d+-mini"),
    ),
    flags={
        "api": "responses",
        "text_tool_calls": False,
        "cache_key": True,
        "prefill_items": "error",
        "reasoning_items": "encrypted",
        "web_search": "tool",
    },
    models=(
        # Its reference: models that reason refuse stop.
        rule(r"grok-3-mini.*|grok-(4|code)(?!.*non-reasoning).*", no_stop=True),
        rule(r"grok-3-mini.*", thinking_style="effort", efforts=("low", "high")),
        rule(
            r"grok-4\.[3-9].*",
            thinking_style="effort",
            efforts=("none", "low", "medium", "high"),
            always_reasons=False,
        ),
        rule(r".*multi-agent.*", thinking_style="effort"),
    ),
)
