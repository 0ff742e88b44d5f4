"""DeepSeek: requests with tool results must contain the reasoning; a forced tool excludes thinking."""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule

DEEPSEEK = Vendor(
    name="deepseek",
    hosts={"api.deepseek.com": "/v1"},
    start=Start(
        title="DeepSeek",
        base_urls=("https://api.deepseek.com/v1",),
        key_variable="DEEPSEEK_API_KEY",
        big=(r"deepseek-v[\d.]+-pro", "deepseek-chat"),
        small=(r"deepseek-v[\d.]+-flash", "deepseek-chat"),
    ),
    flags={
        "text_tool_calls": False,
        "thinking_style": "toggle",
        "reasoning_history": "reasoning_content",
        "forced_choice_stops_thinking": True,
        "structured": "json_object",
        "max_stop": 16,
        "reasoning_items": "text",
    },
    models=(rule("deepseek-chat", max_output=8192),),
)
