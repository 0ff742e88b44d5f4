"""Ollama: edge case 150."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

EVERY_MODEL = {"tool_choice": "auto_only", "top_k": True, "think_tags": True}


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("localhost:11434", id="this machine"),
        pytest.param("127.0.0.1:11434", id="by address"),
        pytest.param("[::1]:11434", id="by IPv6 address"),
        pytest.param("192.168.1.7:11434", id="the next machine"),
        pytest.param("gpu-box:11434", id="a name of the local network"),
        pytest.param("host.docker.internal:11434", id="from a container"),
        pytest.param("ollama", id="a service of that name"),
        pytest.param("ollama:8080", id="the name goes before the port"),
        pytest.param("ollama.com", id="the cloud"),
    ],
)
def test_every_model(host: str) -> None:
    assert differences(host, "some-model") == EVERY_MODEL
    assert profile_for(host, "some-model").name == "ollama"
    assert base_path_for(host) == "/v1"


def test_gpt_oss_reasons_there_too() -> None:
    expected = {**EVERY_MODEL, "thinking_style": "effort", "vision": False}
    assert differences("localhost:11434", "gpt-oss:120b") == expected


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("top_k", True, id="edge 11 top_k is forwarded"),
        pytest.param("tool_choice", "auto_only", id="1.3 the field is ignored there"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for("localhost:11434", "qwen3:8b"), flag) == value


@pytest.mark.parametrize("host", ["gateway.example.com:11434", "8.8.8.8:11434", "localhost:11435"])
def test_a_port_means_nothing_on_a_stranger(host: str) -> None:
    assert differences(host, "some-model") == {}
    assert base_path_for(host) is None
