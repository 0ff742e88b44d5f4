"""The ready line and the warnings of the start."""

from __future__ import annotations

import pytest

from config.settings import Settings
from proxy.cli.announce import is_loopback, ready_line, start_warnings


def test_ready_line() -> None:
    settings = Settings(
        openai_base_url="https://h/v1?key=secret",
        openai_api_key="secret",
        big_model="b",
        middle_model="b",
        small_model="s",
    )
    assert ready_line(settings, ["http://0.0.0.0:8085"]) == (
        "Listening on http://0.0.0.0:8085 | mode: fixed | upstream: https://h/v1?... | models: b, s"
    )


def test_ready_line_in_passthrough_on_two_addresses() -> None:
    line = ready_line(Settings(), ["http://a:1", "http://b:2"])
    assert line.startswith("Listening on http://a:1, http://b:2 | mode: passthrough | ")


@pytest.mark.parametrize(
    ("settings", "open_files", "beginnings"),
    [
        pytest.param(Settings(), None, [], id="passthrough"),
        pytest.param(
            Settings(auth_keys=("a",)),
            None,
            ["CLAUDE_PROXY_AUTH_KEY is ignored"],
            id="an auth key that nothing needs",
        ),
        pytest.param(
            Settings(openai_api_key="k"),
            None,
            ["whoever reaches 0.0.0.0:8085 can spend OPENAI_API_KEY"],
            id="fixed key open to the network",
        ),
        pytest.param(Settings(openai_api_key="k", host="::1"), None, [], id="on loopback"),
        pytest.param(
            Settings(openai_api_key="k", auth_keys=("a",)), None, [], id="with an auth key"
        ),
        pytest.param(Settings(worker_connections=10), 120, [], id="enough files"),
        pytest.param(
            Settings(worker_connections=10),
            119,
            ["10 connections a worker need 120 open files, and only 119 are allowed"],
            id="too few files",
        ),
        pytest.param(Settings(warnings=("PORT",)), None, ["PORT"], id="those of the settings"),
    ],
)
def test_start_warnings(settings: Settings, open_files: int | None, beginnings: list[str]) -> None:
    warnings = start_warnings(settings, open_files=open_files)
    assert [w.startswith(b) for w, b in zip(warnings, beginnings, strict=True)] == [True] * len(
        beginnings
    )


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("127.0.0.1", True, id="IPv4"),
        pytest.param("127.9.9.9", True, id="all of 127"),
        pytest.param("::1", True, id="IPv6"),
        pytest.param("localhost", True, id="name"),
        pytest.param("0.0.0.0", False, id="everywhere"),
        pytest.param("10.0.0.1", False, id="private"),
        pytest.param("box.lan", False, id="other name"),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
