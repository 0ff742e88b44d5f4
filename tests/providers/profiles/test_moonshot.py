"""Moonshot / Kimi: edge case 152, docs/protocol.md 1.4, 10.3, 10.4."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

HOST = "api.moonshot.cn"
EVERY_MODEL = {
    "reasoning_history": "reasoning_content",
    "forced_choice_stops_thinking": True,
    "count_endpoint": "moonshot",
}


@pytest.mark.parametrize(
    ("host", "model"),
    [
        pytest.param(HOST, "moonshot-v1-128k", id="the older series keeps sampling"),
        pytest.param("api.moonshot.ai", "some-model", id="the international host"),
        pytest.param("api.kimi.com", "some-model", id="the coding plan"),
    ],
)
def test_every_model(host: str, model: str) -> None:
    assert differences(host, model) == EVERY_MODEL
    assert profile_for(host, model).name == "moonshot"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("kimi-k2-0905-preview", {"vision": False}, id="1.4 a model that never thinks"),
        pytest.param("kimi-k2-thinking", {"vision": False}, id="1.4 one that always does"),
        pytest.param(
            "kimi-k2.5",
            {"no_sampling": True, "thinking_style": "toggle"},
            id="1.4 kimi-k2.5 toggles, its sampling is fixed",
        ),
        pytest.param(
            "kimi-k2.7-code", {"no_sampling": True}, id="1.4 kimi-k2.7-code always thinks"
        ),
        pytest.param(
            "kimi-k3",
            {
                "no_sampling": True,
                "thinking_style": "effort",
                "efforts": ("low", "high", "max"),
            },
            id="1.4 kimi-k3 grades",
        ),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences(HOST, model) == {**EVERY_MODEL, **flags}


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("tool_id", "keep", id="edge 152 ids are kept for replay"),
        pytest.param("reasoning_history", "reasoning_content", id="10.3 reasoning goes back"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for(HOST, "kimi-k2.5"), flag) == value


def test_address() -> None:
    assert base_path_for(HOST) == "/v1"
    assert base_path_for("api.kimi.com") == "/coding/v1"
    assert base_path_for("api.kimi.com", "/coding") == "/coding/v1"
