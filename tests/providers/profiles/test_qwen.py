"""Qwen on DashScope and ModelScope: edge case 143, docs/protocol.md 1.4, 10.4, 10.9."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

HOST = "dashscope.aliyuncs.com"
EVERY_MODEL = {"forced_choice_stops_thinking": True}
HYBRID = {"thinking_style": "qwen", "stream_only": True}
BLIND = {"vision": False}


@pytest.mark.parametrize(
    ("host", "model"),
    [
        pytest.param(HOST, "qwen-max", id="a model that never thinks"),
        pytest.param(HOST, "qwen3-max", id="its successor"),
        pytest.param(HOST, "qwen3.5-397b-a17b-instruct", id="instruct"),
        pytest.param("dashscope-intl.aliyuncs.com", "some-model", id="an unknown model"),
        pytest.param("ws1.cn-beijing.maas.aliyuncs.com", "some-model", id="a workspace"),
        pytest.param("coding.dashscope.aliyuncs.com", "some-model", id="the coding plan"),
        pytest.param("api-inference.modelscope.cn", "some-model", id="ModelScope"),
    ],
)
def test_every_model(host: str, model: str) -> None:
    assert differences(host, model) == EVERY_MODEL
    assert profile_for(host, model).name == "qwen"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("qwen-plus", HYBRID, id="edge 143 qwen-plus thinks on demand"),
        pytest.param("qwen-plus-2025-12-01", HYBRID, id="edge 143 a dated qwen-plus"),
        pytest.param("qwen-flash", HYBRID, id="edge 143 qwen-flash"),
        pytest.param("qwen3.8-max", HYBRID, id="edge 143 Qwen3.5 and later"),
        pytest.param("qwen3-vl-plus", HYBRID, id="edge 143 Qwen3 VL"),
        pytest.param("qwen3-max-preview", HYBRID, id="edge 143 Qwen3 Max preview"),
        pytest.param("Qwen/Qwen3-32B", {**HYBRID, **BLIND}, id="edge 143 open weights"),
        pytest.param("glm-4.7", {**HYBRID, **BLIND}, id="edge 143 GLM hosted there"),
        pytest.param("deepseek-v3.2", {**HYBRID, **BLIND}, id="edge 143 DeepSeek hosted there"),
        pytest.param("kimi-k2.5", HYBRID, id="edge 143 Kimi hosted there"),
        pytest.param("qwen3-coder-plus", BLIND, id="1.4 a model that never thinks gets no field"),
        pytest.param("qwen3-30b-a3b-instruct-2507", BLIND, id="1.4 nor does instruct"),
        pytest.param(
            "Qwen/Qwen3-235B-A22B-Thinking-2507",
            {"stream_only": True, **BLIND},
            id="10.9 a model that always thinks only streams",
        ),
        pytest.param(
            "qwq-plus",
            {"stream_only": True, "think_tags": True, **BLIND},
            id="10.9 QwQ only streams",
        ),
        pytest.param("qvq-max", {"stream_only": True}, id="10.9 QVQ only streams"),
        pytest.param(
            "deepseek-r1-0528",
            {"stream_only": True, "think_tags": True, **BLIND},
            id="10.9 DeepSeek R1 there",
        ),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences(HOST, model) == {**EVERY_MODEL, **flags}


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("forced_choice_stops_thinking", True, id="10.4 forced tools"),
        pytest.param("mid_system", "wrap", id="edge 143 system must be first"),
        pytest.param("reasoning_history", "drop", id="10.3 no reasoning goes back"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for(HOST, "qwen-plus"), flag) == value


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        pytest.param(HOST, "", "/compatible-mode/v1", id="features: DashScope without a path"),
        pytest.param(HOST, "/compatible-mode", "/compatible-mode/v1", id="features: without /v1"),
        pytest.param(HOST, "/v1", "/compatible-mode/v1", id="features: with /v1 alone"),
        pytest.param(HOST, "/api/v1/services", None, id="another API stands"),
        pytest.param("coding.dashscope.aliyuncs.com", "", "/v1", id="the coding plan"),
        pytest.param("api-inference.modelscope.cn", "", "/v1", id="ModelScope"),
    ],
)
def test_address(host: str, path: str, expected: str | None) -> None:
    assert base_path_for(host, path) == expected
