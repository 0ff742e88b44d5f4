"""OpenAI: plain Chat Completions, with differences for the reasoning models."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.providers.profiles.base import Start, Vendor, rule
from proxy.providers.profiles.families import TOOL_IDS
from proxy.providers.profiles.schema_dialects import OPENAI_STEPS

RESPONSES: Mapping[str, object] = {"min_output": 16}
"""What OpenAI's models have at the Responses endpoint alone."""
ONLY_RESPONSES = (
    r".*-codex(-.*)?|codex-mini.*|o[13]-pro|gpt-[5-9](\.\d)?-pro|.*-deep-research|computer-use-preview"
    r"|gpt-.*-cyber|gpt-daybreak-.*|gpt-.*rosalind.*|gpt-6\.\d-astra-law"
)
"""Models that Chat Completions does not serve (``ResponsesModel`` of OpenAI's SDK)."""
BETTER_RESPONSES = r"gpt-5\.[4-9].*|gpt-[6-9].*"
"""Models that take tools at Chat Completions only without reasoning."""
NEVER_RESPONSES = r".*-search(-preview|-api)?|.*-audio.*|o1-mini|o1-preview|.*-chat"
"""Models that Responses does not serve, and the chat models, which reason at neither endpoint."""
PHASES = r"gpt-5\.3-codex|gpt-5\.[4-9].*|gpt-[6-9].*"
"""OpenAI's models whose messages have a phase."""
SLOW = r"gpt-[5-9](\.\d)?-pro|o[13]-pro|.*-deep-research"
"""OpenAI's models that work for minutes; what lies between cuts a connection without a byte."""


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
        "cache_key": True,
        "no_obfuscation": True,
        "prefill_items": "error",
        "count_endpoint": "responses",
        **TOOL_IDS,
    },
    responses={**RESPONSES, "user_field": "safety_identifier"},
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
        rule(r"gpt-4o(?!.*audio).*|gpt-4\.1.*|o\d.*|gpt-[5-9].*", web_search="tool"),
        rule(f"{ONLY_RESPONSES}|{BETTER_RESPONSES}", api="responses"),
        rule(NEVER_RESPONSES, api="chat"),
        rule(PHASES, phase=True),
        rule(SLOW, stream_only=True),
        rule("gpt-.*-search(-api)?", web_search="options", no_sampling=True, thinking_style="none"),
    ),
)
