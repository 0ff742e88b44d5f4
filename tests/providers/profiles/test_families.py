"""What is sent for a model behind every gateway (docs/protocol.md 1.1, 1.4)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.providers.profiles import Profile, overridden
from tests.providers.profiles.wire import PLAIN, PROBES, differences, graded, switched

GATEWAY = "gateway.example.com"
BLIND = {"image": False}
NO_SAMPLING: dict[str, Any] = {"sampling": []}
GRADED: dict[str, Any] = {
    "thinking": graded("high", "low"),
    "efforts": "low medium high high high",
}
STATED: dict[str, object] = {
    "tool_stream": False,
    "limit": {"max_tokens": 987_654},
    "system": "system",
    "late_system": "user",
    "stop": 4,
    "sampling": ["temperature", "top_p"],
    "user_id": None,
    "tier": None,
    "format": "json_schema",
    "image": True,
    "pdf": False,
    "cache": None,
    "prefill": {},
    "empty_content": None,
    "tool_id": "kept",
    "call_state": None,
    "unsigned_call": None,
    "behind_result": "user",
    "history": None,
    "tool_count": 200,
    "agent": "own",
    "strict": False,
    "choices": ("named", "required", "none"),
    "parallel": False,
    "schema": [],
    "web_search": None,
    "thinking": switched({}, {}),
    "efforts": "",
    "stream_usage": True,
    "always_streams": False,
    "think_tags": False,
    "text_calls": True,
}
"""What a plain, strict upstream gets."""


def test_every_part_is_stated() -> None:
    assert STATED.keys() == PROBES.keys()


@pytest.mark.parametrize("part", STATED)
def test_a_plain_upstream(part: str) -> None:
    assert PLAIN[part] == STATED[part]


def test_11_efforts() -> None:
    """A model that reasons is asked for no level that a plain upstream may not have."""
    profile = overridden(Profile(), {"thinking_style": "effort"})
    assert PROBES["efforts"](profile) == "low medium high high high"


UNKNOWN = [
    pytest.param("", id="no name"),
    pytest.param("my-model", id="an unknown name"),
    pytest.param("gpt", id="a beginning"),
    pytest.param("openai-o1", id="a name that only holds a known one"),
    pytest.param("o-1", id="no digit after o"),
    pytest.param("ollama-70b", id="o and a letter"),
    pytest.param("gpt-4o-realtime", id="an unknown variant"),
    pytest.param("claude-sonnet-4-5", id="claude"),
    pytest.param("gemini-2.5-pro", id="gemini"),
    pytest.param("deepseek-v4-pro", id="a newer deepseek"),
    pytest.param("deepseek-vl2", id="a deepseek that sees"),
    pytest.param("qwen3.5-plus", id="a qwen that sees"),
    pytest.param("qwen2.5-vl-72b-instruct", id="an older qwen that sees"),
    pytest.param("qwen3-vl-30b-a3b-instruct", id="a qwen3 that sees"),
    pytest.param("kimi-k2.5", id="a kimi that sees"),
    pytest.param("glm-4.5v", id="a glm that sees"),
    pytest.param("llama-3.2-90b-vision", id="a llama that sees"),
    pytest.param("minimax-text-01", id="a minimax without inline thoughts"),
]  # fmt: skip


@pytest.mark.parametrize("model", UNKNOWN)
def test_unknown_models_get_the_defaults(model: str) -> None:
    assert differences(GATEWAY, model) == {}


OPENAI_CHAT = [
    pytest.param("gpt-4o", {"limit": {"max_tokens": 16384}}, id="1.1 gpt-4o 16384"),
    pytest.param("gpt-4o-mini", {"limit": {"max_tokens": 16384}}, id="1.1 gpt-4o-mini 16384"),
    pytest.param("gpt-4o-2024-11-20", {"limit": {"max_tokens": 16384}}, id="1.1 a dated gpt-4o"),
    pytest.param("chatgpt-4o-latest", {"limit": {"max_tokens": 16384}}, id="1.1 latest"),
    pytest.param("openai/gpt-4o-mini", {"limit": {"max_tokens": 16384}}, id="1.1 a vendor prefix"),
    pytest.param("Azure/OpenAI/GPT-4o", {"limit": {"max_tokens": 16384}}, id="1.1 two, upper case"),
    pytest.param("gpt-4o:extended", {"limit": {"max_tokens": 16384}}, id="1.1 a tag"),
    pytest.param("ft:gpt-4o-2024-08-06:org::x", {"limit": {"max_tokens": 16384}}, id="1.1 a fine-tune"),
    pytest.param("gpt-4o-2024-05-13", {"limit": {"max_tokens": 4096}, "format": "json_object"}, id="1.1 the first gpt-4o"),
    pytest.param("gpt-4.1-nano-2025-04-14", {"limit": {"max_tokens": 32768}}, id="1.1 gpt-4.1"),
    pytest.param("gpt-4.5-preview", {"limit": {"max_tokens": 16384}}, id="1.1 gpt-4.5"),
    pytest.param("gpt-4-turbo-2024-04-09", {"limit": {"max_tokens": 4096}, "format": "json_object"}, id="1.1 gpt-4-turbo"),
    pytest.param("gpt-4-1106-preview", {"limit": {"max_tokens": 4096}, "format": "json_object"}, id="1.1 gpt-4 previews are turbo"),
    pytest.param("gpt-4-0613", {**BLIND, "limit": {"max_tokens": 8192}, "format": None}, id="1.1 gpt-4"),
    pytest.param("gpt-35-turbo", {**BLIND, "limit": {"max_tokens": 4096}, "format": "json_object"}, id="1.1 gpt-3.5-turbo as Azure spells it"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "parts"), OPENAI_CHAT)
def test_openai_chat_models(model: str, parts: dict[str, object]) -> None:
    assert differences(GATEWAY, model) == parts


OPENAI_REASONING = [
    pytest.param("o1", {**GRADED, **NO_SAMPLING, "limit": {"max_completion_tokens": 100_000}, "parallel": None}, id="1.1 o1"),
    pytest.param("o1-2024-12-17", {**GRADED, **NO_SAMPLING, "limit": {"max_completion_tokens": 100_000}, "parallel": None}, id="1.1 o1, dated"),
    pytest.param("o3", {**GRADED, **NO_SAMPLING, "limit": {"max_completion_tokens": 100_000}, "stop": 0, "parallel": None}, id="1.1 o3 takes no stop"),
    pytest.param("o4-mini-2025-04-16", {**GRADED, **NO_SAMPLING, "limit": {"max_completion_tokens": 100_000}, "stop": 0, "parallel": None}, id="1.1 o4-mini"),
    pytest.param("o3-mini", {**BLIND, **GRADED, **NO_SAMPLING, "limit": {"max_completion_tokens": 100_000}, "parallel": None}, id="1.1 o3-mini sees nothing"),
    pytest.param("o1-mini", {**BLIND, **NO_SAMPLING, "limit": {"max_completion_tokens": 65536}, "format": None, "parallel": None}, id="1.1 o1-mini has no effort"),
    pytest.param("o9-future", {**GRADED, **NO_SAMPLING, "limit": {"max_completion_tokens": 987_654}, "stop": 0, "parallel": None}, id="1.1 any o<digit>"),
    pytest.param("gpt-5", {**NO_SAMPLING, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "thinking": graded("high", "minimal"), "efforts": "low medium high high high"}, id="1.1 gpt-5"),
    pytest.param("openai/gpt-5-mini", {**NO_SAMPLING, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "thinking": graded("high", "minimal"), "efforts": "low medium high high high"}, id="1.1 gpt-5 behind a vendor prefix"),
    pytest.param("gpt-5.1-2025-11-13", {**NO_SAMPLING, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "thinking": graded("high", "none"), "efforts": "low medium high high high"}, id="1.4 gpt-5.1 knows the effort none"),
    pytest.param("gpt-5.4-mini", {**NO_SAMPLING, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "thinking": graded("high", "none"), "efforts": "low medium high xhigh xhigh"}, id="1.4 gpt-5.2 and later know xhigh"),
    pytest.param("gpt-5.6-sol", {**NO_SAMPLING, "limit": {"max_completion_tokens": 128_000}, "stop": 0, "thinking": graded("high", "none"), "efforts": "low medium high xhigh max"}, id="1.4 gpt-5.6 knows max"),
    pytest.param("gpt-6-astra", {**NO_SAMPLING, "limit": {"max_completion_tokens": 987_654}, "stop": 0, "thinking": graded("high", "low"), "efforts": "low medium high xhigh max"}, id="1.1 gpt-6*"),
    pytest.param("gpt-5-chat-latest", {**NO_SAMPLING, "limit": {"max_completion_tokens": 16384}, "stop": 0}, id="1.4 gpt-5-chat does not reason"),
    pytest.param("gpt-5.2-chat-latest", {**NO_SAMPLING, "limit": {"max_completion_tokens": 16384}, "stop": 0, "thinking": graded("medium", "medium"), "efforts": "medium medium medium medium medium"}, id="1.4 later chat models reason at one level"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "parts"), OPENAI_REASONING)
def test_openai_reasoning_models(model: str, parts: dict[str, object]) -> None:
    assert differences(GATEWAY, model) == parts


OPEN_WEIGHTS = [
    pytest.param("openai/gpt-oss-120b", {**BLIND, **GRADED}, id="1.4 gpt-oss reasons"),
    pytest.param("gpt-oss:20b", {**BLIND, **GRADED}, id="1.4 gpt-oss with a tag"),
    pytest.param("deepseek-chat", BLIND, id="edge 125 deepseek-chat; its cap is its maker's"),
    pytest.param("deepseek-ai/DeepSeek-V3.1", BLIND, id="edge 125 DeepSeek-V3.1"),
    pytest.param("deepseek-v3.2-exp", BLIND, id="edge 125 an experimental version"),
    pytest.param("deepseek-r1-distill-qwen-32b", {**BLIND, "think_tags": True}, id="edge 117 R1 thinks in the text"),
    pytest.param("qwq-32b", {**BLIND, "think_tags": True}, id="edge 117 QwQ"),
    pytest.param("Qwen/Qwen3-235B-A22B-Instruct-2507", BLIND, id="edge 125 Qwen3"),
    pytest.param("qwen3-coder-plus", BLIND, id="edge 125 Qwen3 Coder"),
    pytest.param("moonshotai/kimi-k2-instruct-0905", BLIND, id="edge 125 Kimi K2"),
    pytest.param("zai-org/GLM-4.6", BLIND, id="edge 125 GLM 4.6"),
    pytest.param("glm-4.5-airx", BLIND, id="edge 125 GLM 4.5 AirX"),
    pytest.param("MiniMaxAI/MiniMax-M2.1", {**BLIND, "think_tags": True}, id="edge 154 MiniMax M2"),
    pytest.param("minimax-m3", {"think_tags": True}, id="edge 154 MiniMax M3"),
    pytest.param("llama-3.3-70b-versatile", BLIND, id="edge 125 Llama 3.3"),
    pytest.param("mistral-large-2512", {"tool_id": 9, "behind_result": "tool"}, id="edge 147 Mistral"),
    pytest.param("mistralai/devstral-small", {"tool_id": 9, "behind_result": "tool"}, id="edge 147 Devstral"),
    pytest.param("mixtral-8x7b", {**BLIND, "tool_id": 9, "behind_result": "tool"}, id="edge 147 Mixtral"),
    pytest.param("open-mistral-nemo", {"tool_id": 9, "behind_result": "tool"}, id="edge 147 open weights"),
    pytest.param("google/gemma-3-27b-it", {"system": "user"}, id="Gemma 3 has no system role"),
    pytest.param("gemma-2-9b-it", {"system": "user"}, id="Gemma 2"),
    pytest.param("gemma3:12b", {"system": "user"}, id="Gemma 3 with a tag"),
    pytest.param("gemma-3n-e4b-it", {"system": "user"}, id="Gemma 3n"),
    pytest.param("gemma-4-26b-a4b-it", {}, id="Gemma 4 has a system role"),
    pytest.param("kimi-for-coding", {"agent": "client"}, id="the coding plan of Kimi"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "parts"), OPEN_WEIGHTS)
def test_open_weights(model: str, parts: dict[str, object]) -> None:
    assert differences(GATEWAY, model) == parts
