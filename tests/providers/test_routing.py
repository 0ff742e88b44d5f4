"""Which model a request goes to (docs/features.md "Model choice")."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.registry.values import environment_registry
from config.settings import Settings
from config.urls import chat_url
from proxy.errors import NotFound
from proxy.providers.routing import Router

SETTINGS = Settings(
    openai_base_url="https://api.example.com/v1",
    big_model="big",
    middle_model="middle",
    small_model="small",
)


def router(**changes: object) -> Router:
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
    return Router(settings, environment_registry(settings))


@pytest.mark.parametrize(
    ("name", "model", "reason"),
    [
        pytest.param("claude-haiku-4-5-20251001", "small", "tier", id="haiku"),
        pytest.param("claude-3-5-sonnet-20241022", "middle", "tier", id="sonnet"),
        pytest.param("claude-opus-4-8", "big", "tier", id="opus"),
        pytest.param("claude-unheard-of", "big", "tier", id="every other claude"),
        pytest.param("Claude-Haiku", "small", "tier", id="case does not matter"),
        pytest.param("haiku", "small", "tier", id="bare tier word"),
        pytest.param("opusplan", "big", "tier", id="opusplan"),
        pytest.param("claude-sonnet-5[1m]", "middle", "tier", id="edge 139 suffix"),
        pytest.param("gpt-4.1", "gpt-4.1", "name", id="other names as they are"),
        pytest.param("qwen3[1m]", "qwen3", "name", id="edge 139 suffix of another name"),
        pytest.param("deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-V3", "name", id="slashes"),
        pytest.param("anthropic/gpt-4o", "gpt-4o", "name", id="alias"),
        pytest.param("anthropic/claude-haiku-4-5", "small", "tier", id="alias of a tier"),
        pytest.param("my-haiku-model", "my-haiku-model", "name", id="a tier word inside a name"),
    ],
)
def test_model_choice(name: str, model: str, reason: str) -> None:
    route = router().resolve(name)
    assert (route.model, route.reason) == (model, reason)


@pytest.mark.parametrize("name", ["[1m]", "anthropic/", "anthropic/[1m]"])
def test_a_name_of_nothing_but_a_suffix_or_prefix_is_unknown(name: str) -> None:
    with pytest.raises(NotFound, match=r"^model: "):
        router().resolve(name)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4.5"),
        ("anthropic/openai/gpt-4o", "openai/gpt-4o"),
        ("claude-sonnet-5", "middle"),
        ("qwen/qwen3-coder", "qwen/qwen3-coder"),
    ],
)
def test_openrouter_has_claude_models_of_its_own(name: str, model: str) -> None:
    assert router(openai_base_url="https://openrouter.ai/api/v1").resolve(name).model == model


def test_strict_models_refuses_unknown_names() -> None:
    strict = router(strict_models=True)
    assert strict.resolve("claude-haiku-4-5").model == "small"
    assert strict.resolve("sonnet").model == "middle"
    assert strict.resolve("big").model == "big"
    with pytest.raises(NotFound, match=r"^model: gpt-9$"):
        strict.resolve("gpt-9")


def test_routes_are_remembered_within_bounds() -> None:
    remembering = router()
    assert remembering.resolve("a") is remembering.resolve("a")
    for number in range(1200):
        remembering.resolve(f"model-{number}")
    assert len(remembering._remembered) <= 1000


@pytest.mark.parametrize(
    ("base_url", "chat", "models"),
    [
        (
            "https://openrouter.ai",
            "https://openrouter.ai/api/v1/chat/completions",
            "https://openrouter.ai/api/v1/models",
        ),
        (
            "https://r.openai.azure.com/openai/deployments/d",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://r.openai.azure.com/openai/models?api-version=2024-10-21",
        ),
        (
            "http://127.0.0.1:11434",
            "http://127.0.0.1:11434/v1/chat/completions",
            "http://127.0.0.1:11434/v1/models",
        ),
    ],
)
def test_addresses(base_url: str, chat: str, models: str) -> None:
    routes = router(openai_base_url=base_url)
    route = routes.resolve("x")
    assert (chat_url(route.provider, route.base_path), routes.models_url) == (chat, models)


def test_the_profile_is_the_hosts_and_models() -> None:
    profile = router(openai_base_url="https://api.openai.com/v1").resolve("gpt-5").profile
    assert profile.token_field == "max_completion_tokens"


@pytest.mark.parametrize(
    ("changes", "encodings"),
    [
        pytest.param({}, {"cl100k_base"}, id="names that no list has"),
        pytest.param(
            {"big_model": "gpt-4o", "middle_model": "gpt-5", "small_model": "o3"},
            {"o200k_base"},
            id="one table for all",
        ),
        pytest.param(
            {"big_model": "gpt-4o"}, {"o200k_base", "cl100k_base"}, id="each tier has its own"
        ),
        pytest.param({"tiktoken_model": "o200k_harmony"}, {"o200k_harmony"}, id="an override"),
        pytest.param(
            {"openai_base_url": "https://api.anthropic.com"}, set(), id="native: it counts itself"
        ),
    ],
)
def test_encodings_of_the_configured_models(
    changes: dict[str, object], encodings: set[str]
) -> None:
    assert router(**changes).encodings == encodings


def test_the_default_configuration_needs_one_table() -> None:
    settings = Settings()
    assert Router(settings, environment_registry(settings)).encodings == {"o200k_base"}
