"""Azure: edge case 145."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, credential_header, profile_for
from tests.providers.profiles.differences import differences

HOST = "mine.openai.azure.com"
EVERY_MODEL = {
    "token_field": "max_completion_tokens",
    "mid_system": "inline",
    "strict_tools": True,
}
DEPLOYMENT = "/openai/deployments/prod/chat/completions"


@pytest.mark.parametrize(
    ("host", "path"),
    [
        pytest.param(HOST, "", id="edge 145 Azure OpenAI"),
        pytest.param("mine.cognitiveservices.azure.com", "", id="edge 145 AI services"),
        pytest.param("mine.services.ai.azure.com", "", id="edge 145 AI Foundry"),
        pytest.param("mine.openai.azure.us", "", id="edge 145 another cloud"),
        pytest.param("llm.example.com", DEPLOYMENT, id="edge 145 a deployment path anywhere"),
    ],
)
def test_every_model(host: str, path: str) -> None:
    assert differences(host, "my-deployment", path=path) == EVERY_MODEL
    assert profile_for(host, "my-deployment", path=path).name == "azure"


@pytest.mark.parametrize(
    ("host", "path"),
    [
        pytest.param("openai.azure.com", "", id="the bare domain is nobody's resource"),
        pytest.param("llm.example.com", "/v1", id="another path"),
        pytest.param("openai.azure.com.evil.example", "", id="a domain that ends otherwise"),
        pytest.param("openai.azure.com", "/deployments", id="not a deployment"),
    ],
)
def test_not_azure(host: str, path: str) -> None:
    assert differences(host, "my-deployment", path=path) == {}


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param(
            "gpt-5",
            {
                "no_sampling": True,
                "no_stop": True,
                "thinking_style": "effort",
                "efforts": ("minimal", "low", "medium", "high"),
                "max_output": 128_000,
            },
            id="1.1 gpt-5 keeps the system role, older API versions know no developer",
        ),
        pytest.param(
            "gpt-35-turbo",
            {"max_output": 4096, "structured": "json_object", "vision": False},
            id="1.1 gpt-35-turbo",
        ),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences(HOST, model) == {**EVERY_MODEL, **flags}


@pytest.mark.parametrize(
    ("key", "path", "header"),
    [
        pytest.param("0a1b", "", ("api-key", "0a1b"), id="edge 145 api-key"),
        pytest.param(
            "eyJ0.eyJh.c2ln", "", ("authorization", "Bearer eyJ0.eyJh.c2ln"), id="an access token"
        ),
        pytest.param("eyJ0", "", ("api-key", "eyJ0"), id="a key that only begins like one"),
    ],
)
def test_key(key: str, path: str, header: tuple[str, str]) -> None:
    assert credential_header(HOST, key, path=path) == header


def test_key_of_a_deployment_behind_another_domain() -> None:
    assert credential_header("llm.example.com", "k", path=DEPLOYMENT) == ("api-key", "k")
    assert credential_header("llm.example.com", "k") == ("authorization", "Bearer k")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "/openai/v1", id="edge 145 the v1 path"),
        pytest.param("/openai", "/openai/v1", id="its beginning"),
        pytest.param("/openai/v1", "/openai/v1", id="itself"),
        pytest.param("/openai/deployments/prod", None, id="edge 145 a deployment stands"),
        pytest.param("/models", None, id="the inference API stands"),
    ],
)
def test_address(path: str, expected: str | None) -> None:
    assert base_path_for(HOST, path) == expected
