"""GLM: edge case 153, docs/protocol.md 1.3, 1.4, 10.3."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

HOST = "open.bigmodel.cn"
EVERY_MODEL = {
    "reasoning_history": "reasoning_content",
    "tool_choice": "auto_only",
    "structured": "json_object",
    "max_stop": 1,
}


@pytest.mark.parametrize(
    ("host", "model"),
    [
        pytest.param(HOST, "glm-4-flash-250414", id="a model that never thinks"),
        pytest.param("api.z.ai", "some-model", id="the international host"),
    ],
)
def test_every_model(host: str, model: str) -> None:
    assert differences(host, model) == EVERY_MODEL
    assert profile_for(host, model).name == "glm"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param(
            "glm-4.6", {"thinking_style": "toggle", "vision": False}, id="1.4 GLM 4.5 and later"
        ),
        pytest.param(
            "glm-5.2", {"thinking_style": "toggle", "vision": False}, id="1.4 GLM 5 toggles"
        ),
        pytest.param(
            "glm-5.3",
            {
                "thinking_style": "effort",
                "efforts": ("low", "high", "max"),
                "vision": False,
            },
            id="edge 153 GLM 5.3 always thinks: none becomes low",
        ),
        pytest.param(
            "glm-4.5v", {"thinking_style": "toggle", "max_output": 16384}, id="1.1 GLM 4.5V"
        ),
        pytest.param(
            "glm-4.6v-flash", {"thinking_style": "toggle", "max_output": 32768}, id="1.1 GLM 4.6V"
        ),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences(HOST, model) == {**EVERY_MODEL, **flags}


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("cache", None, id="edge 153 no cache_control"),
        pytest.param("vision", False, id="edge 153 no content arrays from text models"),
        pytest.param("tool_choice", "auto_only", id="1.3 only auto is understood"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for(HOST, "glm-4.6"), flag) == value


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "/api/paas/v4", id="features: GLM without a path"),
        pytest.param("/api/paas", "/api/paas/v4", id="features: its beginning"),
        pytest.param("/v1", "/api/paas/v4", id="features: with /v1"),
        pytest.param("/api/coding/paas/v4", None, id="the coding plan stands"),
    ],
)
def test_address(path: str, expected: str | None) -> None:
    assert base_path_for(HOST, path) == expected
