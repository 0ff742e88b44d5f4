"""Comments and quotes that ``docker run --env-file`` passes on (docs/features.md "Configuration")."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import load_settings

COMMENT = (
    "contains a comment (` #`): remove it, because docker's --env-file keeps comments and quotes; if it "
    "is part of the value, write that in quotes in .env"
)
QUOTE = (
    "begins or ends with a quote: remove the quotes, because docker's --env-file keeps comments and "
    "quotes"
)


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        pytest.param({"PORT": "8086 # comment"}, "port", 8086, id="number"),
        pytest.param({"PORT": "8086\t#comment\r"}, "port", 8086, id="tab and carriage return"),
        pytest.param({"CLAUDE_PROXY_STRICT": "true # yes"}, "strict", True, id="boolean"),
        pytest.param({"OPENAI_BASE_URL": "http://h # x"}, "openai_base_url", "http://h", id="URL"),
        pytest.param({"BIG_MODEL": '"m" # mine'}, "big_model", "m", id="quotes and a comment"),
        pytest.param({"BIG_MODEL": "'a # b'"}, "big_model", "a # b", id="in quotes it is meant"),
        pytest.param({"OPENAI_API_KEY": "'sk-1'"}, "openai_api_key", "sk-1", id="key in quotes"),
        pytest.param({"OPENAI_API_KEY": '"sk-1" # mine'}, "openai_api_key", "sk-1", id="and more"),
        pytest.param({"OPENAI_API_KEY": "sk#1"}, "openai_api_key", "sk#1", id="# in a key"),
        pytest.param({"OPENAI_API_KEY": "$2b$1.k"}, "openai_api_key", "$2b$1.k", id="$ in a key"),
        pytest.param(
            {"CUSTOM_HEADER_X": '"v" # mine'}, "custom_headers", (("X", "v"),), id="header"
        ),
        pytest.param(
            {"CUSTOM_HEADER_X": 'W/"v"'}, "custom_headers", (("X", 'W/"v"'),), id="quotes in it"
        ),
        pytest.param(
            {"CUSTOM_HEADER_X": '"Chromium";v="120"'},
            "custom_headers",
            (("X", '"Chromium";v="120"'),),
            id="several quoted parts",
        ),
    ],
)
def test_understood(environ: dict[str, str], field: str, value: object) -> None:
    assert getattr(load_settings(environ), field) == value


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        pytest.param("OPENAI_API_KEY", "sk-se # mine", COMMENT, id="key"),
        pytest.param("CLAUDE_PROXY_AUTH_KEY", "sk-se,b #c", COMMENT, id="one of the keys"),
        pytest.param("CLAUDE_PROXY_REDIS_URL", "redis://:sk-se@h # x", COMMENT, id="password"),
        pytest.param("OTEL_EXPORTER_OTLP_HEADERS", "a=sk-se # x", COMMENT, id="header list"),
        pytest.param("CUSTOM_HEADER_X", "sk-se # mine", COMMENT, id="header"),
        pytest.param("OPENAI_API_KEY", "'sk-se", QUOTE, id="half of the quotes"),
        pytest.param("CLAUDE_PROXY_AUTH_KEY", '"sk-a","sk-b"', QUOTE, id="keys in quotes"),
        pytest.param(
            "OPENAI_API_KEY",
            "Bearer sk-se",
            "begins with 'Bearer': write the key alone",
            id="a header's value",
        ),
        pytest.param(
            "OPENAI_API_KEY",
            "sk-se\nsk-se",
            "contains a line break: write the key in one line, and nothing else",
            id="two lines",
        ),
        pytest.param(
            "OPENAI_API_KEY",
            "sk-se,sk-se",
            "contains a comma: several keys are `api_keys` in a registry file",
            id="two keys",
        ),
        pytest.param(
            "OPENAI_API_KEY",
            "https://sk-se",
            "is a URL: write the key; the URL is OPENAI_BASE_URL",
            id="the URL",
        ),
        pytest.param(
            "OPENAI_API_KEY",
            "$SK_SE",
            "is a variable that nothing has replaced: write the key itself",
            id="another name of the shell",
        ),
        pytest.param(
            "OPENAI_API_KEY",
            "${SK_SE}",
            "is a variable that nothing has replaced: write the key itself",
            id="a name of the shell",
        ),
    ],
)
def test_refused_without_the_value(name: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({name: text})
    assert caught.value.problems == (f"{name} {problem}",)


def test_what_the_file_quotes_is_meant() -> None:
    settings = load_settings({}, dotenv={"BIG_MODEL": "a # b", "CUSTOM_HEADER_X": "v # w"})
    assert (settings.big_model, settings.custom_headers) == ("a # b", (("X", "v # w"),))


@pytest.mark.parametrize("name", ["CLAUDE_PROXY_LOG_FILE", "SSL_CERT_FILE", "CLAUDE_PROXY_RECORD"])
def test_a_path_is_never_cut(name: str, tmp_path: Path) -> None:
    text = f"{tmp_path}/log #1"
    with pytest.raises(ConfigError) as caught:
        load_settings({name: text})
    assert caught.value.problems == (f"{name}={text!r} {COMMENT}",)
    assert load_settings({}, dotenv={"CLAUDE_PROXY_LOG_FILE": text}).log_file == text
