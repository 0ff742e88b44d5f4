"""MiniMax: edge case 154, docs/protocol.md 10.3."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

EVERY_MODEL = {
    "reasoning_history": "reasoning_content",
    "think_tags": True,
    "structured": "none",
}


@pytest.mark.parametrize("host", ["api.minimax.io", "api.minimaxi.com", "api.minimax.chat"])
def test_every_model(host: str) -> None:
    assert differences(host, "some-model") == EVERY_MODEL
    assert profile_for(host, "some-model").name == "minimax"
    assert base_path_for(host) == "/v1"


def test_the_older_models_see_nothing() -> None:
    flags = differences("api.minimax.io", "MiniMax-M2.5-highspeed")
    assert flags == {**EVERY_MODEL, "vision": False}


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("think_tags", True, id="edge 154 inline thoughts"),
        pytest.param("reasoning_history", "reasoning_content", id="10.3 reasoning goes back"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for("api.minimax.io", "MiniMax-M3"), flag) == value
