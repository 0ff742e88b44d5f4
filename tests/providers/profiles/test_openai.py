"""OpenAI: edge cases 149 and docs/protocol.md 1.1, 1.4, 10.1."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, credential_header, profile_for
from tests.providers.profiles.differences import differences

HOST = "api.openai.com"
EVERY_MODEL = {
    "token_field": "max_completion_tokens",
    "mid_system": "inline",
    "service_tier": True,
    "strict_tools": True,
    "pdf": "file",
}


@pytest.mark.parametrize(
    ("host", "model"),
    [
        pytest.param(HOST, "some-model", id="an unknown model"),
        pytest.param("eu.api.openai.com", "some-model", id="a region"),
        pytest.param("api.openai.com:443", "some-model", id="a port"),
    ],
)
def test_every_model(host: str, model: str) -> None:
    assert differences(host, model) == EVERY_MODEL
    assert profile_for(host, model).name == "openai"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("gpt-4o", {"max_output": 16384}, id="1.1 gpt-4o keeps sampling and stop"),
        pytest.param(
            "o3",
            {
                "system_role": "developer",
                "no_sampling": True,
                "no_stop": True,
                "parallel_flag": False,
                "thinking_style": "effort",
                "max_output": 100_000,
            },
            id="edge 149 o3: developer, no temperature, no stop",
        ),
        pytest.param(
            "gpt-5",
            {
                "system_role": "developer",
                "no_sampling": True,
                "no_stop": True,
                "thinking_style": "effort",
                "efforts": ("minimal", "low", "medium", "high"),
                "max_output": 128_000,
            },
            id="edge 149 gpt-5",
        ),
        pytest.param(
            "gpt-5.5",
            {
                "system_role": "developer",
                "no_sampling": True,
                "no_stop": True,
                "thinking_style": "effort",
                "efforts": ("none", "low", "medium", "high", "xhigh"),
                "effort_with_tools": "none",
                "max_output": 128_000,
            },
            id="edge 149 gpt-5.4 and later take tools only without reasoning",
        ),
        pytest.param(
            "gpt-6-sol",
            {
                "system_role": "developer",
                "no_sampling": True,
                "no_stop": True,
                "thinking_style": "effort",
                "efforts": ("low", "medium", "high", "xhigh", "max"),
                "effort_with_tools": "none",
                "cache": "breakpoint",
            },
            id="1.1 gpt-5.6 and later take cache breakpoints",
        ),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences(HOST, model) == {**EVERY_MODEL, **flags}


@pytest.mark.parametrize(
    ("model", "flag", "value"),
    [
        pytest.param("o1-mini", "system_role", "system", id="edge 149 o1-mini has no developer"),
        pytest.param("o1-preview", "system_role", "system", id="edge 149 nor has o1-preview"),
        pytest.param("gpt-4", "pdf", "none", id="10.8 a model without eyes reads no PDF"),
        pytest.param("o3-mini", "pdf", "none", id="10.8 nor does o3-mini"),
        pytest.param("gpt-4o-search-preview", "web_search", "options", id="10.10 search models"),
        pytest.param("gpt-5-search-api", "web_search", "options", id="10.10 gpt-5-search-api"),
        pytest.param("gpt-4o-search-preview", "no_sampling", True, id="10.10 without sampling"),
        pytest.param("gpt-4o", "web_search", None, id="10.10 others drop web_search"),
        pytest.param("gpt-4o", "mid_system", "inline", id="10.1 late system turns inline"),
        pytest.param("gpt-4o", "reasoning_history", "drop", id="10.3 no reasoning goes back"),
        pytest.param("gpt-4o", "user_field", None, id="1.1 no user id unless asked for"),
    ],
)
def test_flags(model: str, flag: str, value: object) -> None:
    assert getattr(profile_for(HOST, model), flag) == value


def test_address_and_key() -> None:
    assert base_path_for(HOST) == "/v1"
    assert credential_header(HOST, "sk-1") == ("authorization", "Bearer sk-1")
