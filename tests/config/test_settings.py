"""The environment, ``.env`` and the command line together (docs/features.md "Configuration")."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.settings import Settings, load_settings
from config.sources import resolve
from config.variables.table import VARIABLES


@pytest.fixture
def certificate_file() -> Path:
    """The certificates that requests uses."""
    return Path(certifi.where())


def problems(environ: Mapping[str, str], **sources: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ, **sources)
    return caught.value.problems


def test_nothing_given_is_the_defaults_of_the_class() -> None:
    assert load_settings({}) == Settings()


def test_every_setting_has_a_variable_and_the_other_way_round() -> None:
    of_their_own = {"custom_headers", "mistakes", "registry", "unset_models", "warnings"}
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert {variable.field for variable in VARIABLES} == fields - of_their_own


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        pytest.param({"OPENAI_API_KEY": "sk-1"}, "openai_api_key", "sk-1", id="OPENAI_API_KEY"),
        pytest.param(
            {"OPENAI_BASE_URL": "http://h:1/v1"},
            "openai_base_url",
            "http://h:1/v1",
            id="OPENAI_BASE_URL",
        ),
        pytest.param({"CLAUDE_PROXY_AUTH_KEY": "a"}, "auth_keys", ("a",), id="AUTH_KEY"),
        pytest.param(
            {"CLAUDE_PROXY_AUTH_KEY": "a, b,"}, "auth_keys", ("a", "b"), id="AUTH_KEY several"
        ),
        pytest.param({"BIG_MODEL": "m"}, "big_model", "m", id="BIG_MODEL"),
        pytest.param({"BIG_MODEL": "m"}, "middle_model", "m", id="MIDDLE_MODEL is BIG_MODEL"),
        pytest.param({"MIDDLE_MODEL": "m"}, "middle_model", "m", id="MIDDLE_MODEL"),
        pytest.param({"SMALL_MODEL": "m"}, "small_model", "m", id="SMALL_MODEL"),
        pytest.param({"HOST": "127.0.0.1"}, "host", "127.0.0.1", id="HOST"),
        pytest.param({"HOST": "localhost"}, "host", "localhost", id="HOST localhost"),
        pytest.param({"CLAUDE_PROXY_HOST": "[::]"}, "host", "::", id="HOST in brackets"),
        pytest.param({"CLAUDE_PROXY_HOST": "box.lan"}, "host", "box.lan", id="HOST by name"),
        pytest.param({"PORT": "9000"}, "port", 9000, id="PORT"),
        pytest.param({"CLAUDE_PROXY_PORT": "0"}, "port", 0, id="PORT 0 takes a free one"),
        pytest.param({"LOG_LEVEL": "debug"}, "log_level", "DEBUG", id="LOG_LEVEL"),
        pytest.param({"LOG_LEVEL": "Warn"}, "log_level", "WARNING", id="LOG_LEVEL warn"),
        pytest.param({"CLAUDE_PROXY_LOG_FORMAT": "JSON"}, "log_format", "json", id="LOG_FORMAT"),
        pytest.param(
            {"CLAUDE_PROXY_LOG_BODY_MAX_CHARS": "9"}, "log_body_max_chars", 9, id="LOG_BODY"
        ),
        pytest.param(
            {"CLAUDE_PROXY_LOG_STREAM_TEXT_PREVIEW_CHARS": "9"},
            "log_stream_text_preview_chars",
            9,
            id="LOG_STREAM_TEXT_PREVIEW_CHARS",
        ),
        pytest.param({"CLAUDE_PROXY_WORKERS": "3"}, "workers", 3, id="WORKERS"),
        pytest.param(
            {"CLAUDE_PROXY_WORKER_CONNECTIONS": "50"}, "worker_connections", 50, id="CONNECTIONS"
        ),
        pytest.param({"CLAUDE_PROXY_GRACEFUL_TIMEOUT": "5"}, "graceful_timeout", 5, id="GRACEFUL"),
        pytest.param({"CLAUDE_PROXY_CONNECT_TIMEOUT": "2.5"}, "connect_timeout", 2.5, id="CONNECT"),
        pytest.param(
            {"CLAUDE_PROXY_FIRST_BYTE_TIMEOUT": "9"}, "first_byte_timeout", 9.0, id="FIRST_BYTE"
        ),
        pytest.param({"REQUEST_TIMEOUT": "7"}, "request_timeout", 7.0, id="REQUEST_TIMEOUT"),
        pytest.param({"CLAUDE_PROXY_CONTENT_TIMEOUT": "8"}, "content_timeout", 8.0, id="CONTENT"),
        pytest.param({"REQUEST_TIMEOUT": "7"}, "content_timeout", None, id="no CONTENT"),
        pytest.param(
            {"REQUEST_TIMEOUT": "7"}, "connect_timeout", 7.0, id="REQUEST_TIMEOUT sets CONNECT"
        ),
        pytest.param(
            {"REQUEST_TIMEOUT": "7"},
            "first_byte_timeout",
            7.0,
            id="REQUEST_TIMEOUT sets FIRST_BYTE",
        ),
        pytest.param(
            {"REQUEST_TIMEOUT": "7", "CLAUDE_PROXY_CONNECT_TIMEOUT": "3"},
            "connect_timeout",
            3.0,
            id="REQUEST_TIMEOUT leaves a CONNECT that is set",
        ),
        pytest.param({"CLAUDE_PROXY_TOTAL_TIMEOUT": "9"}, "total_timeout", 9.0, id="TOTAL"),
        pytest.param({"CLAUDE_PROXY_WRITE_TIMEOUT": "9"}, "write_timeout", 9.0, id="WRITE"),
        pytest.param({"CLAUDE_PROXY_TOTAL_TIMEOUT": "off"}, "total_timeout", None, id="TOTAL off"),
        pytest.param({"CLAUDE_PROXY_TOTAL_TIMEOUT": "0"}, "total_timeout", None, id="TOTAL 0"),
        pytest.param({}, "early_start", 45.0, id="EARLY_START not set"),
        pytest.param({"CLAUDE_PROXY_EARLY_START": "9.5"}, "early_start", 9.5, id="EARLY_START"),
        pytest.param({"CLAUDE_PROXY_EARLY_START": "0"}, "early_start", None, id="EARLY_START 0"),
        pytest.param({"MAX_RETRIES": "3"}, "max_retries", 3, id="MAX_RETRIES"),
        pytest.param({"CLAUDE_PROXY_MAX_RETRIES": "0"}, "max_retries", 0, id="MAX_RETRIES 0"),
        pytest.param(
            {"CLAUDE_PROXY_FAILOVER_DEADLINE": "2.5"}, "failover_deadline", 2.5, id="FAILOVER"
        ),
        pytest.param({"CLAUDE_PROXY_MAX_BODY_BYTES": "9"}, "max_body_bytes", 9, id="MAX_BODY"),
        pytest.param({"CLAUDE_PROXY_BODY_TIMEOUT": "9"}, "body_timeout", 9.0, id="BODY_TIMEOUT"),
        pytest.param(
            {"IMAGE_BLOCK_DATA_MAX_SIZE": "9"}, "image_block_data_max_size", 9, id="IMAGE"
        ),
        pytest.param({"MAX_TOKENS_LIMIT": "9"}, "max_tokens_limit", 9, id="MAX_TOKENS_LIMIT"),
        pytest.param({"MAX_TOKENS_LIMIT": "0"}, "max_tokens_limit", None, id="0 is no limit"),
        pytest.param({"MIN_TOKENS_LIMIT": "9"}, "min_tokens_limit", 9, id="MIN_TOKENS_LIMIT"),
        pytest.param({"DEFAULT_MAX_TOKENS": "9"}, "default_max_tokens", 9, id="DEFAULT_MAX_TOKENS"),
        pytest.param(
            {"ENABLE_TOKEN_ESTIMATION": "no"}, "enable_token_estimation", False, id="ESTIMATION"
        ),
        pytest.param(
            {"CLAUDE_PROXY_TOKEN_COUNTING": "Upstream"}, "counts_upstream", True, id="COUNTING"
        ),
        pytest.param(
            {"LOCAL_TOKEN_COUNTING": "false"}, "counts_upstream", True, id="LOCAL_TOKEN_COUNTING"
        ),
        pytest.param(
            {"LOCAL_TOKEN_COUNTING": "false", "CLAUDE_PROXY_TOKEN_COUNTING": "local"},
            "counts_upstream",
            False,
            id="TOKEN_COUNTING wins",
        ),
        pytest.param({}, "counts_upstream", False, id="counting is local"),
        pytest.param(
            {"CLAUDE_PROXY_COUNT_TOKENS_DETAILS": "on"},
            "count_tokens_details",
            True,
            id="COUNT_TOKENS_DETAILS",
        ),
        pytest.param({"TIKTOKEN_MODEL": "gpt-4"}, "tiktoken_model", "gpt-4", id="TIKTOKEN_MODEL"),
        pytest.param(
            {"ALLOWED_ORIGINS": "https://A.test/, http://b.test:1"},
            "allowed_origins",
            ("https://a.test", "http://b.test:1"),
            id="ALLOWED_ORIGINS",
        ),
        pytest.param(
            {"ALLOWED_HOSTS": "Qiniu.com, *.qiniu.com,127.0.0.1:80,,qiniu.com"},
            "allowed_hosts",
            ("qiniu.com", ".qiniu.com", "127.0.0.1:80"),
            id="ALLOWED_HOSTS",
        ),
        pytest.param({"ALLOWED_ORIGINS": "*"}, "allowed_origins", ("*",), id="ALLOWED_ORIGINS *"),
        pytest.param({"CLAUDE_PROXY_STRICT": "TRUE"}, "strict", True, id="STRICT"),
        pytest.param(
            {"CLAUDE_PROXY_STRICT_MODELS": "1"}, "strict_models", True, id="STRICT_MODELS"
        ),
        pytest.param(
            {"CLAUDE_PROXY_PUBLIC_METRICS": "yes"}, "public_metrics", True, id="PUBLIC_METRICS"
        ),
        pytest.param({"ROUTER_DEFAULT": "m"}, "router_default", "m", id="ROUTER_DEFAULT"),
        pytest.param({"ROUTER_THINK": "m"}, "router_think", "m", id="ROUTER_THINK"),
        pytest.param({"ROUTER_BACKGROUND": "m"}, "router_background", "m", id="ROUTER_BACKGROUND"),
        pytest.param({"ROUTER_LONG_CONTEXT": "m"}, "router_long_context", "m", id="LONG_CONTEXT"),
        pytest.param(
            {"LONG_CONTEXT_THRESHOLD": "1.5k"},
            "long_context_threshold",
            1500,
            id="LONG_CONTEXT_THRESHOLD",
        ),
        pytest.param(
            {"LONG_CONTEXT_THRESHOLD": "0"},
            "long_context_threshold",
            None,
            id="LONG_CONTEXT_THRESHOLD 0",
        ),
        pytest.param(
            {"AZURE_API_VERSION": "2025-01-01-preview"},
            "azure_api_version",
            "2025-01-01-preview",
            id="AZURE_API_VERSION",
        ),
        pytest.param(
            {"CUSTOM_HEADER_X_TEAM": "a b", "CUSTOM_HEADER_HOST": "h"},
            "custom_headers",
            (("X-TEAM", "a b"), ("HOST", "h")),
            id="CUSTOM_HEADER_X_Y is X-Y",
        ),
        pytest.param(
            {"CLAUDE_PROXY_UPSTREAM_PROXY": "http://u:p@p.test:1", "HTTPS_PROXY": "http://q"},
            "proxies",
            {"https": "http://u:p@p.test:1", "http": "http://u:p@p.test:1"},
            id="UPSTREAM_PROXY before HTTPS_PROXY",
        ),
        pytest.param(
            {"https_proxy": "p.test:3128"},
            "proxies",
            {"https": "http://p.test:3128"},
            id="a proxy without a scheme",
        ),
        pytest.param({"HTTP_PROXY": "http://p"}, "proxies", {"http": "http://p"}, id="HTTP_PROXY"),
        pytest.param({"no_proxy": "a,b"}, "no_proxy", "a,b", id="NO_PROXY"),
    ],
)
def test_variables(environ: dict[str, str], field: str, value: object) -> None:
    settings = load_settings(environ)
    assert getattr(settings, field) == value
    assert settings.warnings == ()


def test_files_that_variables_name(tmp_path: Path, certificate_file: Path) -> None:
    log_file = tmp_path / "log"
    settings = load_settings(
        {"CLAUDE_PROXY_LOG_FILE": str(log_file), "SSL_CERT_FILE": str(certificate_file)}
    )
    assert (settings.log_file, settings.ca_bundle) == (str(log_file), str(certificate_file))
    assert not log_file.exists()
    (tmp_path / "8d33f237.0").symlink_to(certificate_file)
    assert load_settings({"CLAUDE_PROXY_CA_BUNDLE": str(tmp_path)}).ca_bundle == str(tmp_path)


@pytest.mark.parametrize(
    ("environ", "dotenv", "arguments", "port"),
    [
        pytest.param({}, {}, {"port": "1"}, 1, id="command line"),
        pytest.param({}, {}, {"port": None}, 8085, id="an option that is not there"),
        pytest.param({"CLAUDE_PROXY_PORT": "2"}, {}, {"port": "1"}, 1, id="line before prefixed"),
        pytest.param({"CLAUDE_PROXY_PORT": "2", "PORT": "3"}, {}, {}, 2, id="prefixed before bare"),
        pytest.param({"PORT": "3"}, {"CLAUDE_PROXY_PORT": "4"}, {}, 3, id="bare before .env"),
        pytest.param({}, {"CLAUDE_PROXY_PORT": "4", "PORT": "5"}, {}, 4, id=".env, prefixed first"),
        pytest.param({}, {"PORT": "5"}, {}, 5, id=".env before the default"),
        pytest.param({"CLAUDE_PROXY_PORT": "", "PORT": "3"}, {}, {}, 3, id="empty is unset"),
        pytest.param({"PORT": "  "}, {"PORT": "5"}, {}, 5, id="blank is unset"),
        pytest.param({"PORT": "# none"}, {}, {}, 8085, id="a comment alone is unset"),
    ],
)
def test_order_of_sources(
    environ: dict[str, str], dotenv: dict[str, str], arguments: dict[str, object], port: int
) -> None:
    assert load_settings(environ, dotenv=dotenv, arguments=arguments).port == port


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        pytest.param({"LOG_LEVEL": "INFO # comment"}, "log_level", "INFO", id="INFO # comment"),
        pytest.param({"PORT": " 9000\t# mine"}, "port", 9000, id="blanks and a comment"),
        pytest.param({"BIG_MODEL": "a#b"}, "big_model", "a#b", id="no comment without a blank"),
        pytest.param({"BIG_MODEL": '"m"'}, "big_model", "m", id="quotes of docker --env-file"),
        pytest.param({"OPENAI_API_KEY": "sk-1\n"}, "openai_api_key", "sk-1", id="key from a file"),
    ],
)
def test_what_surrounds_a_value_does_not_matter(
    environ: dict[str, str], field: str, value: object
) -> None:
    assert getattr(load_settings(environ), field) == value


@pytest.mark.parametrize(
    ("environ", "field", "value", "name"),
    [
        pytest.param({"HOST": "x86_64-linux-gnu"}, "host", "0.0.0.0", "HOST", id="conda's HOST"),
        pytest.param({"HOST": "my-laptop"}, "host", "0.0.0.0", "HOST", id="tcsh's HOST"),
        pytest.param({"PORT": "tcp://10.0.0.1:80"}, "port", 8085, "PORT", id="kubernetes' PORT"),
        pytest.param({"LOG_LEVEL": "7"}, "log_level", "INFO", "LOG_LEVEL", id="LOG_LEVEL"),
    ],
)
def test_a_bare_variable_of_somebody_else_is_ignored_with_a_warning(
    environ: dict[str, str], field: str, value: object, name: str
) -> None:
    settings = load_settings(environ)
    assert getattr(settings, field) == value
    [warning] = settings.warnings
    assert warning.startswith(f"{name}={environ[name]!r} in the environment is ignored")
    assert f"CLAUDE_PROXY_{name}" in warning


def test_an_ignored_bare_variable_leaves_the_word_to_the_file() -> None:
    settings = load_settings({"PORT": "x"}, dotenv={"PORT": "9"})
    assert settings.port == 9


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        pytest.param(
            {"environ": {"CLAUDE_PROXY_PORT": "x"}},
            "CLAUDE_PROXY_PORT='x' must be a whole number from 0 to 65535",
            id="prefixed",
        ),
        pytest.param(
            {"environ": {"CLAUDE_PROXY_WORKER_CONNECTIONS": "2"}},
            "CLAUDE_PROXY_WORKER_CONNECTIONS='2' must be a whole number from 3 to 100000",
            id="one request and two probes",
        ),
        pytest.param(
            {"environ": {}, "dotenv": {"PORT": "x"}},
            "PORT='x' (.env) must be a whole number from 0 to 65535",
            id="bare in .env is meant",
        ),
        pytest.param(
            {"environ": {}, "arguments": {"port": "x"}},
            "--port='x' must be a whole number from 0 to 65535",
            id="command line",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_source(sources: dict[str, Any], problem: str) -> None:
    assert problems(**sources) == (problem,)


def test_every_bad_variable_is_named_at_once() -> None:
    environ = {
        "OPENAI_API_KEY": "sk 1",
        "CLAUDE_PROXY_PORT": "99999",
        "CLAUDE_PROXY_WORKERS": "0",
        "TIKTOKEN_MODEL": "nobody",
        "CUSTOM_HEADER_X_A": "v\r\nx: y",
    }

    def refuse(value: object) -> None:
        raise ValueError("is unknown")

    with pytest.raises(ConfigError) as caught:
        load_settings(environ, checks={"tiktoken_model": refuse})
    assert str(caught.value).splitlines() == [
        "bad configuration:",
        "  OPENAI_API_KEY contains a space, a control character or a non-ASCII character: "
        "write the key alone",
        "  CLAUDE_PROXY_PORT='99999' must be a whole number from 0 to 65535",
        "  CLAUDE_PROXY_WORKERS='0' must be a whole number from 1 to 256",
        "  TIKTOKEN_MODEL='nobody' is unknown",
        "  CUSTOM_HEADER_X_A contains characters that are not allowed in a header",
    ]


@pytest.mark.parametrize(
    ("name", "text", "phrase"),
    [
        pytest.param("CLAUDE_PROXY_PORT", "-1", "from 0 to 65535", id="port below 0"),
        pytest.param("CLAUDE_PROXY_PORT", "1_0", "whole number", id="python's own spelling"),
        pytest.param("CLAUDE_PROXY_PORT", "٨٠", "whole number", id="digits of other scripts"),
        pytest.param("MAX_TOKENS_LIMIT", "9" * 6000, "whole number", id="6000 digits"),
        pytest.param("MAX_TOKENS_LIMIT", "-5", "whole number", id="a negative limit"),
        pytest.param("REQUEST_TIMEOUT", "0", "seconds above 0", id="no time at all"),
        pytest.param("REQUEST_TIMEOUT", "nan", "seconds above 0", id="not a number"),
        pytest.param("REQUEST_TIMEOUT", "inf", "seconds above 0", id="for ever"),
        pytest.param("REQUEST_TIMEOUT", "90s", "seconds above 0", id="a unit"),
        pytest.param("CLAUDE_PROXY_TOTAL_TIMEOUT", "never", "or off", id="another word for off"),
        pytest.param("MAX_RETRIES", "11", "a whole number from 0 to 10", id="too many retries"),
        pytest.param("CLAUDE_PROXY_FAILOVER_DEADLINE", "0", "above 0", id="no time for failover"),
        pytest.param("CLAUDE_PROXY_LOG_LEVEL", "loud", "must be one of debug,", id="log level"),
        pytest.param("CLAUDE_PROXY_LOG_FORMAT", "xml", "one of text, json", id="log format"),
        pytest.param(
            "LONG_CONTEXT_THRESHOLD", "many", "must be a whole number of tokens", id="tokens"
        ),
        pytest.param("CONFIG_PATH", "/nowhere.yaml", "does not exist", id="no registry file"),
        pytest.param("CONFIG_PATH", "/", "is not a file", id="a folder for a registry file"),
        pytest.param("CLAUDE_PROXY_STRICT", "2", "must be true or false", id="neither true nor so"),
        pytest.param("CLAUDE_PROXY_HOST", "a b", "address or a host name", id="host with a blank"),
        pytest.param("CLAUDE_PROXY_HOST", "http://h", "address or a host name", id="a URL as host"),
        pytest.param("CLAUDE_PROXY_BIG_MODEL", "a\x00b", "control character", id="model with NUL"),
        pytest.param(
            "OPENAI_BASE_URL", "api.openai.com/v1", "must begin with http", id="no scheme"
        ),
        pytest.param("OPENAI_BASE_URL", "ftp://h/v1", "must begin with http", id="other scheme"),
        pytest.param("OPENAI_BASE_URL", "https:///v1", "has no host", id="no host"),
        pytest.param("OPENAI_BASE_URL", "https://https://h", "scheme twice", id="two schemes"),
        pytest.param("OPENAI_BASE_URL", "https://h:0x50/", "valid host and port", id="bad port"),
        pytest.param("OPENAI_BASE_URL", "https://[::1/", "valid host and port", id="bad IPv6"),
        pytest.param("OPENAI_BASE_URL", "https://h/#a", "has a fragment", id="a fragment"),
        pytest.param("OPENAI_BASE_URL", "https://h/a b", "contains a space", id="a blank"),
        pytest.param("OPENAI_BASE_URL", "https://h\\e/", "a backslash", id="a backslash"),
        pytest.param("CLAUDE_PROXY_LOG_FILE", "a\0b/c", "control character", id="NUL in a path"),
        pytest.param("CLAUDE_PROXY_CA_BUNDLE", "a\0b", "control character", id="NUL in CA path"),
        pytest.param("ALLOWED_HOSTS", "a.test,*", "is not a host name", id="all hosts"),
        pytest.param("ALLOWED_HOSTS", "https://a.test", "has no valid port", id="a URL, no host"),
        pytest.param(
            "ALLOWED_HOSTS", "127.1", "a notation that is not accepted", id="short address"
        ),
        pytest.param("ALLOWED_ORIGINS", "a.test", "must begin with https://", id="bare origin"),
        pytest.param("ALLOWED_ORIGINS", "https://a/p", "must be origins", id="origin with a path"),
        pytest.param("CLAUDE_PROXY_CA_BUNDLE", "/nowhere", "cannot be read: No such", id="no CA"),
        pytest.param("CLAUDE_PROXY_CA_BUNDLE", __file__, "no certificates", id="not a CA file"),
        pytest.param("CLAUDE_PROXY_CA_BUNDLE", "/usr", "openssl rehash", id="unhashed directory"),
        pytest.param("CLAUDE_PROXY_LOG_FILE", "/nowhere/log", "cannot be written", id="log file"),
        pytest.param("CLAUDE_PROXY_LOG_FILE", "/", "is a directory", id="directory as log file"),
        pytest.param("CLAUDE_PROXY_RECORD", "/nowhere/x", "cannot be written", id="recordings"),
        pytest.param("CLAUDE_PROXY_RECORD", "/etc/passwd", "is not a directory", id="a file"),
    ],
)
def test_bad_values(name: str, text: str, phrase: str) -> None:
    [problem] = problems({name: text})
    assert problem.startswith(f"{name}={text[:200]!r}"[:200])
    assert phrase in problem


@pytest.mark.parametrize(
    ("name", "text", "phrase"),
    [
        pytest.param("OPENAI_API_KEY", "sk-se\r\nx: y", "a line break", id="key with CR LF"),
        pytest.param("OPENAI_API_KEY", "sk-se cret", "contains a space", id="key with a blank"),
        pytest.param("OPENAI_API_KEY", "sk-se€", "non-ASCII", id="key outside latin-1"),
        pytest.param(
            "CLAUDE_PROXY_AUTH_KEY", "ok,sk-se\tx", "contains a space", id="one of the keys"
        ),
        pytest.param("CLAUDE_PROXY_AUTH_KEY", " , ", "contains no key", id="a comma is no key"),
        pytest.param(
            "OPENAI_BASE_URL", "https://u:sk-se@h/", "contains credentials", id="userinfo"
        ),
        pytest.param("OPENAI_BASE_URL", "ftp://h/?key=sk-se", "must begin", id="key in the query"),
        pytest.param("HTTPS_PROXY", "socks5://u:sk-se@p", "must begin with http", id="socks proxy"),
        pytest.param(
            "CLAUDE_PROXY_UPSTREAM_PROXY", "ftp://u:sk-se@p", "must begin", id="named once for two"
        ),
        pytest.param(
            "CUSTOM_HEADER_X_A", "sk-se\nb: c", "not allowed in a header", id="header injection"
        ),
        pytest.param("CUSTOM_HEADER_X_A", "sk-se€", "not allowed in a header", id="header charset"),
        pytest.param("CUSTOM_HEADER_X A", "sk-se", "not the name of a header", id="header name"),
    ],
)
def test_a_refused_secret_is_not_told(name: str, text: str, phrase: str) -> None:
    [problem] = problems({name: text})
    assert problem.startswith(name)
    assert phrase in problem
    assert "sk-se" not in problem


def test_settings_do_not_show_secrets() -> None:
    environ = {
        "OPENAI_API_KEY": "sk-secret-1",
        "CLAUDE_PROXY_AUTH_KEY": "sk-secret-2",
        "CUSTOM_HEADER_X": "sk-secret-3",
        "HTTPS_PROXY": "http://u:sk-secret-4@h",
    }
    assert "sk-secret" not in repr(load_settings(environ))


def test_a_header_of_the_connection_is_ignored_with_a_warning() -> None:
    settings = load_settings({"CUSTOM_HEADER_CONNECTION": "keep-alive", "CUSTOM_HEADER_X": ""})
    assert settings.custom_headers == ()
    assert settings.warnings == (
        "CUSTOM_HEADER_CONNECTION is ignored: the HTTP client sets CONNECTION itself",
    )


def test_the_environment_wins_over_a_header_in_the_file() -> None:
    settings = load_settings({"CUSTOM_HEADER_X_A": "1"}, dotenv={"CUSTOM_HEADER_X_A": "2"})
    assert settings.custom_headers == (("X-A", "1"),)


def test_a_passed_check_changes_nothing() -> None:
    settings = load_settings({"TIKTOKEN_MODEL": "x"}, checks={"tiktoken_model": str})
    assert settings.tiktoken_model == "x"
    assert load_settings({}, checks={"tiktoken_model": int}) == Settings()


NAMES = sorted({name for variable in VARIABLES for name in variable.names} - {"SSL_CERT_FILE"})


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30)))
def test_any_text_is_either_settings_or_named_problems(environ: dict[str, str]) -> None:
    found = resolve(environ, {}, {}, {})
    assert all(problem.startswith(tuple(environ)) for problem in found.problems)
    if not found.problems:
        assert isinstance(load_settings(environ), Settings)
