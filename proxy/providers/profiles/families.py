"""Flags of model families that apply at every vendor.

Rule: a row must be correct for the model on every server, and harmless on a server that accepts more
than the model's vendor does: limits of the model, fields that it refuses, inputs that it cannot read.
Flags that depend on the server (history, schema dialect, thinking parameters) are in the vendor
modules. Healing corrects a missing row at run time; a wrong row truncates output or removes images,
so there are few rows.
"""

from __future__ import annotations

from proxy.providers.profiles.base import ModelRule, rule

ALL_EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")
REASONING = {
    "token_field": "max_completion_tokens",
    "no_sampling": True,
    "thinking_style": "effort",
}
"""OpenAI's reasoning models (docs/protocol.md 1.1, 1.4)."""

TOOL_IDS = {"tool_id": "safe", "tool_id_chars": 40}
"""OpenAI's limit; its own ids are of safe characters, so others are only those of other models."""

OPENAI_CHAT: tuple[ModelRule, ...] = (
    rule(r"(chat)?gpt-\d.*|o\d.*", **TOOL_IDS),
    rule("(chat)?gpt-4o(-mini)?(-search|-audio)?", max_output=16384),
    rule("gpt-4o-2024-05-13", max_output=4096, structured="json_object"),
    rule(r"gpt-4\.1(-mini|-nano)?", max_output=32768),
    rule(r"gpt-4\.5", max_output=16384),
    rule("gpt-4", max_output=8192, vision=False, structured="none"),
    rule(
        "gpt-4-(turbo|0125|1106|vision)",
        max_output=4096,
        vision=True,
        structured="json_object",
    ),
    rule(r"gpt-3\.?5-turbo(-16k)?", max_output=4096, vision=False, structured="json_object"),
)

OPENAI_REASONING: tuple[ModelRule, ...] = (
    rule(r"o\d.*", **REASONING, parallel_flag=False, always_reasons=True),
    rule("o1|o3|o3-(mini|pro)|o4-mini", max_output=100_000),
    # OpenAI's reference: stop is not supported by o3, o4-mini and later models.
    rule("o3|o3-pro|o[4-9].*", no_stop=True),
    rule("o3-mini", vision=False),
    rule("o1-mini", max_output=65536, vision=False, thinking_style="none", structured="none"),
    rule("o1-preview", max_output=32768, vision=False, thinking_style="none", structured="none"),
    rule(r"gpt-[5-9].*", **REASONING, no_stop=True, always_reasons=True),
    rule(r"gpt-5\.[1-9].*|gpt-5-chat", always_reasons=False),
    rule(r"gpt-5.*", max_output=128_000, efforts=("minimal", "low", "medium", "high")),
    rule(r"gpt-5\.1.*", efforts=("none", "low", "medium", "high")),
    rule(r"gpt-5\.[2-5].*", efforts=("none", "low", "medium", "high", "xhigh")),
    rule(r"gpt-5\.[6-9].*", efforts=ALL_EFFORTS),
    rule(r"gpt-[6-9].*", efforts=ALL_EFFORTS[1:]),
    rule(r"gpt-5(\.\d)?-chat", max_output=16384, efforts=("medium",)),
    rule("gpt-5-chat", thinking_style="none"),
)

OPEN_WEIGHTS: tuple[ModelRule, ...] = (
    rule("gpt-oss.*", thinking_style="effort", vision=False, always_reasons=True),
    rule(
        r"deepseek-(r1|reasoner).*|qwq.*|qvq.*|minimax-m\d.*|magistral.*|grok-3-mini.*"
        r"|grok-(4|code)(?!.*non-reasoning).*|gemini-(2\.5-pro|[3-9]).*"
        r"|(?!.*non?-?(thinking|reasoning)).*-(thinking|reasoning)(-.*)?",
        always_reasons=True,
    ),
    rule("gemini-.*-(image|tts|live|audio).*", always_reasons=False),
    rule(r"deepseek-(chat|reasoner|coder.*|r1.*|v[23](\.\d)?(-terminus|-speciale)?)", vision=False),
    # Servers without a reasoning parser leave the reasoning of these in the text (edge case 117).
    rule(r"deepseek-r1.*|qwq.*|minimax-m\d.*", think_tags=True),
    rule("kimi-k2(-(instruct|thinking|turbo))*(-preview)?", vision=False),
    rule(r"glm-(4\.[5-7]|5(\.[1-3])?)(-(air|airx|x|flash|flashx|turbo|fp8))*", vision=False),
    rule(r"minimax-m[12](\.\d)?(-.*)?", vision=False),
    rule(
        r"qwen3(-\d+(\.\d+)?b.*)?|qwen3-coder.*|qwen2\.5-(coder-)?\d.*b(-instruct)?|qwq.*",
        vision=False,
    ),
    rule(r"llama-?3\.[13](-.*)?|mixtral.*|codestral.*", vision=False),
    # Kimi's plan for coding agents admits them by their User-Agent.
    rule("kimi-for-coding.*", user_agent="client"),
    # Their chat templates check the length of a tool call's id, and which role follows a tool's.
    rule(
        "(open-)?(mi[sx]tral|ministral|magistral|codestral|devstral|pixtral).*",
        tool_id="nine",
        history_shapes=("no_user_after_tool",),
    ),
    # No system role before Gemma 4: templates refuse it, or put the prompt before the user's text.
    rule("gemma-?[1-3].*", history_shapes=("no_system",)),
)

ANTHROPIC: tuple[ModelRule, ...] = (
    # Gateways pass ids on to the Messages API, which demands safe characters.
    rule(r"(.*\.)?claude-.*", tool_id="safe"),
)

FAMILIES: tuple[ModelRule, ...] = (*OPENAI_CHAT, *OPENAI_REASONING, *OPEN_WEIGHTS, *ANTHROPIC)
