"""What ``--print-config`` shows (docs/features.md "Configuration")."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.explain import HIDDEN, Explained, explain_settings
from config.variables.row import UNSET
from config.variables.table import VARIABLES


def line(name: str, environ: dict[str, str], **sources: dict[str, str]) -> Explained:
    [found] = [e for e in explain_settings(environ, **sources) if e.name == name]
    return found


def test_one_line_for_each_variable() -> None:
    assert len(explain_settings({})) == len(VARIABLES)


@pytest.mark.parametrize(
    ("name", "environ", "value", "source"),
    [
        pytest.param("CLAUDE_PROXY_PORT", {}, "8085", "default", id="default"),
        pytest.param("CLAUDE_PROXY_PORT", {"PORT": "1"}, "1", "environment PORT", id="bare"),
        pytest.param(
            "CLAUDE_PROXY_PORT", {"CLAUDE_PROXY_PORT": "1"}, "1", "environment", id="prefixed"
        ),
        pytest.param("OPENAI_API_KEY", {"OPENAI_API_KEY": "sk"}, HIDDEN, "environment", id="key"),
        pytest.param("OPENAI_API_KEY", {}, UNSET, "default", id="no key"),
        pytest.param(
            "CLAUDE_PROXY_AUTH_KEY",
            {"CLAUDE_PROXY_AUTH_KEY": "a,b"},
            HIDDEN,
            "environment",
            id="auth keys",
        ),
        pytest.param(
            "HTTPS_PROXY", {"HTTPS_PROXY": "u:p@h"}, HIDDEN, "environment HTTPS_PROXY", id="proxy"
        ),
        pytest.param(
            "CUSTOM_HEADER_X_A",
            {"CUSTOM_HEADER_X_A": "secret"},
            HIDDEN,
            "environment, sent as X-A",
            id="header",
        ),
        pytest.param(
            "CLAUDE_PROXY_CONNECT_TIMEOUT",
            {"REQUEST_TIMEOUT": "7"},
            "7",
            "as request_timeout",
            id="derived",
        ),
        pytest.param(
            "OPENAI_BASE_URL",
            {"OPENAI_BASE_URL": "https://h/v1?key=secret"},
            "https://h/v1?...",
            "environment",
            id="key in a query",
        ),
        pytest.param("CLAUDE_PROXY_STRICT", {}, "false", "default", id="truth"),
        pytest.param(
            "CLAUDE_PROXY_ALLOWED_ORIGINS",
            {"ALLOWED_ORIGINS": "https://a,https://b"},
            "https://a, https://b",
            "environment ALLOWED_ORIGINS",
            id="list",
        ),
    ],
)
def test_lines(name: str, environ: dict[str, str], value: str, source: str) -> None:
    assert line(name, environ) == Explained(name, value, source)


def test_other_sources() -> None:
    assert line("CLAUDE_PROXY_PORT", {}, dotenv={"PORT": "1"}).source == ".env PORT"
    shown = line("CLAUDE_PROXY_PORT", {"PORT": "1"}, arguments={"port": "2"})
    assert (shown.value, shown.source) == ("2", "command line --port")


def test_a_bad_configuration_is_refused_here_too() -> None:
    with pytest.raises(ConfigError):
        explain_settings({"CLAUDE_PROXY_PORT": "x"})
