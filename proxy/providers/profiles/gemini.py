"""Gemini's OpenAI endpoint: a subset of OpenAPI schemas, effort for the models that think, thought
signatures that must be sent back with their tool calls.
"""

from __future__ import annotations

from proxy.providers.profiles.base import Start, Vendor, rule
from proxy.providers.profiles.schema_dialects import GEMINI_KEYWORDS, GEMINI_STEPS

GEMINI = Vendor(
    name="gemini",
    hosts={"generativelanguage.googleapis.com": "/v1beta/openai"},
    start=Start(
        title="Google Gemini",
        base_urls=("https://generativelanguage.googleapis.com/v1beta/openai",),
        key_variable="GEMINI_API_KEY",
        big=(r"gemini-[\d.]+-pro(-preview)?", "gemini-pro-latest"),
        middle=(r"gemini-[\d.]+-flash(-preview)?", "gemini-flash-latest"),
        small=(r"gemini-[\d.]+-flash-lite(-preview)?", "gemini-flash-lite-latest"),
    ),
    flags={
        "text_tool_calls": False,
        "extra_content": True,
        "schema_steps": GEMINI_STEPS,
        "schema_keep": GEMINI_KEYWORDS,
    },
    models=(
        rule(r"gemini-(1|2\.0).*", max_output=8192),
        rule(r"gemini-(2\.5|[3-9]|flash|pro).*", thinking_style="effort"),
        # These refuse a call without a signature, such as one that another model made.
        rule(r"gemini-([3-9]|flash|pro).*", history_shapes=("signed_calls",)),
        rule(r"gemini-2\.5-flash(-lite)?", efforts=("none", "low", "medium", "high")),
        rule("gemini-.*-(image|tts|live|audio).*", thinking_style="none"),
    ),
)
