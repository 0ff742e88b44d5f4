"""Moonshot AI (Kimi): newer models have fixed sampling; the history must contain the reasoning.

``api.kimi.com`` admits coding agents by their ``User-Agent``.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule
from proxy.providers.profiles.schema_dialects import MOONSHOT_STEPS

MOONSHOT = Vendor(
    name="moonshot",
    hosts={
        "api.moonshot.cn": "/v1",
        "api.moonshot.ai": "/v1",
        "api.kimi.com": "/coding/v1",
    },
    start=Start(
        title="Moonshot AI (Kimi)",
        base_urls=(
            "https://api.moonshot.ai/v1",
            "https://api.moonshot.cn/v1",
            "https://api.kimi.com/coding/v1",
        ),
        key_variable="MOONSHOT_API_KEY",
        big=(r"kimi-k[\d.]+", "kimi-for-coding", "kimi-k2-.*"),
    ),
    flags={
        "text_tool_calls": False,
        "reasoning_history": "reasoning_content",
        "forced_choice_stops_thinking": True,
        "count_endpoint": "moonshot",
        "schema_steps": MOONSHOT_STEPS,
        "user_agent": "client",
    },
    models=(
        # These models answer 400 unless temperature and top_p have the fixed values.
        rule(r"kimi-k2\.[5-9].*|kimi-k[3-9].*", no_sampling=True),
        rule(r"kimi-k2\.[56]", thinking_style="toggle"),
        rule(r"kimi-k[3-9].*", thinking_style="effort", efforts=("low", "high", "max")),
    ),
)
