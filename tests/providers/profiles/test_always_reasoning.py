"""Which models reason although nothing asks them to (docs/protocol.md 1.1, 1.4)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.request.thinking import reasons_unasked
from proxy.providers.profiles import Profile, overridden, profile_for

GATEWAY = "gateway.example.com"
OPENROUTER = "openrouter.ai"
OFF: dict[str, Any] = {"thinking": {"type": "disabled"}}

ALWAYS = [
    (GATEWAY, "o1"),
    (GATEWAY, "o3-mini"),
    (GATEWAY, "o4-mini-2025-04-16"),
    (GATEWAY, "gpt-5"),
    (OPENROUTER, "openai/gpt-5-mini"),
    (GATEWAY, "gpt-5.2-chat-latest"),
    (GATEWAY, "gpt-6-astra"),
    ("localhost:8000", "openai/gpt-oss-120b"),
    (GATEWAY, "deepseek-r1-0528"),
    ("api.deepseek.com", "deepseek-reasoner"),
    (GATEWAY, "qwq-32b"),
    (GATEWAY, "qwen3-235b-a22b-thinking-2507"),
    ("dashscope.aliyuncs.com", "qwen3-next-80b-a3b-thinking"),
    (GATEWAY, "kimi-k2-thinking-turbo"),
    ("api.moonshot.cn", "kimi-k3"),
    ("api.z.ai", "glm-5.3"),
    ("api.minimax.io", "MiniMax-M2"),
    (GATEWAY, "magistral-medium-latest"),
    ("api.x.ai", "grok-4-0709"),
    ("api.x.ai", "grok-4-fast-reasoning"),
    ("api.x.ai", "grok-code-fast-1"),
    ("api.x.ai", "grok-3-mini"),
    ("generativelanguage.googleapis.com", "gemini-2.5-pro"),
    ("generativelanguage.googleapis.com", "gemini-3-flash-preview"),
    (OPENROUTER, "google/gemini-3-pro-preview"),
    (GATEWAY, "phi-4-reasoning-plus"),
    (GATEWAY, "doubao-seed-1-6-thinking-250715"),
]
SWITCHABLE_OR_NOT_REASONING = [
    (GATEWAY, "gpt-4o"),
    (GATEWAY, "gpt-5-chat-latest"),
    (GATEWAY, "gpt-5.1"),
    (OPENROUTER, "openai/gpt-5.4"),
    (GATEWAY, "my-model"),
    ("api.deepseek.com", "deepseek-chat"),
    ("api.z.ai", "glm-4.6"),
    ("dashscope.aliyuncs.com", "qwen-plus"),
    ("api.x.ai", "grok-4-fast-non-reasoning"),
    ("api.x.ai", "grok-3"),
    (GATEWAY, "qwen3-30b-a3b-instruct-2507"),
    (GATEWAY, "glm-4-non-thinking"),
    ("generativelanguage.googleapis.com", "gemini-2.5-flash"),
    ("generativelanguage.googleapis.com", "gemini-2.0-flash"),
    (GATEWAY, "gemini-3-pro-image-preview"),
    (GATEWAY, "minimax-text-01"),
]


@pytest.mark.parametrize("request_", [OFF, {}], ids=["disabled", "absent"])
@pytest.mark.parametrize(
    ("host", "model", "always"),
    [(*row, True) for row in ALWAYS] + [(*row, False) for row in SWITCHABLE_OR_NOT_REASONING],
)
def test_models(host: str, model: str, always: bool, request_: dict[str, Any]) -> None:
    assert reasons_unasked(request_, profile_for(host, model)) is always


@pytest.mark.parametrize(
    ("thinking", "unasked"),
    [
        pytest.param({"type": "disabled"}, True, id="1.4 disabled"),
        pytest.param({"type": "between_tools"}, True, id="1.4 between_tools"),
        pytest.param(None, True, id="1.4 null"),
        pytest.param({"type": "enabled", "budget_tokens": 2000}, False, id="1.4 enabled"),
        pytest.param({"type": "adaptive"}, False, id="1.4 adaptive"),
    ],
)
def test_only_what_was_not_asked_for_is_unasked(thinking: Any, unasked: bool) -> None:
    assert reasons_unasked({"thinking": thinking}, Profile(always_reasons=True)) is unasked


@pytest.mark.parametrize(
    ("flags", "always"),
    [
        pytest.param({"always_reasons": True}, True, id="registered"),
        pytest.param({"thinking_style": "effort"}, True, id="an effort without none"),
        pytest.param(
            {"thinking_style": "effort", "efforts": ["none", "high"]},
            False,
            id="an effort with none",
        ),
        pytest.param({"thinking_style": "toggle"}, False, id="a switch"),
    ],
)
def test_flags(flags: dict[str, object], always: bool) -> None:
    assert reasons_unasked(OFF, overridden(Profile(), flags)) is always
