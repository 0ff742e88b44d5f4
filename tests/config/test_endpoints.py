"""Base URLs that name an endpoint (docs/features.md "Upstream URL")."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.endpoints import misplaced_endpoint
from config.errors import ConfigError
from config.settings import load_settings

AZURE = "https://x.openai.azure.com/openai/deployments/d"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://h", id="no path"),
        pytest.param("https://h/v1/", id="a version"),
        pytest.param("https://h/v1/chat/completions", id="the chat endpoint"),
        pytest.param("https://h/v1/chat/completions/?key=a", id="with a query"),
        pytest.param("https://dbc.test/serving-endpoints/m/invocations", id="Databricks"),
        pytest.param("https://x.services.ai.azure.com/models", id="Foundry"),
        pytest.param(
            "https://x.services.ai.azure.com/models/chat/completions", id="Foundry's chat"
        ),
        pytest.param("https://apim.test/ai/models?api-version=1", id="Foundry behind a gateway"),
        pytest.param(f"{AZURE}?api-version=2024-10-21", id="Azure deployment"),
        pytest.param(
            "https://x.openai.azure.com/openai/deployments/embeddings", id="a deployment's own name"
        ),
        pytest.param("https://h/v1/responses", id="the Responses endpoint"),
        pytest.param("https://h/chat", id="a path of one's own"),
        pytest.param("https://h/v1/models/m/v1", id="a model's own base"),
        pytest.param("https://[::1/messages", id="no URL"),
    ],
)
def test_what_a_rule_takes(url: str) -> None:
    assert misplaced_endpoint(url, native=False) is None


@pytest.mark.parametrize(
    ("url", "phrase"),
    [
        pytest.param("https://h/v1/responses/input_tokens", "ends in /responses/input_tokens, an endpoint: write https://h/v1", id="input tokens"),
        pytest.param("https://h/v1/responses/responses", "ends in /responses/responses, an endpoint: write https://h/v1", id="responses twice"),
        pytest.param("https://h/v1/completions/", "ends in /completions, an endpoint: write https://h/v1", id="completions"),
        pytest.param("https://h/v1/embeddings", "ends in /embeddings, an endpoint: write https://h/v1", id="embeddings"),
        pytest.param("https://h/v1/models", "ends in /models, an endpoint: write https://h/v1", id="models"),
        pytest.param("http://h:1/models", "ends in /models, an endpoint: write http://h:1", id="models at the root"),
        pytest.param("https://h/v1/images/generations", "ends in /images/generations, an endpoint: write https://h/v1", id="images"),
        pytest.param("https://h/v2/chat", "ends in /chat, an endpoint: write https://h/v2", id="half of the chat endpoint"),
        pytest.param("https://h/v1/chat/completions/chat/completions", "ends in /chat/completions/chat/completions, an endpoint: write https://h/v1", id="twice"),
        pytest.param("http://localhost:11434/api/chat", "ends in /chat, an endpoint: write http://localhost:11434/v1", id="Ollama's own"),
        pytest.param("https://g.test/v1beta/models/g:generateContent", "ends in /g:generateContent, an endpoint: write https://g.test/v1beta/openai", id="Gemini's own"),
        pytest.param(f"{AZURE}/completions?api-version=1", f"ends in /completions, an endpoint: write {AZURE} and the same query", id="with a query"),
    ],
)  # fmt: skip
def test_what_is_refused(url: str, phrase: str) -> None:
    assert misplaced_endpoint(url, native=False) == phrase


@pytest.mark.parametrize("path", ["/anthropic", "/anthropic/v1", "/anthropic/v1/messages"])
def test_a_messages_api_is_not_an_openai_one(path: str) -> None:
    phrase = misplaced_endpoint(f"https://api.deepseek.com{path}", native=False)
    assert phrase == (
        f"ends in {path}, which is the Messages API: write the base URL of the OpenAI-compatible "
        "API, such as https://api.deepseek.com, or keep this one with `direct: true` in a "
        "registry file"
    )


@pytest.mark.parametrize(
    ("path", "phrase"),
    [
        pytest.param("", None, id="root"),
        pytest.param("/anthropic/v1/messages/", None, id="endpoint"),
        pytest.param("/v1/messages/count_tokens", "ends in /messages/count_tokens, an endpoint: write https://h/v1", id="counts"),
        pytest.param("/v1/chat/completions", "ends in /chat/completions, an endpoint: write https://h/v1", id="chat"),
        pytest.param("/v1/responses", "ends in /responses, an endpoint: write https://h/v1", id="responses"),
        pytest.param("/v1/models", "ends in /models, an endpoint: write https://h/v1", id="models"),
    ],
)  # fmt: skip
def test_native_upstreams(path: str, phrase: str | None) -> None:
    assert misplaced_endpoint(f"https://h{path}", native=True) == phrase


def test_in_the_environment() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"OPENAI_BASE_URL": "https://h/v1/embeddings"})
    assert caught.value.problems == (
        "OPENAI_BASE_URL='https://h/v1/embeddings' ends in /embeddings, an endpoint: "
        "write https://h/v1",
    )
    anthropics = "https://api.anthropic.com/v1/messages"
    assert load_settings({"OPENAI_BASE_URL": anthropics}).openai_base_url == anthropics


def test_in_a_registry(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(
        "models:\n"
        "  a: {model_name: m, api_base: https://h/v1/messages, api_key: k, direct: true}\n"
        "  b: {model_name: m, api_base: https://h/v1/embeddings, api_key: k}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_settings({"CLAUDE_PROXY_CONFIG": str(path)})
    assert caught.value.problems == (
        f"{path}:3: models.b.api_base: ends in /embeddings, an endpoint: write https://h/v1",
    )
