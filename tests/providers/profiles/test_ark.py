"""Doubao on Ark: docs/protocol.md 1.4."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

HOST = "ark.cn-beijing.volces.com"


@pytest.mark.parametrize(
    ("host", "model"),
    [
        pytest.param(HOST, "ep-20260101000000-abcde", id="an endpoint tells no model"),
        pytest.param(HOST, "doubao-1-5-pro-32k-250115", id="a model that never thinks"),
        pytest.param(HOST, "doubao-seed-1-6-thinking-250715", id="one that always does"),
        pytest.param(HOST, "doubao-seed-translation-250915", id="a translator"),
        pytest.param("ark.ap-southeast.bytepluses.com", "some-model", id="BytePlus"),
    ],
)
def test_every_model(host: str, model: str) -> None:
    assert differences(host, model) == {}
    assert profile_for(host, model).name == "ark"


@pytest.mark.parametrize(
    "model", ["doubao-seed-1-6-250615", "doubao-seed-2-0-pro-260215", "deepseek-v3-2-251201"]
)
def test_hybrid_models_toggle(model: str) -> None:
    assert differences(HOST, model) == {"thinking_style": "toggle"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("", "/api/v3", id="features: Ark without a path"),
        pytest.param("/api", "/api/v3", id="features: its beginning"),
        pytest.param("/v1", "/api/v3", id="features: with /v1"),
        pytest.param("/api/coding/v3", None, id="the coding plan stands"),
    ],
)
def test_address(path: str, expected: str | None) -> None:
    assert base_path_for(HOST, path) == expected
