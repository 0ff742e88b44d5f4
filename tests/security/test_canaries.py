"""Canaries in every request, setting and refusal, and everything that the program wrote.

Three rules (docs/features.md "Logs"): no key is written at any level nor told to anybody; what
clients and models say, names and types included, is not written at INFO, at DEBUG only where an
upstream's refusal quotes it; nothing of one client reaches another.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live import LiveProxy, live_proxy
from tests.redis_server import RedisServer, redis_server
from tests.security import canaries
from tests.security.canaries import (
    BYSTANDERS_KEY,
    CLIENT_KEY,
    EVERYTHING,
    FRONT_KEY,
    HARMLESS,
    KEYS,
    OPERATORS,
    PLANTED,
    UPSTREAMS,
    WRONG_KEY,
    echo,
    malformed,
    requests,
    said,
    served,
)
from tests.security.wire import exchange, request
from tests.upstream_stub import Recorded, Script, UpstreamStub, json_answer
from tests.waiting import until

QUOTES = ("message of the upstream: ",)
"""What a DEBUG line that may quote an upstream has in it."""
NOBODY = "127.0.0.1:9"
REPORTS = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{NOBODY}",
    "OTEL_EXPORTER_OTLP_HEADERS": f"x-team={canaries.COLLECTOR_KEY}",
    "SENTRY_DSN": f"http://{canaries.SENTRY_KEY}@{NOBODY}/1",
}
CALLING = ("whole", "stream", "count", "models", "test-connection", "as a bearer")
"""The requests that are tried at every upstream; the others at one that answers."""


@dataclass(frozen=True)
class Mode:
    """A way to run it."""

    environ: Callable[[UpstreamStub, Path], dict[str, str]]
    key: str = FRONT_KEY
    bystanders_key: str = BYSTANDERS_KEY
    base: Callable[[UpstreamStub], str] = field(default=lambda _: "")


def fixed(upstream: UpstreamStub, _: Path) -> dict[str, str]:
    return REPORTS | {
        "OPENAI_BASE_URL": "http://upstream.test/v1",
        "CLAUDE_PROXY_UPSTREAM_PROXY": f"http://user:{canaries.PROXY_PASSWORD}@localhost:{upstream.port}",
        "OPENAI_API_KEY": canaries.SERVER_KEY,
        "CLAUDE_PROXY_AUTH_KEY": f"{FRONT_KEY},{BYSTANDERS_KEY}",
        "CUSTOM_HEADER_X_TEAM_TOKEN": canaries.OTHER_SERVER_KEY,
        "CLAUDE_PROXY_REDIS_URL": f"redis://:{canaries.REDIS_PASSWORD}@{NOBODY}/0",
        "CLAUDE_PROXY_RATE_LIMIT_RPM": "100000",
        "CLAUDE_PROXY_TOKEN_COUNTING": "upstream",
    }


def passthrough(upstream: UpstreamStub, _: Path) -> dict[str, str]:
    return REPORTS | {"OPENAI_BASE_URL": upstream.base_url}


def native(upstream: UpstreamStub, directory: Path) -> dict[str, str]:
    path = directory / "providers.yaml"
    path.write_text(
        f"providers:\n  - name: native\n    base_url: {upstream.origin}\n    direct: true\n"
        f"    api_key: {canaries.SERVER_KEY}\n"
        f"    extra_headers: {{x-team-token: {canaries.OTHER_SERVER_KEY}}}\n"
        "    models:\n      - id: claude-sonnet-5\n        remote_id: up-model\n",
        "utf-8",
    )
    return REPORTS | {
        "CLAUDE_PROXY_CONFIG": str(path),
        "CLAUDE_PROXY_AUTH_KEY": f"{FRONT_KEY},{BYSTANDERS_KEY}",
    }


def dynamic(upstream: UpstreamStub, _: Path) -> dict[str, str]:
    return REPORTS | {
        "OPENAI_API_KEY": canaries.SERVER_KEY,
        "OPENAI_BASE_URL": f"http://{NOBODY}/v1",
        "CLAUDE_PROXY_ALLOWED_HOSTS": f"127.0.0.1:{upstream.port}",
    }


MODES = {
    "fixed key": Mode(fixed),
    "passthrough": Mode(passthrough, CLIENT_KEY, "bystanders-own-key"),
    "native": Mode(native),
    "dynamic": Mode(
        dynamic, CLIENT_KEY, "bystanders-own-key", lambda up: f"/http/127.0.0.1:{up.port}"
    ),
}
LOGS = {
    "debug, text": {"LOG_LEVEL": "debug", "CLAUDE_PROXY_LOG_FORMAT": "text"},
    "debug, json": {"LOG_LEVEL": "debug", "CLAUDE_PROXY_LOG_FORMAT": "json"},
    "info, text": {"LOG_LEVEL": "info", "CLAUDE_PROXY_LOG_FORMAT": "text"},
    "info, json, file": {"LOG_LEVEL": "info", "CLAUDE_PROXY_LOG_FORMAT": "json"},
}
RUNS = [
    ("fixed key", "debug, text"),
    ("fixed key", "info, json, file"),
    ("passthrough", "debug, json"),
    ("passthrough", "info, text"),
    ("native", "debug, json"),
    ("native", "info, text"),
    ("dynamic", "debug, text"),
    ("dynamic", "info, json, file"),
]


@dataclass
class Run:
    """The program with canaries, and what came out of it."""

    proxy: LiveProxy
    upstream: UpstreamStub
    mode: Mode
    directory: Path
    told: list[tuple[str, bytes]] = field(default_factory=list)
    """What the client with the canaries was answered, by what it asked."""
    overheard: list[tuple[str, bytes]] = field(default_factory=list)
    """What anybody else was answered afterwards."""

    def ask(self, name: str, raw: bytes, behaviour: str = "answers") -> None:
        """One request of the client, and what the next one gets to see."""
        self.upstream.default = UPSTREAMS[behaviour]
        self.told.append((f"{name}, {behaviour}", exchange(self.proxy.port, raw)))
        self.upstream.default = plain
        answer = exchange(
            self.proxy.port, self._of_another("POST", "/v1/messages", said("user", "x"))
        )
        self.overheard.append((f"behind {name}, {behaviour}", answer))

    def look_around(self) -> None:
        """Everything that another client can ask for."""
        self.upstream.default = plain
        for path in ("/metrics", "/v1/stats", "/", "/status", "/openapi.json", "/test-connection"):
            self.overheard.append((path, exchange(self.proxy.port, self._of_another("GET", path))))
        wrong = self._of_another("POST", "/v1/messages", b"{")
        self.overheard.append(("a mistake", exchange(self.proxy.port, wrong)))

    def _of_another(self, method: str, path: str, body: bytes = b"") -> bytes:
        base = self.mode.base(self.upstream) if path.startswith("/v1/messages") else ""
        return request(method, base + path, body, x_api_key=self.mode.bystanders_key)

    def lines(self) -> list[str]:
        """What was written to the log, wherever it went."""
        text = self.proxy.log()
        for path in self._files():
            if path.suffix == ".log":
                text += path.read_text("utf-8")
        return text.splitlines()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """What lies in its directories, but for the log and its settings."""
        for path in self._files():
            if path.suffix not in (".log", ".yaml"):
                yield path.name, path.read_bytes()

    def command_lines(self) -> bytes:
        pids = (self.proxy.process.pid, *self.proxy.worker_pids())
        return b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)

    def _files(self) -> list[Path]:
        directories = (self.directory, self.proxy.log_path.parent)
        return sorted(
            path
            for directory in directories
            for path in directory.rglob("*")
            if path.is_file() and path != self.proxy.log_path
        )


def plain(recorded: Recorded) -> Script:
    """What a bystander's upstream says: nothing of the canaries."""
    return served(recorded, HARMLESS)


