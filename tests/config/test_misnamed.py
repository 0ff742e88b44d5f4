"""Variables that are meant for this program and not read (docs/features.md "Configuration")."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.explain import LINK, explain_settings
from config.settings import load_settings
from config.variables.misnamed import misnamed_variables
from config.variables.table import VARIABLES


def told(environ: dict[str, str], dotenv: dict[str, str] | None = None) -> list[str]:
    return [str(each) for each in misnamed_variables(environ, dotenv or {})]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        pytest.param("CLAUDE_PROXY_AUHT_KEY", "CLAUDE_PROXY_AUTH_KEY", id="letters exchanged"),
        pytest.param("CLAUDE_PROXY_AUTHKEY", "CLAUDE_PROXY_AUTH_KEY", id="an underscore less"),
        pytest.param("claude_proxy_port", "CLAUDE_PROXY_PORT", id="small letters"),
        pytest.param("CLAUDE_PROXY_OPENAI_API_KEY", "OPENAI_API_KEY", id="a prefix too many"),
        pytest.param("CLAUDE_PROXY_HTTPS_PROXY", "HTTPS_PROXY", id="a prefix at the system's"),
        pytest.param("CLAUDE_PROXY_CUSTOM_HEADER_X_A", "CUSTOM_HEADER_X_A", id="at a header"),
        pytest.param("CLAUDE_PROXY_TIMEOUT", "CLAUDE_PROXY_REQUEST_TIMEOUT", id="half a name"),
        pytest.param(
            "CLAUDE_PROXY_API_KEY",
            "OPENAI_API_KEY or CLAUDE_PROXY_AUTH_KEY",
            id="two that may be meant",
        ),
        pytest.param("CLAUDEPROXY_AUTH_KEY", "CLAUDE_PROXY_AUTH_KEY", id="prefix in one word"),
        pytest.param("CLAUD_PROXY_PORT", "CLAUDE_PROXY_PORT", id="prefix misspelt"),
        pytest.param("AUTH_KEY", "CLAUDE_PROXY_AUTH_KEY", id="bare and only read prefixed"),
        pytest.param("CONNECT_TIMEOUT", "CLAUDE_PROXY_CONNECT_TIMEOUT", id="another of them"),
        pytest.param("OPENAI_API_KEYS", "OPENAI_API_KEY", id="several keys"),
        pytest.param("OPENAI_APIKEY", "OPENAI_API_KEY", id="apikey"),
        pytest.param("openai_api_key", "OPENAI_API_KEY", id="bare in small letters"),
        pytest.param("OPENAI_BASEURL", "OPENAI_BASE_URL", id="baseurl"),
        pytest.param("OPENAI_API_BASE", "OPENAI_BASE_URL", id="the SDK's old name"),
        pytest.param("BIG_MODLE", "BIG_MODEL", id="a bare name misspelt"),
        pytest.param("export BIG_MODEL", "BIG_MODEL", id="the shell's word in front"),
    ],
)
def test_told_from_the_environment_and_the_file(name: str, right: str) -> None:
    assert told({name: "sk-secret"}) == [f"{name} is not read: write {right}"]
    assert told({}, {name: "sk-secret"}) == [f"{name} (.env) is not read: write {right}"]


def test_nothing_is_like_it() -> None:
    assert told({"CLAUDE_PROXY_FOO": "1"}) == [
        "CLAUDE_PROXY_FOO is not read: remove it, or look for its name in docs/configuration.md"
    ]


def test_a_name_is_one_line() -> None:
    [line] = told({"CLAUDE_PROXY_\x1b[31m\nX": "1"})
    assert line.startswith(r"'CLAUDE_PROXY_\x1b[31m\nX' is not read: ")


@pytest.mark.parametrize(
    ("name", "right"),
    [
        pytest.param("WORKERS", "CLAUDE_PROXY_WORKERS", id="other programs' workers"),
        pytest.param("REDIS_URL", "CLAUDE_PROXY_REDIS_URL", id="the platform's Redis"),
        pytest.param("ANTHROPIC_AUTH_TOKEN", "CLAUDE_PROXY_AUTH_KEY", id="the client's key"),
        pytest.param("HAIKU_MODEL", "CLAUDE_PROXY_SMALL_MODEL", id="another proxy's model"),
        pytest.param("LOGLEVEL", "LOG_LEVEL", id="a common word misspelt"),
    ],
)
def test_told_from_the_file_alone(name: str, right: str) -> None:
    assert told({name: "x"}) == []
    assert told({}, {name: "x"}) == [f"{name} (.env) is not read: write {right}"]


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY"])
def test_the_key_of_a_provider_needs_a_registry_file_or_our_name(name: str) -> None:
    assert told({name: "x"}) == []
    assert told({}, {name: "x"}) == [
        f"{name} (.env) is not read: write OPENAI_API_KEY, or set CLAUDE_PROXY_CONFIG to the "
        f"registry file whose api_key_env (api_key_name) is {name}"
    ]
    for answered in ("OPENAI_API_KEY", "CLAUDE_PROXY_CONFIG", "CONFIG_PATH"):
        assert told({}, {name: "x", answered: "y"}) == []


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({name: "x" for v in VARIABLES for name in v.names}, id="ours"),
        pytest.param(
            {
                "ANTHROPIC_BASE_URL": "http://127.0.0.1:8085",
                "ANTHROPIC_MODEL": "m",
                "CLAUDE_CODE_PROXY_RESOLVES_HOSTS": "1",
                "CLAUDECODE": "1",
                "OPENAI_ADMIN_KEY": "k",
                "OPENAI_API_TYPE": "azure",
                "OPENAI_ORG_ID": "o",
                "CUSTOM_HEADER_X_A": "v",
            },
            id="of clients and SDKs",
        ),
        pytest.param(
            {"HOSTNAME": "h", "HOSTTYPE": "x86_64", "LOGNAME": "me", "PORTS": "1", "proxy": "p"},
            id="of shells",
        ),
        pytest.param(
            {"OPENAI_API_BASE": "http://h", "OPENAI_BASE_URL": "http://h/v1"}, id="the right one"
        ),
        pytest.param({"AUTH_KEY": "a", "CLAUDE_PROXY_AUTH_KEY": "b"}, id="beside a prefixed one"),
        pytest.param({"OPENAI_KEY": "a", "CLAUDE_PROXY_CONFIG": "f"}, id="a registry has the keys"),
        pytest.param({"CLAUDE_PROXY_FOO": " "}, id="empty is unset"),
        pytest.param(
            {
                f"{service}_{end}": text
                for service in (
                    "CLAUDE_CODE_PROXY",
                    "CLAUDE_PROXY2",
                    "CLAUDEPROXY",
                    "CLAUDE_API_PROXY",
                )
                for end, text in (
                    ("SERVICE_HOST", "10.0.0.1"),
                    ("SERVICE_PORT_HTTP", "8082"),
                    ("PORT", "tcp://10.0.0.1:8082"),
                    ("PORT_8082_TCP", "tcp://10.0.0.1:8082"),
                    ("PORT_8082_TCP_ADDR", "10.0.0.1"),
                )
            },
            id="Kubernetes services of other proxies",
        ),
        pytest.param(
            {
                f"{program}_PROXY_{word}": "1"
                for program in ("CLOUD", "CLUSTER", "CODE", "CSQL", "CLOUDSQL", "CLIENT", "CORP")
                for word in ("HOST", "PORT", "CONFIG", "LOG_LEVEL", "AUTH_KEY", "MAX_CONCURRENCY")
            },
            id="of other programs called proxy",
        ),
        pytest.param(
            {
                "OPENAI_API_KEY_2": "k",
                "OPENAI_API_KEY_DEV": "k",
                "OPENAI_API_KEY_FILE": "/run/secrets/k",
                "OPENAI_BASE_URL_EU": "https://eu.example.com",
                "RECORD": "all",
            },
            id="one key of several, and a word of test tools",
        ),
    ],
)
def test_a_normal_environment_is_quiet(environ: dict[str, str]) -> None:
    assert told(environ) == []


LINKS = {
    "CLAUDE_PROXY_PORT": "tcp://10.0.0.1:8085",
    "CLAUDE_PROXY_SERVICE_HOST": "10.0.0.1",
    "CLAUDE_PROXY_SERVICE_PORT": "8085",
    "CLAUDE_PROXY_SERVICE_PORT_HTTP": "8085",
    "CLAUDE_PROXY_PORT_8085_TCP": "tcp://10.0.0.1:8085",
    "CLAUDE_PROXY_PORT_8085_TCP_ADDR": "10.0.0.1",
    "CLAUDE_PROXY_PORT_8085_TCP_PORT": "8085",
    "CLAUDE_PROXY_PORT_8085_TCP_PROTO": "tcp",
    "CLAUDE_PROXY_REDIS_SERVICE_HOST": "10.0.0.2",
    "CLAUDE_PROXY_REDIS_PORT": "tcp://10.0.0.2:6379",
    "CLAUDE_PROXY_NAME": "/nginx/claude-proxy",
    "CLAUDE_PROXY_ENV_OPENAI_API_KEY": "sk-secret",
}


def test_what_platforms_inject_is_neither_an_error_nor_a_warning() -> None:
    settings = load_settings(LINKS)
    assert (settings.port, settings.warnings, settings.mistakes) == (8085, (), ())
    last = explain_settings(LINKS)[-1]
    assert (last.name, last.value, last.source) == ("CLAUDE_PROXY_PORT", LINK, "environment")


def test_an_injected_port_leaves_the_word_to_others() -> None:
    assert load_settings({**LINKS, "PORT": "9"}).port == 9
    assert load_settings(LINKS, dotenv={"CLAUDE_PROXY_PORT": "9"}).port == 9


def test_print_config_shows_them_without_their_values() -> None:
    last = explain_settings({"CLAUDE_PROXY_AUHT_KEY": "sk-secret"})[-1]
    assert (last.name, last.value, last.source) == (
        "CLAUDE_PROXY_AUHT_KEY",
        "(not read: write CLAUDE_PROXY_AUTH_KEY)",
        "environment",
    )


def test_a_variable_that_the_registry_reads_is_read(tmp_path: Path) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(
        "providers: [{base_url: https://h, api_key_env: AUTH_KEY, models: [{id: m}]}]\n"
    )
    settings = load_settings({"CLAUDE_PROXY_CONFIG": str(path), "AUTH_KEY": '"sk-1" # mine'})
    assert settings.mistakes == ()
    assert settings.registry is not None
    assert settings.registry.providers[0].api_keys == ("sk-1",)


@pytest.mark.parametrize(
    ("environ", "dotenv", "warnings"),
    [
        pytest.param(
            {"BIG_MODEL": "a"},
            {"CLAUDE_PROXY_BIG_MODEL": "b"},
            ("CLAUDE_PROXY_BIG_MODEL (.env) is ignored, because BIG_MODEL has precedence: remove one of them",),
            id="the environment over the file",
        ),
        pytest.param({"BIG_MODEL": "a", "CLAUDE_PROXY_BIG_MODEL": "a"}, {}, (), id="the same"),
        pytest.param({"BIG_MODEL": "a"}, {"BIG_MODEL": "b"}, (), id="an override"),
        pytest.param({"PORT": "1", "CLAUDE_PROXY_PORT": "2"}, {}, (), id="the platform's PORT"),
    ],
)  # fmt: skip
def test_both_names_of_a_setting(
    environ: dict[str, str], dotenv: dict[str, str], warnings: tuple[str, ...]
) -> None:
    assert load_settings(environ, dotenv=dotenv).warnings == warnings
