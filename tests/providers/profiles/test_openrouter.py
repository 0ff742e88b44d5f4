"""OpenRouter: edge case 144, docs/protocol.md 1.1, 1.4, 10.1, 10.3, 10.10."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

HOST = "openrouter.ai"
EVERY_MODEL = {
    "thinking_style": "openrouter",
    "reasoning_history": "details",
    "mid_system": "inline",
    "top_k": True,
    "pdf": "file",
    "web_search": "plugin",
}


@pytest.mark.parametrize("model", ["some/model", "google/gemini-3-pro", "x-ai/grok-5:nitro"])
def test_every_model(model: str) -> None:
    assert differences(HOST, model) == EVERY_MODEL
    assert profile_for(HOST, model).name == "openrouter"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param(
            "anthropic/claude-sonnet-4.5", {"cache": "anthropic"}, id="edge 144 anthropic/*"
        ),
        pytest.param(
            "Anthropic/Claude-Opus-4.8:beta", {"cache": "anthropic"}, id="edge 144 tag and case"
        ),
        pytest.param("claude-sonnet-4.5", {}, id="edge 144 only behind the vendor's prefix"),
        pytest.param("other/anthropic", {}, id="edge 144 not as a model's name"),
        pytest.param(
            "openai/gpt-5",
            {
                "token_field": "max_completion_tokens",
                "no_sampling": True,
                "no_stop": True,
                "efforts": ("minimal", "low", "medium", "high"),
                "max_output": 128_000,
            },
            id="1.1 gpt-5* everywhere; its reasoning in OpenRouter's form",
        ),
        pytest.param(
            "deepseek/deepseek-chat", {"vision": False}, id="1.1 DeepSeek's cap is not OpenRouter's"
        ),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences(HOST, model) == {**EVERY_MODEL, **flags}


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("mid_system", "inline", id="10.1 late system turns inline"),
        pytest.param("reasoning_history", "details", id="10.3 reasoning_details go back"),
        pytest.param("web_search", "plugin", id="10.10 web plugin"),
        pytest.param("top_k", True, id="edge 11 top_k is forwarded"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for(HOST, "some/model"), flag) == value


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "/api/v1", id="features: OpenRouter without a path"),
        pytest.param("/api", "/api/v1", id="features: without /v1"),
        pytest.param("/v1/", "/api/v1", id="features: /v1 alone"),
        pytest.param("/api/v1", "/api/v1", id="features: as it is"),
    ],
)
def test_address(path: str, expected: str) -> None:
    assert base_path_for(HOST, path) == expected
