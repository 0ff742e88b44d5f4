"""DeepSeek: edge cases 141 and 142, docs/protocol.md 1.1, 1.4, 10.3, 10.4."""

from __future__ import annotations

import pytest

from proxy.providers.profiles import base_path_for, profile_for
from tests.providers.profiles.differences import differences

HOST = "api.deepseek.com"
EVERY_MODEL = {
    "thinking_style": "toggle",
    "reasoning_history": "reasoning_content",
    "forced_choice_stops_thinking": True,
    "structured": "json_object",
    "max_stop": 16,
}


@pytest.mark.parametrize("model", ["deepseek-v4-pro", "deepseek-flash", "some-model"])
def test_every_model(model: str) -> None:
    assert differences(HOST, model) == EVERY_MODEL
    assert profile_for(HOST, model).name == "deepseek"


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param(
            "deepseek-chat",
            {"max_output": 8192, "vision": False},
            id="1.1 deepseek-chat 8192",
        ),
        pytest.param("deepseek-reasoner", {"vision": False}, id="edge 142 deepseek-reasoner"),
    ],
)
def test_models(model: str, flags: dict[str, object]) -> None:
    assert differences(HOST, model) == {**EVERY_MODEL, **flags}


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        pytest.param("reasoning_history", "reasoning_content", id="edge 141 echoed reasoning"),
        pytest.param("forced_choice_stops_thinking", True, id="edge 142 forced tools"),
        pytest.param("mid_system", "wrap", id="10.1 late system turns are wrapped"),
        pytest.param("prefill", "send", id="2.8 prefix needs the beta address"),
    ],
)
def test_flags(flag: str, value: object) -> None:
    assert getattr(profile_for(HOST, "deepseek-chat"), flag) == value


def test_address() -> None:
    assert base_path_for(HOST) == "/v1"
    assert base_path_for(HOST, "/beta") is None
