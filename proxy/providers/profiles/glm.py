"""Zhipu / Z.ai (GLM): tool_choice is always auto, one stop string, JSON mode without a schema."""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule

GLM = Vendor(
    name="glm",
    hosts={"open.bigmodel.cn": "/api/paas/v4", "api.z.ai": "/api/paas/v4"},
    start=Start(
        title="GLM (Z.ai, Zhipu)",
        base_urls=(
            "https://api.z.ai/api/paas/v4",
            "https://api.z.ai/api/coding/paas/v4",
            "https://open.bigmodel.cn/api/paas/v4",
            "https://open.bigmodel.cn/api/coding/paas/v4",
        ),
        key_variable="ZAI_API_KEY",
        big=(r"glm-[\d.]+",),
        small=(r"glm-[\d.]+-air", r"glm-[\d.]+-flash"),
    ),
    flags={
        "text_tool_calls": False,
        "reasoning_history": "reasoning_content",
        "tool_choice": "auto_only",
        "structured": "json_object",
        "max_stop": 1,
    },
    models=(
        rule(r"glm-(4\.[5-9]|[5-9]).*", thinking_style="toggle"),
        rule(r"glm-(4\.[6-9]|[5-9]).*", tool_stream=True),
        # Thinking cannot be disabled; requests only choose its effort.
        rule(r"glm-5\.[3-9].*", thinking_style="effort", efforts=("low", "high", "max")),
        rule(r"glm-4\.5v", max_output=16384),
        rule(r"glm-4\.6v.*", max_output=32768),
    ),
)
