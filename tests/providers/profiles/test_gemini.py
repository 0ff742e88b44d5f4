"""Gemini's OpenAI endpoint: edge case 146, docs/protocol.md 1.4."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

HOST = "generativelanguage.googleapis.com"
EVERY_MODEL = {
    "extra_content": True,
    "schema_drop": (
        "$schema",
        "$id",
        "$comment",
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "propertyNames",
        "exclusiveMinimum",
        "exclusiveMaximum",
    ),
}


@pytest.mark.parametrize("model", ["gemma-4-26b-a4b-it", "some-model", "gemini-2.5-flash-image"])
def test_every_model(model: str) -> None:
    assert differences(HOST, model) == EVERY_MODEL
    assert profile_for(HOST, model).name == "gemini"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("gemini-2.0-flash", {"max_output": 8192}, id="1.1 gemini-2.0 8192"),
        pytest.param("gemini-1.5-pro", {"max_output": 8192}, id="1.1 gemini-1.5 8192"),
        pytest.param("gemini-2.5-pro", {"thinking_style": "effort"}, id="1.4 always thinks"),
        pytest.param(
            "models/gemini-2.5-flash",
            {"thinking_style": "effort", "efforts": ("none", "low", "medium", "high")},
            id="1.4 gemini-2.5-flash can be told not to think",
        ),
        pytest.param("gemini-3.8-flash", {"thinking_style": "effort"}, id="1.4 gemini-3"),
        pytest.param("gemini-pro-latest", {"thinking_style": "effort"}, id="1.4 latest"),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences(HOST, model) == {**EVERY_MODEL, **flags}


@pytest.mark.parametrize("keyword", ["additionalProperties", "$schema"])
def test_schema_keywords_that_are_refused(keyword: str) -> None:
    """edge 146"""
    assert keyword in profile_for(HOST, "gemini-3-pro").schema_drop


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "/v1beta/openai", id="features: Gemini without a path"),
        pytest.param("/v1beta", "/v1beta/openai", id="features: the dynamic route's prefix"),
        pytest.param("/v1beta/openai/", "/v1beta/openai", id="features: as it is"),
        pytest.param("/v1beta/models", None, id="the native API stands"),
    ],
)
def test_address(path: str, expected: str | None) -> None:
    assert base_path_for(HOST, path) == expected