@contextmanager
def run(mode: Mode, log: str, directory: Path, **more: str) -> Iterator[Run]:
    upstream = UpstreamStub()
    metrics, files = directory / "metrics", directory / "files"
    files.mkdir()
    environ = mode.environ(upstream, directory) | {
        "CLAUDE_PROXY_BODY_TIMEOUT": "0.5",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "TMPDIR": str(files),
        **LOGS[log],
        **more,
    }
    if "file" in log:
        environ["CLAUDE_PROXY_LOG_FILE"] = str(directory / "proxy.log")
    try:
        with live_proxy(environ) as proxy:
            yield Run(proxy, upstream, mode, directory)
    finally:
        upstream.close()


def play(running: Run) -> None:
    """Every request, every upstream."""
    asked = requests(running.mode.key, running.mode.base(running.upstream))
    for name, raw in asked.items():
        running.ask(name, raw)
    for behaviour in UPSTREAMS:
        for name in CALLING:
            if name in asked:
                running.ask(name, asked[name], behaviour)
    for name, raw in malformed(running.mode.key).items():
        running.ask(name, raw)
    running.look_around()


def found(
    canary_words: Iterable[str], places: Iterable[tuple[str, bytes]]
) -> list[tuple[str, str]]:
    return [
        (place, word) for place, data in places for word in canary_words if word.encode() in data
    ]


