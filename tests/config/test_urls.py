"""Where the upstream's endpoints are (docs/features.md "Upstream URL")."""

from __future__ import annotations

import pytest

from config.registry.values import Provider
from config.urls import (
    chat_url,
    is_azure_deployment,
    models_url,
    registered_base_url,
    without_query,
)

AZURE = "https://x.openai.azure.com/openai/deployments/d"


def provider(base_url: str, version: str = "2024-10-21") -> Provider:
    return Provider(name="p", base_url=base_url, azure_api_version=version)


@pytest.mark.parametrize(
    ("base_url", "base_path", "chat", "models"),
    [
        pytest.param(
            "https://h/v1",
            None,
            "https://h/v1/chat/completions",
            "https://h/v1/models",
            id="a path",
        ),
        pytest.param(
            "https://h", None, "https://h/v1/chat/completions", "https://h/v1/models", id="no path"
        ),
        pytest.param(
            "https://h/", None, "https://h/v1/chat/completions", "https://h/v1/models", id="a slash"
        ),
        pytest.param(
            "http://h:1/a/b//",
            None,
            "http://h:1/a/b/chat/completions",
            "http://h:1/a/b/models",
            id="trailing slashes",
        ),
        pytest.param(
            "https://h/x/chat/completions",
            None,
            "https://h/x/chat/completions",
            "https://h/x/models",
            id="a full address as it is",
        ),
        pytest.param(
            "https://h/chat/completions/?a=b",
            "/api/v1",
            "https://h/chat/completions?a=b",
            "https://h/models?a=b",
            id="a full address also at a known host",
        ),
        pytest.param(
            "https://h/v1?a=b&c",
            None,
            "https://h/v1/chat/completions?a=b&c",
            "https://h/v1/models?a=b&c",
            id="the query stays",
        ),
        pytest.param(
            "https://h/v1/v1/",
            None,
            "https://h/v1/chat/completions",
            "https://h/v1/models",
            id="edge 157 a doubled /v1 is one",
        ),
        pytest.param(
            "https://h/a/v1/v1/v1",
            None,
            "https://h/a/v1/chat/completions",
            "https://h/a/v1/models",
            id="edge 157 behind a prefix",
        ),
        pytest.param(
            "https://h/v1/v10",
            None,
            "https://h/v1/v10/chat/completions",
            "https://h/v1/v10/models",
            id="edge 157 another version stays",
        ),
        pytest.param(
            "https://h",
            "/api/v1",
            "https://h/api/v1/chat/completions",
            "https://h/api/v1/models",
            id="a known host without a path",
        ),
        pytest.param(
            "https://h/v1",
            "/api/v1",
            "https://h/api/v1/chat/completions",
            "https://h/api/v1/models",
            id="a known host that has no /v1",
        ),
        pytest.param(
            "https://h/api/",
            "api/v1/",
            "https://h/api/v1/chat/completions",
            "https://h/api/v1/models",
            id="a known host's path cut short",
        ),
        pytest.param(
            "https://h/api/v1",
            "/api/v1",
            "https://h/api/v1/chat/completions",
            "https://h/api/v1/models",
            id="a known host's own path",
        ),
        pytest.param(
            "https://h/ap",
            "/api/v1",
            "https://h/ap/chat/completions",
            "https://h/ap/models",
            id="only whole segments are cut short",
        ),
        pytest.param(
            "https://h/other/v2",
            "/api/v1",
            "https://h/other/v2/chat/completions",
            "https://h/other/v2/models",
            id="another path at a known host is meant",
        ),
        pytest.param(
            "https://h",
            "",
            "https://h/chat/completions",
            "https://h/models",
            id="a known host without any base path",
        ),
        pytest.param(
            "https://h/v1",
            "",
            "https://h/v1/chat/completions",
            "https://h/v1/models",
            id="which takes /v1 too",
        ),
        pytest.param(
            AZURE,
            None,
            f"{AZURE}/chat/completions?api-version=2024-10-21",
            "https://x.openai.azure.com/openai/models?api-version=2024-10-21",
            id="azure deployment",
        ),
        pytest.param(
            f"{AZURE}/chat/completions?api-version=2023-05-15",
            "/openai/v1",
            f"{AZURE}/chat/completions?api-version=2023-05-15",
            "https://x.openai.azure.com/openai/models?api-version=2023-05-15",
            id="azure version that is given",
        ),
        pytest.param(
            f"{AZURE}/?a=b",
            None,
            f"{AZURE}/chat/completions?a=b&api-version=2024-10-21",
            "https://x.openai.azure.com/openai/models?a=b&api-version=2024-10-21",
            id="azure version beside another query",
        ),
        pytest.param(
            "https://x.openai.azure.com/openai/v1/",
            "/openai/v1",
            "https://x.openai.azure.com/openai/v1/chat/completions",
            "https://x.openai.azure.com/openai/v1/models",
            id="azure's v1 has no version",
        ),
        pytest.param(
            "http://[::1]:8080",
            None,
            "http://[::1]:8080/v1/chat/completions",
            "http://[::1]:8080/v1/models",
            id="IPv6",
        ),
    ],
)
def test_upstream_url(base_url: str, base_path: str | None, chat: str, models: str) -> None:
    assert chat_url(provider(base_url), base_path) == chat
    assert models_url(provider(base_url), base_path) == models


