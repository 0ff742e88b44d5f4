"""OpenAI: plain Chat Completions, with differences for the reasoning models."""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule
from proxy.providers.profiles.families import TOOL_IDS
from proxy.providers.profiles.schema_dialects import OPENAI_STEPS

OPENAI = Vendor(
    name="openai",
    hosts={"api.openai.com": "/v1", ".api.openai.com": "/v1"},
    start=Start(
        title="OpenAI",
        base_urls=("https://api.openai.com/v1",),
        key_variable="OPENAI_API_KEY",
        big=(r"gpt-([5-9]|\d\d)(\.\d+)?", r"gpt-4\.1", "gpt-4o"),
        small=(r"gpt-([5-9]|\d\d)(\.\d+)?-mini", "gpt-4o-mini"),
    ),
    flags={
        "text_tool_calls": False,
        "token_field": "max_completion_tokens",
        "mid_system": "inline",
        "service_tier": True,
        "strict_tools": True,
        "schema_steps": OPENAI_STEPS,
        "max_tools": 128,
        "pdf": "file",
        **TOOL_IDS,
    },
    models=(
        rule(r"o\d.*|gpt-[5-9].*", system_role="developer"),
        rule("o1-mini|o1-preview", system_role="system"),
        rule(
            r"gpt-4|gpt-4-(turbo|0125|1106|vision)|gpt-3\.5.*|o1-mini|o1-preview|o3-mini",
            pdf="none",
        ),
        # Chat Completions accepts function tools for these models only without reasoning.
        rule(r"gpt-5\.[4-9].*|gpt-[6-9].*", effort_with_tools="none"),
        rule(r"gpt-5\.[6-9].*|gpt-[6-9].*", cache="breakpoint"),
        rule("gpt-.*-search(-api)?", web_search="options", no_sampling=True, thinking_style="none"),
    ),
)
