"""Routes to hosts that clients name (docs/features.md "Dynamic routing")."""

from __future__ import annotations

import pytest

from config.urls import chat_url, responses_url
from proxy.errors import NotFound, PermissionDenied
from proxy.providers.allowed_hosts import host_rules
from proxy.providers.dynamic_path import parse_dynamic_target
from proxy.providers.dynamic_route import (
    allowed_target,
    dynamic_models_url,
    dynamic_provider,
    dynamic_route,
)
from proxy.providers.profiles import profile_for

GEMINI = "generativelanguage.googleapis.com"


def upstream_url(raw: str, azure_api_version: str) -> str:
    route = dynamic_route(parse_dynamic_target(raw), "m", None, azure_api_version)
    return chat_url(route.provider, route.base_path)


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        pytest.param(
            "/https/openai.qiniu.com/v1/messages",
            "https://openai.qiniu.com/v1/chat/completions",
            id="table 1",
        ),
        pytest.param(
            "/https/a.qiniu.com/openai/v1/models/M/N/v1/messages",
            "https://a.qiniu.com/openai/v1/chat/completions",
            id="table 3",
        ),
        pytest.param(
            "/https/dashscope.aliyuncs.com/compatible-mode/v1/messages",
            "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
            id="table 5",
        ),
        pytest.param(
            f"/https/{GEMINI}/v1beta/models/gemini-2.5-pro/v1/messages",
            f"https://{GEMINI}/v1beta/openai/chat/completions",
            id="table 6",
        ),
        pytest.param(
            f"/https/{GEMINI}/v1beta/openai/v1/messages?key=k",
            f"https://{GEMINI}/v1beta/openai/chat/completions?key=k",
            id="the right path of a known host stays, the query too",
        ),
        pytest.param(
            "/https/api.groq.com/openai/v1/messages",
            "https://api.groq.com/openai/v1/chat/completions",
            id="Groq, cut short",
        ),
        pytest.param(
            "/https/open.bigmodel.cn/api/paas/v4/v1/messages",
            "https://open.bigmodel.cn/api/paas/v4/chat/completions",
            id="a version that is not v1",
        ),
        pytest.param(
            "/https/r.openai.azure.com/openai/deployments/d/v1/messages?api-version=2025-01-01",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions"
            "?api-version=2025-01-01",
            id="Azure deployment",
        ),
        pytest.param(
            "/http/[::1]:11434/v1/messages",
            "http://[::1]:11434/v1/chat/completions",
            id="IPv6 and a port",
        ),
        pytest.param(
            "/https/h.test:443/v1/messages",
            "https://h.test:443/v1/chat/completions",
            id="a port as written",
        ),
    ],
)
def test_chat_urls(raw: str, url: str) -> None:
    assert upstream_url(raw, "2024-10-21") == url


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        pytest.param("/https/h.test/v1/models", "https://h.test/v1/models", id="table 2"),
        pytest.param(
            "/https/h.test/openai/v1/models/v1/models",
            "https://h.test/openai/v1/models",
            id="table 4",
        ),
        pytest.param(
            f"/https/{GEMINI}/v1/models?limit=3",
            f"https://{GEMINI}/v1beta/openai/models?limit=3",
            id="Gemini",
        ),
    ],
)
def test_models_urls(raw: str, url: str) -> None:
    target = parse_dynamic_target(raw)
    assert dynamic_models_url(target, dynamic_provider(target, "2024-10-21")) == url


def test_azures_deployments_get_the_operators_version_where_the_path_names_none() -> None:
    path = "/https/x.openai.azure.com/openai/deployments/d/v1/messages"
    urls = [upstream_url(path + query, "2025-01-01") for query in ("", "?api-version=7")]
    base = "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version="
    assert urls == [base + "2025-01-01", base + "7"]


def test_a_route_has_the_hosts_profile_and_nothing_of_the_operators() -> None:
    target = parse_dynamic_target(f"/https/{GEMINI}:8443/v1beta/models/x/v1/messages")
    route = dynamic_route(target, "claude-opus-5", "o200k_base", "2024-10-21")
    provider = route.provider
    assert (route.model, route.reason, route.encoding) == ("claude-opus-5", "path", "o200k_base")
    assert route.profile == profile_for(GEMINI, "claude-opus-5")
    assert (provider.name, provider.dynamic, provider.native) == (f"{GEMINI}:8443", True, False)
    assert (provider.api_keys, provider.extra_headers, provider.proxy) == ((), {}, None)
    assert (route.fallbacks, route.registered) == ((), None)


@pytest.mark.parametrize(
    ("raw", "entries", "error"),
    [
        pytest.param("/https/a.test/v1/messages", ("a.test",), None, id="allowed"),
        pytest.param("/http/a.test/v1/messages", ("a.test:80",), None, id="the scheme's port"),
        pytest.param(
            "/https/a.test/v1/messages", ("a.test:80",), PermissionDenied, id="the other's port"
        ),
        pytest.param("/https/b.test/v1/messages", ("a.test",), PermissionDenied, id="another host"),
        pytest.param("/https/a.test/v1/messages", (), PermissionDenied, id="off"),
        pytest.param("/https/a.test/v1/files", ("a.test",), NotFound, id="another endpoint"),
    ],
)
def test_allowed_target(raw: str, entries: tuple[str, ...], error: type[Exception] | None) -> None:
    if error is None:
        assert allowed_target(raw, host_rules(entries)).host == "a.test"
        return
    with pytest.raises(error):
        allowed_target(raw, host_rules(entries))


def test_a_prefix_that_ends_in_responses_chooses_that_protocol() -> None:
    target = parse_dynamic_target("/https/h.test/v1/responses/v1/messages?a=b")
    route = dynamic_route(target, "m", None, "2024-10-21")
    assert (route.profile.api, route.profile.api_switch) == ("responses", False)
    assert responses_url(route.provider, route.base_path) == "https://h.test/v1/responses?a=b"
    assert dynamic_models_url(target, route.provider) == "https://h.test/v1/models?a=b"
    other = dynamic_route(
        parse_dynamic_target("/https/h.test/v1/v1/messages"), "m", None, "2024-10-21"
    )
    assert other.profile.api == "chat"
