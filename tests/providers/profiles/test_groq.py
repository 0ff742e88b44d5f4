"""Groq: edge case 148."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

HOST = "api.groq.com"
EVERY_MODEL = {"structured": "json_object", "think_tags": True}


def test_every_model() -> None:
    assert differences(HOST, "some-model") == EVERY_MODEL
    assert profile_for(HOST, "some-model").name == "groq"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param(
            "openai/gpt-oss-120b",
            {
                "thinking_style": "effort",
                "vision": False,
                "max_output": 65536,
                "structured": "json_schema",
            },
            id="1.4 gpt-oss",
        ),
        pytest.param(
            "llama-3.3-70b-versatile", {"vision": False, "max_output": 32768}, id="1.1 Llama 3.3"
        ),
        pytest.param(
            "moonshotai/kimi-k2-instruct-0905",
            {"vision": False, "max_output": 16384, "structured": "json_schema"},
            id="1.1 Kimi K2",
        ),
        pytest.param(
            "meta-llama/llama-4-scout-17b-16e-instruct",
            {"max_output": 8192, "structured": "json_schema"},
            id="1.1 Llama 4",
        ),
        pytest.param("qwen/qwen3-32b", {"vision": False, "max_output": 40960}, id="1.1 Qwen3"),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    expected = {**EVERY_MODEL, **flags}
    if expected["structured"] == "json_schema":
        del expected["structured"]
    assert differences(HOST, model) == expected


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("top_k", False, id="edge 148 no top_k"),
        pytest.param("cache", None, id="edge 148 no cache_control"),
        pytest.param("reasoning_history", "drop", id="edge 148 no unknown message keys"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for(HOST, "openai/gpt-oss-20b"), flag) == value


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "/openai/v1", id="features: Groq without a path"),
        pytest.param("/openai", "/openai/v1", id="features: without /v1"),
        pytest.param("/v1", "/openai/v1", id="features: /v1 alone"),
    ],
)
def test_address(path: str, expected: str) -> None:
    assert base_path_for(HOST, path) == expected
