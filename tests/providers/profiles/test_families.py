"""What is true of a model behind every gateway (docs/protocol.md 1.1, 1.4)."""

from __future__ import annotations

import pytest

from tests.providers.profiles.differences import differences

GATEWAY = "gateway.example.com"
REASONING = {
    "token_field": "max_completion_tokens",
    "no_sampling": True,
    "thinking_style": "effort",
}
O_SERIES = {**REASONING, "parallel_flag": False, "max_output": 100_000}
GPT5 = {**REASONING, "no_stop": True, "max_output": 128_000}
BLIND = {"vision": False}


@pytest.mark.parametrize(
    "model",
    [
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
    ],
)
def test_unknown_models_get_the_defaults(model: str) -> None:
    assert differences(GATEWAY, model) == {}


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("gpt-4o", {"max_output": 16384}, id="1.1 gpt-4o 16384"),
        pytest.param("gpt-4o-mini", {"max_output": 16384}, id="1.1 gpt-4o-mini 16384"),
        pytest.param("gpt-4o-2024-11-20", {"max_output": 16384}, id="1.1 a dated gpt-4o"),
        pytest.param("chatgpt-4o-latest", {"max_output": 16384}, id="1.1 latest"),
        pytest.param("openai/gpt-4o-mini", {"max_output": 16384}, id="1.1 a vendor prefix"),
        pytest.param("Azure/OpenAI/GPT-4o", {"max_output": 16384}, id="1.1 two, upper case"),
        pytest.param("gpt-4o:extended", {"max_output": 16384}, id="1.1 a tag"),
        pytest.param("ft:gpt-4o-2024-08-06:org::x", {"max_output": 16384}, id="1.1 a fine-tune"),
        pytest.param(
            "gpt-4o-2024-05-13",
            {"max_output": 4096, "structured": "json_object"},
            id="1.1 the first gpt-4o",
        ),
        pytest.param("gpt-4.1-nano-2025-04-14", {"max_output": 32768}, id="1.1 gpt-4.1"),
        pytest.param("gpt-4.5-preview", {"max_output": 16384}, id="1.1 gpt-4.5"),
        pytest.param(
            "gpt-4-turbo-2024-04-09",
            {"max_output": 4096, "structured": "json_object"},
            id="1.1 gpt-4-turbo",
        ),
        pytest.param(
            "gpt-4-1106-preview",
            {"max_output": 4096, "structured": "json_object"},
            id="1.1 gpt-4 previews are turbo",
        ),
        pytest.param(
            "gpt-4-0613", {"max_output": 8192, "structured": "none", **BLIND}, id="1.1 gpt-4"
        ),
        pytest.param(
            "gpt-35-turbo",
            {"max_output": 4096, "structured": "json_object", **BLIND},
            id="1.1 gpt-3.5-turbo as Azure spells it",
        ),
    ],
)
def test_openai_chat_models(model: str, flags: dict[str, object]) -> None:
    assert differences(GATEWAY, model) == flags


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("o1", O_SERIES, id="1.1 o1"),
        pytest.param("o1-2024-12-17", O_SERIES, id="1.1 o1, dated"),
        pytest.param("o3", {**O_SERIES, "no_stop": True}, id="1.1 o3 takes no stop"),
        pytest.param("o4-mini-2025-04-16", {**O_SERIES, "no_stop": True}, id="1.1 o4-mini"),
        pytest.param("o3-mini", {**O_SERIES, **BLIND}, id="1.1 o3-mini sees nothing"),
        pytest.param(
            "o1-mini",
            {
                "token_field": "max_completion_tokens",
                "no_sampling": True,
                "parallel_flag": False,
                "max_output": 65536,
                "structured": "none",
                **BLIND,
            },
            id="1.1 o1-mini has no effort",
        ),
        pytest.param(
            "o9-future",
            {**REASONING, "parallel_flag": False, "no_stop": True},
            id="1.1 any o<digit>",
        ),
        pytest.param(
            "gpt-5",
            {**GPT5, "efforts": ("minimal", "low", "medium", "high")},
            id="1.1 gpt-5",
        ),
        pytest.param(
            "openai/gpt-5-mini",
            {**GPT5, "efforts": ("minimal", "low", "medium", "high")},
            id="1.1 gpt-5 behind a vendor prefix",
        ),
        pytest.param(
            "gpt-5.1-2025-11-13",
            {**GPT5, "efforts": ("none", "low", "medium", "high")},
            id="1.4 gpt-5.1 knows the effort none",
        ),
        pytest.param(
            "gpt-5.4-mini",
            {**GPT5, "efforts": ("none", "low", "medium", "high", "xhigh")},
            id="1.4 gpt-5.2 and later know xhigh",
        ),
        pytest.param(
            "gpt-5.6-sol",
            {**GPT5, "efforts": ("none", "low", "medium", "high", "xhigh", "max")},
            id="1.4 gpt-5.6 knows max",
        ),
        pytest.param(
            "gpt-6-astra",
            {
                **REASONING,
                "no_stop": True,
                "efforts": ("low", "medium", "high", "xhigh", "max"),
            },
            id="1.1 gpt-6*",
        ),
        pytest.param(
            "gpt-5-chat-latest",
            {
                "token_field": "max_completion_tokens",
                "no_sampling": True,
                "no_stop": True,
                "max_output": 16384,
                "efforts": ("medium",),
            },
            id="1.4 gpt-5-chat does not reason",
        ),
        pytest.param(
            "gpt-5.2-chat-latest",
            {**GPT5, "max_output": 16384, "efforts": ("medium",)},
            id="1.4 later chat models reason at one level",
        ),
    ],
)
def test_openai_reasoning_models(model: str, flags: dict[str, object]) -> None:
    assert differences(GATEWAY, model) == flags


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param(
            "openai/gpt-oss-120b", {"thinking_style": "effort", **BLIND}, id="1.4 gpt-oss reasons"
        ),
        pytest.param(
            "gpt-oss:20b", {"thinking_style": "effort", **BLIND}, id="1.4 gpt-oss with a tag"
        ),
        pytest.param("deepseek-chat", BLIND, id="edge 125 deepseek-chat; its cap is its maker's"),
        pytest.param("deepseek-ai/DeepSeek-V3.1", BLIND, id="edge 125 DeepSeek-V3.1"),
        pytest.param("deepseek-v3.2-exp", BLIND, id="edge 125 an experimental version"),
        pytest.param(
            "deepseek-r1-distill-qwen-32b",
            {**BLIND, "think_tags": True},
            id="edge 117 R1 thinks in the text",
        ),
        pytest.param("qwq-32b", {**BLIND, "think_tags": True}, id="edge 117 QwQ"),
        pytest.param("Qwen/Qwen3-235B-A22B-Instruct-2507", BLIND, id="edge 125 Qwen3"),
        pytest.param("qwen3-coder-plus", BLIND, id="edge 125 Qwen3 Coder"),
        pytest.param("moonshotai/kimi-k2-instruct-0905", BLIND, id="edge 125 Kimi K2"),
        pytest.param("zai-org/GLM-4.6", BLIND, id="edge 125 GLM 4.6"),
        pytest.param("glm-4.5-airx", BLIND, id="edge 125 GLM 4.5 AirX"),
        pytest.param(
            "MiniMaxAI/MiniMax-M2.1", {**BLIND, "think_tags": True}, id="edge 154 MiniMax M2"
        ),
        pytest.param("minimax-m3", {"think_tags": True}, id="edge 154 MiniMax M3"),
        pytest.param("llama-3.3-70b-versatile", BLIND, id="edge 125 Llama 3.3"),
        pytest.param("mistral-large-2512", {"tool_id": "nine"}, id="edge 147 Mistral"),
        pytest.param("mistralai/devstral-small", {"tool_id": "nine"}, id="edge 147 Devstral"),
        pytest.param("mixtral-8x7b", {"tool_id": "nine", **BLIND}, id="edge 147 Mixtral"),
        pytest.param("open-mistral-nemo", {"tool_id": "nine"}, id="edge 147 open weights"),
    ],
)
def test_open_weights(model: str, flags: dict[str, object]) -> None:
    assert differences(GATEWAY, model) == flags
