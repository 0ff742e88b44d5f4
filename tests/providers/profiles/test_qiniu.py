"""Qiniu, an aggregator: nothing but what is true of a model everywhere."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences


@pytest.mark.parametrize("host", ["api.qnaigc.com", "openai.qiniu.com", "openai.sufy.com"])
def test_every_model(host: str) -> None:
    assert differences(host, "some-model") == {}
    assert profile_for(host, "some-model").name == "qiniu"
    assert base_path_for(host) == "/v1"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("deepseek-v3", {"vision": False}, id="10.3 no reasoning goes back"),
        pytest.param("gpt-4o", {"max_output": 16384}, id="1.1 a cap of the model itself"),
        pytest.param("deepseek/deepseek-v4-pro", {}, id="1.4 no switch of the maker's own system"),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences("api.qnaigc.com", model) == flags
