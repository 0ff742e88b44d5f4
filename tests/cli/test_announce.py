"""The ready line and the warnings of the start."""

from __future__ import annotations

from typing import Any

import pytest

from config.registry.values import Model, Provider, Registry
from config.settings import Settings, load_settings
from proxy.cli.announce import is_loopback, ready_line, start_warnings, summary, unconfigured


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


def test_recording_is_a_warning() -> None:
    warnings = start_warnings(Settings(record="/tmp/recordings", host="127.0.0.1"))
    assert warnings == (
        "CLAUDE_PROXY_RECORD is set: each exchange is recorded in /tmp/recordings with its prompts and "
        "answers; unset it when you have what you need",
    )


ONE = Provider("one", "https://one.test/v1", ("secret",))
TWO = Provider("two", "https://two.test/v1")


def with_registry(*providers: Provider, models: int = 0, **changes: Any) -> Settings:
    listed = tuple(Model(f"m{n}", f"m{n}", providers[0]) for n in range(models))
    registry = Registry(providers, providers[0], models=listed, from_file=True)
    return Settings(registry=registry, **changes)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(
            with_registry(ONE, TWO, models=2),
            "mode: mixed | upstreams: one, two | models: m0, m1",
            id="providers and models",
        ),
        pytest.param(
            with_registry(ONE, models=8),
            "mode: fixed | upstreams: one | models: m0, m1, m2, m3, m4 and 3 more",
            id="many models",
        ),
        pytest.param(
            with_registry(TWO),
            "mode: passthrough | upstreams: two | models: the models of the upstream",
            id="no models",
        ),
    ],
)
def test_summary_of_a_registry(settings: Settings, expected: str) -> None:
    assert summary(settings) == expected


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
            ["no auth key is set: any client that can reach 0.0.0.0:8085 can use OPENAI_API_KEY"],
            id="fixed key open to the network",
        ),
        pytest.param(Settings(openai_api_key="k", host="::1"), None, [], id="on loopback"),
        pytest.param(
            Settings(openai_api_key="k", auth_keys=("a",)), None, [], id="with an auth key"
        ),
        pytest.param(Settings(worker_connections=10), 116, [], id="enough files"),
        pytest.param(
            Settings(worker_connections=10),
            115,
            ["a worker answers 7 requests at a time instead of 8: each needs two open files"],
            id="too few files",
        ),
        pytest.param(
            Settings(rate_limit_rpm=5, workers=2),
            None,
            ["each of the 2 workers counts rate limits separately"],
            id="limits that nobody adds up",
        ),
        pytest.param(
            Settings(rate_limit_rpm=5, workers=2, redis_url="redis://r"),
            None,
            [],
            id="shared limits",
        ),
        pytest.param(Settings(rate_limit_rpm=5, workers=1), None, [], id="limits of one worker"),
        pytest.param(
            with_registry(TWO, ONE),
            None,
            [
                "no auth key is set: any client that can reach 0.0.0.0:8085 can use the registry's keys"
            ],
            id="keys of a registry",
        ),
        pytest.param(
            with_registry(TWO, auth_keys=("a",)),
            None,
            ["CLAUDE_PROXY_AUTH_KEY is ignored: without the registry's keys"],
            id="an auth key beside a registry without keys",
        ),
        pytest.param(
            Settings(mistakes=("AUTH_KEY",), warnings=("PORT",)),
            None,
            ["AUTH_KEY", "PORT"],
            id="those of the settings",
        ),
        pytest.param(
            Settings(openai_base_url="http://api.deepseek.com/v1"),
            None,
            [
                "http://api.deepseek.com sends keys and prompts unencrypted: "
                "write https://api.deepseek.com"
            ],
            id="a known host without TLS",
        ),
        pytest.param(
            Settings(openai_base_url="http://localhost:11434"), None, [], id="a server of one's own"
        ),
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


def test_models_that_the_upstreams_list_decides() -> None:
    settings = load_settings({"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"})
    assert summary(settings).endswith(
        "| models: the only one of the upstream, else gpt-4o, gpt-4o-mini"
    )
    assert [words for words in start_warnings(settings) if "BIG_MODEL" in words] == [
        "CLAUDE_PROXY_BIG_MODEL is not set and the upstream 127.0.0.1 is not OpenAI: Claude's names are "
        "sent to its only model if it lists exactly one, else to gpt-4o and gpt-4o-mini, which it may "
        "not have: set CLAUDE_PROXY_BIG_MODEL"
    ]


LOCAL = {"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        pytest.param({}, False, id="OpenAI"),
        pytest.param({**LOCAL, "BIG_MODEL": "gpt-4o"}, False, id="set"),
        pytest.param({**LOCAL, "ROUTER_DEFAULT": "m"}, False, id="routed"),
        pytest.param({**LOCAL, "ROUTER_DEFAULT": "opus"}, True, id="routed to a class"),
        pytest.param({**LOCAL, "ROUTER_THINK": "m"}, True, id="thinking routed"),
    ],
)
def test_models_that_are_known_need_no_warning(environ: dict[str, str], warned: bool) -> None:
    assert ("BIG_MODEL" in " ".join(start_warnings(load_settings(environ)))) is warned


def test_a_first_start_without_a_setting_says_what_to_do() -> None:
    assert unconfigured(Settings(), ".venv/bin/claude-proxy") == (
        "No provider is configured, in the environment or in .env here: each client's own key is "
        "sent to https://api.openai.com/v1. "
        "To choose a provider, a key and models, stop this and run: .venv/bin/claude-proxy init"
    )


@pytest.mark.parametrize(
    "settings",
    [
        Settings(openai_api_key="k"),
        Settings(openai_base_url="http://127.0.0.1:11434/v1"),
        Settings(big_model="m"),
    ],
)
def test_a_configured_start_says_nothing(settings: Settings) -> None:
    assert unconfigured(settings, "claude-proxy") is None
