"""Mistral: edge case 147, docs/protocol.md 2.8."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

EVERY_MODEL = {"tool_id": "nine", "prefill": "prefix", "no_stream_usage": True}


@pytest.mark.parametrize("host", ["api.mistral.ai", "codestral.mistral.ai"])
@pytest.mark.parametrize("model", ["some-model", "mistral-large-latest", "magistral-medium-latest"])
def test_every_model(host: str, model: str) -> None:
    assert differences(host, model) == EVERY_MODEL
    assert profile_for(host, model).name == "mistral"
    assert base_path_for(host) == "/v1"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("tool_id", "nine", id="edge 147 ids of nine characters"),
        pytest.param("prefill", "prefix", id="2.8 a marked prefill"),
        pytest.param("token_field", "max_tokens", id="1.1 max_completion_tokens is refused"),
        pytest.param("reasoning_history", "drop", id="10.3 reasoning_content is refused"),
        pytest.param("no_stream_usage", True, id="1.1 usage comes unasked"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for("api.mistral.ai", "mistral-large-latest"), flag) == value