@pytest.mark.parametrize(
    ("base_url", "chat"),
    [
        pytest.param(
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi",
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi"
            "/chat/completions",
            id="Vertex AI",
        ),
        pytest.param(
            "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/endpoints/openapi/",
            "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/endpoints/openapi"
            "/chat/completions",
            id="Vertex AI, global",
        ),
        pytest.param(
            "https://adb-1.azuredatabricks.net/serving-endpoints",
            "https://adb-1.azuredatabricks.net/serving-endpoints/chat/completions",
            id="Databricks",
        ),
        pytest.param(
            "https://dbc-1.cloud.databricks.com/serving-endpoints/dbx-llama/invocations",
            "https://dbc-1.cloud.databricks.com/serving-endpoints/dbx-llama/invocations",
            id="Databricks, one model",
        ),
        pytest.param(
            "https://dbc-1.cloud.databricks.com/ai-gateway/mlflow/v1",
            "https://dbc-1.cloud.databricks.com/ai-gateway/mlflow/v1/chat/completions",
            id="Databricks' gateway",
        ),
        pytest.param(
            "https://res.services.ai.azure.com/models",
            "https://res.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
            id="Foundry",
        ),
        pytest.param(
            "https://res.services.ai.azure.com/models/chat/completions",
            "https://res.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
            id="Foundry, the endpoint",
        ),
        pytest.param(
            "https://res.services.ai.azure.com/models?api-version=2025-04-01",
            "https://res.services.ai.azure.com/models/chat/completions?api-version=2025-04-01",
            id="Foundry, a version that is given",
        ),
        pytest.param(
            "https://res.services.ai.azure.com/openai/v1",
            "https://res.services.ai.azure.com/openai/v1/chat/completions",
            id="Foundry's newer API has no version",
        ),
        pytest.param(
            "https://api.deepinfra.com/v1/openai",
            "https://api.deepinfra.com/v1/openai/chat/completions",
            id="DeepInfra",
        ),
        pytest.param(
            "https://models.github.ai/inference",
            "https://models.github.ai/inference/chat/completions",
            id="GitHub Models",
        ),
        pytest.param(
            "https://gateway.ai.cloudflare.com/v1/a/g/compat",
            "https://gateway.ai.cloudflare.com/v1/a/g/compat/chat/completions",
            id="Cloudflare's gateway",
        ),
        pytest.param(
            "https://api.fireworks.ai/inference/v1/chat/completions/",
            "https://api.fireworks.ai/inference/v1/chat/completions",
            id="an endpoint with a slash",
        ),
        pytest.param(
            "https://gw.test/models/v2/chat/completions?key=a",
            "https://gw.test/models/v2/chat/completions?key=a",
            id="an endpoint with a query",
        ),
    ],
)
def test_documented_roots_from_environment_and_registry_alike(base_url: str, chat: str) -> None:
    assert chat_url(provider(base_url)) == chat
    assert chat_url(provider(registered_base_url(base_url))) == chat


@pytest.mark.parametrize(
    ("base_url", "registered"),
    [
        pytest.param("https://h.test/models", "https://h.test/models/v1", id="not Azure's host"),
        pytest.param(
            "https://h.test/openapi-gateway", "https://h.test/openapi-gateway/v1", id="a prefix"
        ),
        pytest.param("https://h.test/litellm", "https://h.test/litellm/v1", id="a gateway's path"),
    ],
)
def test_other_paths_of_a_registry_get_a_version(base_url: str, registered: str) -> None:
    assert registered_base_url(base_url) == registered


@pytest.mark.parametrize(
    ("base_url", "models"),
    [
        pytest.param(
            "https://h.test/serving-endpoints/m/invocations",
            "https://h.test/serving-endpoints/models",
            id="one model at Databricks",
        ),
        pytest.param(
            "https://h.test/v1/endpoints/openapi",
            "https://h.test/v1/endpoints/openapi/models",
            id="Vertex AI",
        ),
    ],
)
def test_lists_of_models(base_url: str, models: str) -> None:
    assert models_url(provider(base_url)) == models


def test_an_operators_version_counts_for_foundry_too() -> None:
    url = chat_url(provider("https://res.services.ai.azure.com/models", version="2025-04-01"))
    assert url.endswith("/models/chat/completions?api-version=2025-04-01")


def test_azure_version_is_the_providers_and_escaped() -> None:
    url = chat_url(provider(AZURE, version="a&b=c"))
    assert url == f"{AZURE}/chat/completions?api-version=a%26b%3Dc"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(AZURE, True, id="azure's host"),
        pytest.param("https://gw.test/openai/deployments/d/", True, id="a gateway before azure"),
        pytest.param("https://h/v1?x=/deployments/", False, id="the query does not count"),
    ],
)
def test_is_azure_deployment(url: str, expected: bool) -> None:
    assert is_azure_deployment(url) is expected


def test_a_shown_url_hides_its_query() -> None:
    assert without_query("https://h/v1?key=secret") == "https://h/v1?..."
    assert without_query("https://h/v1") == "https://h/v1"
