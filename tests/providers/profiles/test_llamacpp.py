"""llama.cpp's server and LM Studio: edge case 155."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

EVERY_MODEL = {"tool_choice": "required", "top_k": True, "think_tags": True}


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:1234", "llama-server", "lm-studio"])
def test_every_model(host: str) -> None:
    assert differences(host, "some-model") == EVERY_MODEL
    assert profile_for(host, "some-model").name == "llamacpp"
    assert base_path_for(host) == "/v1"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("tool_choice", "required", id="1.3 a named tool is asked for as required"),
        pytest.param("schema_drop", (), id="edge 155 schemas are simplified when refused"),
        pytest.param("prefill", "send", id="2.8 a last assistant message is continued"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for("localhost:8080", "some-model"), flag) == value


def test_not_on_a_stranger() -> None:
    assert differences("gateway.example.com:8080", "some-model") == {}
