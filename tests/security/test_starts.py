"""Output of starts and refused starts never holds a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import run_module
from tests.paths import ROOT
from tests.security import canaries
from tests.security.canaries import KEYS, UPSTREAMS
from tests.upstream_stub import UpstreamStub

GUNICORN = ["gunicorn", "-c", str(ROOT / "deploy" / "gunicorn.conf.py"), "wsgi:app"]
COMMANDS = {
    "--check": ["proxy.cli", "--check"],
    "--print-config": ["proxy.cli", "--print-config"],
    "gunicorn": GUNICORN,
}
GOOD = {
    "OPENAI_API_KEY": canaries.SERVER_KEY,
    "CLAUDE_PROXY_AUTH_KEY": f"{canaries.FRONT_KEY},{canaries.BYSTANDERS_KEY}",
    "CLAUDE_PROXY_REDIS_URL": f"redis://:{canaries.REDIS_PASSWORD}@127.0.0.1:9/0",
    "CLAUDE_PROXY_UPSTREAM_PROXY": f"http://user:{canaries.PROXY_PASSWORD}@127.0.0.1:9",
    "SENTRY_DSN": f"http://{canaries.SENTRY_KEY}@127.0.0.1:9/1",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_HEADERS": f"x-team={canaries.COLLECTOR_KEY}",
    "CUSTOM_HEADER_X_TEAM": canaries.OTHER_SERVER_KEY,
    "CLAUDE_PROXY_HOST": "127.0.0.1",
    "CLAUDE_PROXY_PORT": "0",
}
BAD = {
    "a key of two lines": {"OPENAI_API_KEY": f"{canaries.SERVER_KEY}\n{canaries.SERVER_KEY}"},
    "a key with an accent": {"OPENAI_API_KEY": f"é{canaries.SERVER_KEY}"},
    "a front key with a blank": {"CLAUDE_PROXY_AUTH_KEY": f"{canaries.FRONT_KEY} x"},
    "another database": {"CLAUDE_PROXY_REDIS_URL": f"mysql://:{canaries.REDIS_PASSWORD}@h/0"},
    "a port of words": {"CLAUDE_PROXY_REDIS_URL": f"redis://:{canaries.REDIS_PASSWORD}@h:x/0"},
    "another proxy": {"CLAUDE_PROXY_UPSTREAM_PROXY": f"ftp://u:{canaries.PROXY_PASSWORD}@h"},
    "a DSN that is none": {"SENTRY_DSN": canaries.SENTRY_KEY},
    "headers without names": {"OTEL_EXPORTER_OTLP_HEADERS": canaries.COLLECTOR_KEY},
    "a base with userinfo": {"OPENAI_BASE_URL": f"http://u:{canaries.SERVER_KEY}@h/v1"},
    "a base with a query": {"OPENAI_BASE_URL": f"ftp://h/v1?key={canaries.SERVER_KEY}"},
    "a header of two lines": {"CUSTOM_HEADER_X_TEAM": f"{canaries.OTHER_SERVER_KEY}\nx: y"},
    "something else": {"CLAUDE_PROXY_PORT": "many"},
}


def said_by(command: list[str], directory: Path, environ: dict[str, str]) -> tuple[int, str]:
    """Exit code and everything that was written."""
    done = run_module(directory, *command, environ=environ)
    return done.returncode, done.stdout + done.stderr


def keys_in(text: str) -> list[str]:
    return [key for key in KEYS if key in text]


@pytest.mark.parametrize("command", ["--check", "gunicorn"])
@pytest.mark.parametrize("fault", BAD)
@pytest.mark.long(except_every=5)
def test_a_refused_start_tells_no_key(tmp_path: Path, command: str, fault: str) -> None:
    code, text = said_by(COMMANDS[command], tmp_path, GOOD | BAD[fault])
    assert code != 0
    assert text
    assert keys_in(text) == []


@pytest.mark.parametrize("command", ["--check", "--print-config"])
@pytest.mark.long(except_every=2)
def test_a_good_configuration_tells_no_key(tmp_path: Path, command: str) -> None:
    code, text = said_by(COMMANDS[command], tmp_path, GOOD)
    assert code == 0
    assert text
    assert keys_in(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "api_key: 'a b {key}'",
        "api_keys: {{{key}: {key}}}",
        "api_keyy: {key}",
        "extra_headers: {{x-token: [{key}]}}",
        "extra_headers: {{'x token': {key}}}",
        "proxy: ftp://u:{key}@h",
        "api_key: {key}\n    api_key: {key}",
        'api_key: "{key}',
    ],
)
@pytest.mark.long(except_every=4)
def test_a_refused_registry_tells_no_key(tmp_path: Path, line: str) -> None:
    path = tmp_path / "providers.yaml"
    words = line.format(key=canaries.SERVER_KEY)
    path.write_text(
        f"providers:\n  - name: one\n    base_url: http://h/v1\n    {words}\n"
        "    models:\n      - id: m\n",
        "utf-8",
    )
    environ = GOOD | {"CLAUDE_PROXY_CONFIG": str(path)}
    code, text = said_by(COMMANDS["--check"], tmp_path, environ)
    assert code != 0
    assert keys_in(text) == []


@pytest.mark.parametrize(
    "behaviour", ["says 401 and repeats", "repeats the key", "answers in words", "streams an error"]
)
@pytest.mark.long(except_every=4)
def test_doctor_tells_no_key(tmp_path: Path, upstream: UpstreamStub, behaviour: str) -> None:
    upstream.default = UPSTREAMS[behaviour]
    environ = {"OPENAI_API_KEY": canaries.SERVER_KEY, "OPENAI_BASE_URL": upstream.base_url}
    code, text = said_by(["proxy.cli", "doctor", "--model", "m"], tmp_path, environ)
    assert upstream.requests
    assert text
    assert keys_in(text) == []
    assert code in (0, 1)
