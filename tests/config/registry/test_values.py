"""Providers and their mode (docs/features.md "Modes and authentication")."""

from __future__ import annotations

import pytest

from config.registry.values import (
    Model,
    Provider,
    Registry,
    environment_provider,
    is_anthropic,
    mode,
    provider_name,
)
from config.settings import Settings

FIXED = Provider(name="a", base_url="https://a.test/v1", api_keys=("k",))
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
        api_keys=("k",),
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
    shown = repr(
        Provider(name="p", base_url="u", api_keys=("secret",), extra_headers={"a": "secret"})
    )
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("base_url", "native"),
    [
        ("https://api.anthropic.com", True),
        ("https://API.ANTHROPIC.com./v1", True),
        ("https://anthropic.com.evil.test", False),
        ("https://notanthropic.com", False),
        ("https://h.test/anthropic.com", False),
    ],
)
def test_is_anthropic(base_url: str, native: bool) -> None:
    assert is_anthropic(base_url) is native


ONE = Model("one", "remote/one", FIXED, aliases=("uno", "b/one"))
TWO = Model("two", "two", PASSTHROUGH)
REGISTRY = Registry((FIXED, PASSTHROUGH), FIXED, models=(ONE, TWO))


@pytest.mark.parametrize(
    ("name", "model", "is_qualified"),
    [
        pytest.param("one", ONE, False, id="id"),
        pytest.param("uno", ONE, False, id="alias"),
        pytest.param("anthropic/one", ONE, False, id="as Claude Code lists it"),
        pytest.param("a/one", ONE, True, id="provider/id"),
        pytest.param("a,uno", ONE, True, id="provider,alias"),
        pytest.param("a/remote/one", ONE, True, id="provider/its own name"),
        pytest.param("anthropic/b,two", TWO, True, id="an address as Claude Code lists it"),
        pytest.param("b/one", ONE, False, id="an alias that looks like an address"),
        pytest.param("remote/one", None, True, id="its own name alone"),
        pytest.param("b/uno", None, True, id="another provider"),
        pytest.param("One", None, True, id="case matters"),
    ],
)
def test_find(name: str, model: Model | None, is_qualified: bool) -> None:
    assert REGISTRY.find(name) is model
    assert REGISTRY.is_qualified(name) is is_qualified
