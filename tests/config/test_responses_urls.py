"""Where the Responses endpoint of an upstream is (docs/features.md "Upstream URL")."""

from __future__ import annotations

import pytest

from config.registry.values import Model, Provider
from config.urls import (
    chat_url,
    deployment_of,
    models_url,
    names_responses,
    registered_base_url,
    responses_url,
)
from proxy.providers.profiles import base_path_for, profile_for
from proxy.providers.routing import Route, protocol_flags
from proxy.relay import upstream_urls

AZURE = "https://x.openai.azure.com/openai/deployments/d"


def provider(base_url: str) -> Provider:
    return Provider(name="p", base_url=base_url)


@pytest.mark.parametrize(
    ("base_url", "base_path", "url"),
    [
        pytest.param("https://h", None, "https://h/v1/responses", id="no path"),
        pytest.param("https://h/v1/", None, "https://h/v1/responses", id="a version"),
        pytest.param("https://h/a/b", None, "https://h/a/b/responses", id="a path of one's own"),
        pytest.param("https://h/v1?key=a", None, "https://h/v1/responses?key=a", id="a query"),
        pytest.param("https://h/v1/responses/", None, "https://h/v1/responses", id="itself"),
        pytest.param("https://h/responses", "/v1", "https://h/responses", id="itself, as it is"),
        pytest.param("https://h/v1/chat/completions?a=b", None, "https://h/v1/responses?a=b", id="the chat endpoint"),
        pytest.param("https://h", "/openai/v1", "https://h/openai/v1/responses", id="a known host"),
        pytest.param("https://dbc.test/serving-endpoints/m/invocations", None, "https://dbc.test/serving-endpoints/responses", id="Databricks"),
        pytest.param(AZURE, None, "https://x.openai.azure.com/openai/v1/responses", id="Azure deployment"),
        pytest.param(f"{AZURE}/chat/completions?api-version=2024-10-21", None, "https://x.openai.azure.com/openai/v1/responses", id="Azure's dated version"),
        pytest.param(f"{AZURE}?api-version=preview&a=", None, "https://x.openai.azure.com/openai/v1/responses?api-version=preview&a=", id="Azure's preview"),
        pytest.param("https://x.services.ai.azure.com/models", None, "https://x.services.ai.azure.com/openai/v1/responses", id="Foundry"),
        pytest.param("https://x.openai.azure.com/openai/responses?api-version=2025-04-01-preview", None, "https://x.openai.azure.com/openai/responses?api-version=2025-04-01-preview", id="Azure's older endpoint"),
    ],
)  # fmt: skip
def test_endpoint(base_url: str, base_path: str | None, url: str) -> None:
    assert responses_url(provider(base_url), base_path) == url


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        pytest.param("https://api.openai.com", "https://api.openai.com/v1/responses", id="OpenAI"),
        pytest.param("https://api.groq.com/v1", "https://api.groq.com/openai/v1/responses", id="Groq"),
        pytest.param("https://openrouter.ai", "https://openrouter.ai/api/v1/responses", id="OpenRouter"),
        pytest.param("https://dashscope.aliyuncs.com/compatible-mode/v1", "https://dashscope.aliyuncs.com/api/v2/apps/protocols/compatible-mode/v1/responses", id="DashScope"),
        pytest.param("https://dashscope-intl.aliyuncs.com", "https://dashscope-intl.aliyuncs.com/api/v2/apps/protocols/compatible-mode/v1/responses", id="DashScope without a path"),
        pytest.param("https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions", "https://dashscope.aliyuncs.com/api/v2/apps/protocols/compatible-mode/v1/responses", id="DashScope's chat endpoint"),
        pytest.param("https://coding.dashscope.aliyuncs.com", "https://coding.dashscope.aliyuncs.com/v1/responses", id="DashScope for coding"),
    ],
)  # fmt: skip
def test_known_hosts(base_url: str, url: str) -> None:
    host, _, path = base_url.removeprefix("https://").partition("/")
    route = Route(
        provider=provider(base_url),
        model="m",
        profile=profile_for(host, "m"),
        base_path=base_path_for(host, path and f"/{path}"),
        encoding="o200k_base",
        reason="name",
    )
    assert upstream_urls.responses_url(route) == url


def test_the_other_endpoints_of_an_upstream_that_the_responses_endpoint_names() -> None:
    named = provider("https://h/v1/responses?key=a")
    assert chat_url(named) == "https://h/v1/chat/completions?key=a"
    assert models_url(named) == "https://h/v1/models?key=a"
    assert registered_base_url("https://h/responses/") == "https://h/responses"


@pytest.mark.parametrize(
    ("base_url", "named", "deployment"),
    [
        pytest.param("https://h/v1/responses/", True, None, id="the endpoint"),
        pytest.param("https://h/v1", False, None, id="a base"),
        pytest.param("https://h/responses/v1", False, None, id="a path that begins so"),
        pytest.param(f"{AZURE}/chat/completions", False, "d", id="a deployment"),
        pytest.param("https://h/openai/deployments/my%20d", False, "my d", id="escaped"),
    ],
)
def test_what_a_base_url_names(base_url: str, named: bool, deployment: str | None) -> None:
    assert names_responses(base_url) is named
    assert deployment_of(base_url) == deployment


CHAT, RESPONSES = (
    {"api": "chat", "api_switch": False},
    {"api": "responses", "api_switch": False},
)


@pytest.mark.parametrize(
    ("base_url", "of_provider", "of_model", "flags"),
    [
        pytest.param("https://h/v1", "auto", "auto", {}, id="nobody says"),
        pytest.param("https://h/v1", "responses", "auto", RESPONSES, id="the provider"),
        pytest.param("https://h/v1", "responses", "chat", CHAT, id="the model wins"),
        pytest.param("https://h/v1", "auto", "responses", RESPONSES, id="the model alone"),
        pytest.param("https://h/v1/responses", "auto", "auto", RESPONSES, id="the URL"),
        pytest.param("https://h/v1/responses", "chat", "auto", CHAT, id="a key wins over the URL"),
    ],
)
def test_who_chooses_the_protocol(
    base_url: str, of_provider: str, of_model: str, flags: dict[str, object]
) -> None:
    upstream = Provider("p", base_url, api=of_provider)
    assert protocol_flags(upstream, Model("m", "m", upstream, api=of_model)) == flags
