"""vLLM and SGLang: edge case 151, docs/protocol.md 2.8."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

EVERY_MODEL = {
    "prefill": "vllm",
    "top_k": True,
    "think_tags": True,
    "count_endpoint": "vllm",
}


@pytest.mark.parametrize("host", ["localhost:8000", "10.0.0.5:30000", "vllm", "sglang:9000"])
def test_every_model(host: str) -> None:
    assert differences(host, "some-model") == EVERY_MODEL
    assert profile_for(host, "some-model").name == "vllm"
    assert base_path_for(host) == "/v1"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("prefill", "vllm", id="2.8 continue_final_message"),
        pytest.param("top_k", True, id="edge 11 top_k is forwarded"),
        pytest.param("reasoning_history", "drop", id="edge 113 its field was renamed: none"),
        pytest.param("tool_choice", "any", id="edge 151 named tools work"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for("vllm", "some-model"), flag) == value


@pytest.mark.parametrize("host", ["gateway.example.com:8000", "vllm.example.com"])
def test_not_on_a_stranger(host: str) -> None:
    assert differences(host, "some-model") == {}