def _refusals(told: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Without what a native upstream said with 2xx: it is passed on byte for byte."""
    return [(name, data) for name, data in told if not data.startswith(b"HTTP/1.1 2")]


def mode_keeps(mode: str) -> tuple[str, ...]:
    """The keys that no upstream may be sent."""
    never = (canaries.REDIS_PASSWORD, canaries.SENTRY_KEY, canaries.COLLECTOR_KEY)
    if mode in ("fixed key", "native"):
        return (*never, FRONT_KEY, BYSTANDERS_KEY, WRONG_KEY)
    return (*never, canaries.SERVER_KEY)


@pytest.mark.parametrize(("mode", "log"), RUNS, ids=str)
@pytest.mark.long(except_every=3)
def test_no_canary_is_where_it_should_not_be(mode: str, log: str, tmp_path: Path) -> None:
    with run(MODES[mode], log, tmp_path) as running:
        play(running)
        lines = running.lines()
        written = [(line, line.encode()) for line in lines]
        quoting = [line for line in lines if any(words in line for words in QUOTES)]
        silent = [(line, line.encode()) for line in lines if line not in set(quoting)]
        files = list(running.files())
        commands = running.command_lines()
        sent = [(r.target, echo(r).encode()) for r in running.upstream.requests]
        statuses = {name: data[9:12] for name, data in running.told}
    # It looked where something is.
    assert len(lines) > len(running.told)
    assert any(name.endswith(".db") and data for name, data in files)
    assert bool(quoting) == log.startswith("debug")
    assert {b"200", b"400", b"401", b"404", b"408", b"502"} <= set(statuses.values())
    reached = [data[9:12] for name, data in running.overheard if name.startswith("behind")]
    assert set(reached) == {b"200"}

    assert found(KEYS, written) == []
    assert found((*PLANTED, *canaries.NAMES.values()), silent) == []
    assert found(EVERYTHING, files) == []
    assert found(KEYS, [("command line", commands)]) == []
    assert found(OPERATORS, running.told if mode != "native" else _refusals(running.told)) == []
    assert found(EVERYTHING, running.overheard) == []
    assert found(mode_keeps(mode), sent) == []


SHORT = {"OPENAI_API_KEY": "qzx7", "CLAUDE_PROXY_AUTH_KEY": "wvk", "CUSTOM_HEADER_X_TEAM": "jq"}


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.long(except_every=2)
def test_a_key_of_any_length_is_in_no_line(log_format: str, tmp_path: Path) -> None:
    upstream = UpstreamStub(default=lambda r: json_answer({"error": {"message": echo(r)}}, 400))
    environ = SHORT | {
        "OPENAI_BASE_URL": upstream.base_url,
        "LOG_LEVEL": "debug",
        "CLAUDE_PROXY_LOG_FORMAT": log_format,
        "CLAUDE_PROXY_LOG_BODY_MAX_CHARS": "4000",
    }
    keys = [key for name, key in SHORT.items() if "HEADER" not in name]
    with live_proxy(environ) as proxy:
        for body in (said("user", "my key is wvk"), said("user", "and qzx7, said the upstream")):
            raw = request("POST", "/v1/messages", body, x_api_key="wvk")
            assert exchange(proxy.port, raw).startswith(b"HTTP/1.1 400")
        # A reload shows gunicorn's settings again.
        proxy.process.send_signal(signal.SIGHUP)
        until(lambda: proxy.log().count("Current configuration") == 2, "not reloaded")
        lines = until_ended(proxy).splitlines()
    upstream.close()
    assert any("said the upstream" in line for line in lines)
    assert any(QUOTES[0] in line and "Bearer ***" in line for line in lines)
    assert [line for line in lines if any(re.search(rf"\b{key}\b", line) for key in keys)] == []


def until_ended(proxy: LiveProxy) -> str:
    """All that it wrote."""
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait(60)
    return proxy.log()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server(canaries.REDIS_PASSWORD) as server:
        yield server


def test_what_machines_share_holds_no_canary(redis: RedisServer, tmp_path: Path) -> None:
    url = {"CLAUDE_PROXY_REDIS_URL": redis.url}
    with run(MODES["fixed key"], "debug, text", tmp_path, **url) as running:
        for name, raw in requests(FRONT_KEY).items():
            running.ask(name, raw)
        client = redis.client
        held = [(key, key.encode()) for key in client.scan_iter()]
        for key, _ in list(held):
            held.append((key, client.dump(key) or b""))
        redis.stop()
        for name in CALLING:
            running.ask(name, requests(FRONT_KEY)[name])
        lines = [(line, line.encode()) for line in running.lines()]
    assert held
    assert found(EVERYTHING, held) == []
    assert found(KEYS, lines) == []
