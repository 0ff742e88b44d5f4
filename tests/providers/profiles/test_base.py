"""The flags themselves and their defaults, where docs/protocol.md names them as ``P.flag``."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from proxy.providers.profiles.base import Profile


@pytest.mark.parametrize(
    ("flag", "default"),
    [
        pytest.param("token_field", "max_tokens", id="1.1 token_field"),
        pytest.param("system_role", "system", id="1.1 system_role"),
        pytest.param("max_stop", 4, id="1.1 max_stop"),
        pytest.param("thinking_style", "none", id="1.1 thinking_style"),
        pytest.param("structured", "json_schema", id="1.1 structured"),
        pytest.param("top_k", False, id="1.1 top_k"),
        pytest.param("user_field", None, id="1.1 user_field"),
        pytest.param("service_tier", False, id="1.1 service_tier"),
        pytest.param("cache", None, id="1.1 cache"),
        pytest.param("pdf", "none", id="1.2 pdf"),
        pytest.param("reasoning_history", "drop", id="1.2 reasoning_history"),
        pytest.param("server_tools", "drop", id="1.3 server_tools"),
        pytest.param("parallel_flag", True, id="1.3 parallel_flag"),
        pytest.param("strict_tools", False, id="1.3 strict_tools"),
        pytest.param("mid_system", "wrap", id="2.4 mid_system"),
        pytest.param("null_content", True, id="10.11 null_content"),
        pytest.param("tool_id", "keep", id="10.11 tool_id"),
        pytest.param("schema_drop", (), id="10.11 schema_drop"),
        pytest.param("stream_only", False, id="10.11 stream_only"),
        pytest.param(
            "forced_choice_stops_thinking", False, id="10.11 forced_choice_stops_thinking"
        ),
        pytest.param("efforts", ("low", "medium", "high"), id="11 efforts"),
    ],
)
def test_defaults(flag: str, default: object) -> None:
    assert getattr(Profile(), flag) == default


def test_10_11_a_profile_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Profile().vision = False  # type: ignore[misc]
