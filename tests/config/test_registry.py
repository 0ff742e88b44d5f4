"""Providers and their mode (docs/features.md "Modes and authentication")."""

from __future__ import annotations

import pytest

from config.registry import Provider, environment_provider, mode, provider_name
from config.settings import Settings

FIXED = Provider(name="a", base_url="https://a.test/v1", api_key="k")
PASSTHROUGH = Provider(name="b", base_url="https://b.test/v1")


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        pytest.param("https://api.openai.com/v1", "openai", id="second-level label"),
        pytest.param("https://dashscope.aliyuncs.com/compatible-mode/v1", "aliyuncs", id="path"),
        pytest.param("https://api.example.co.uk", "example", id="shared second level"),
        pytest.param("https://co.uk/v1", "co", id="nothing above a shared second level"),
        pytest.param("https://example.com./v1", "example", id="rooted name"),
        pytest.param("http://localhost:11434", "localhost", id="one label"),
        pytest.param("http://127.0.0.1:8080/v1", "127.0.0.1", id="IPv4"),
        pytest.param("http://[::1]:8080/v1", "::1", id="IPv6"),
        pytest.param("https://API.DeepSeek.COM", "deepseek", id="case"),
    ],
)
def test_provider_name(base_url: str, name: str) -> None:
    assert provider_name(base_url) == name


def test_environment_provider() -> None:
    settings = Settings(
        openai_base_url="https://api.deepseek.com",
        openai_api_key="k",
        custom_headers=(("X-Team", "a"), ("AUTHORIZATION", "Basic b")),
        azure_api_version="v",
    )
    assert environment_provider(settings) == Provider(
        name="deepseek",
        base_url="https://api.deepseek.com",
        api_key="k",
        # Lower case: they replace headers of ours, so that never two credentials go upstream.
        extra_headers={"x-team": "a", "authorization": "Basic b"},
        azure_api_version="v",
    )


def test_secrets_are_the_key_and_the_headers_that_look_like_one() -> None:
    headers = {"x-team": "a", "authorization": "Basic b", "x-api-token": "c"}
    with_headers = Provider("a", "https://a.test/v1", extra_headers=headers)
    assert with_headers.secrets == ("b", "c")
    assert FIXED.secrets == ("k",)
    assert PASSTHROUGH.secrets == ()


@pytest.mark.parametrize(
    ("providers", "expected"),
    [
        pytest.param([FIXED], "fixed", id="all with a key"),
        pytest.param([PASSTHROUGH], "passthrough", id="none with a key"),
        pytest.param([FIXED, PASSTHROUGH], "mixed", id="some with a key"),
    ],
)
def test_mode(providers: list[Provider], expected: str) -> None:
    assert mode(providers) == expected


def test_a_provider_does_not_show_its_secrets() -> None:
    shown = repr(Provider(name="p", base_url="u", api_key="secret", extra_headers={"a": "secret"}))
    assert "secret" not in shown
