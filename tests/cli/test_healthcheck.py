"""``claude-proxy healthcheck`` against the real service, and against whatever else may listen."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from proxy.cli.healthcheck import SECONDS
from tests.cli.command import environment, run, started
from tests.live import free_port, live_proxy

NOBODY = "http://127.0.0.1:9"
ANSWER = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def at(port: int, host: str = "127.0.0.1") -> dict[str, str]:
    return {"CLAUDE_PROXY_HOST": host, "CLAUDE_PROXY_PORT": str(port)}


@contextmanager
def peer(*pieces: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server's port: to each request it sends ``pieces`` with pauses between, then hangs."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def answer() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                    over.wait(pause)
                over.wait(120)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_the_running_service_is_healthy_and_ready(tmp_path: Path) -> None:
    locked = {"OPENAI_API_KEY": "sk-upstream", "CLAUDE_PROXY_AUTH_KEY": "secret"}
    through_nobody = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), NOBODY)
    with live_proxy(locked) as proxy:
        for option, path in (((), "/health"), (("--ready",), "/readyz")):
            done = run(tmp_path, "healthcheck", *option, environ=at(proxy.port) | through_nobody)
            assert (done.returncode, done.stdout, done.stderr) == (
                0,
                f"http://127.0.0.1:{proxy.port}{path} answered 200\n",
                "",
            )


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        pytest.param("0.0.0.0", "127.0.0.1", id="all of IPv4"),
        pytest.param("::", "[::1]", id="all of IPv6", marks=pytest.mark.long),
        pytest.param("::1", "[::1]", id="one of IPv6", marks=pytest.mark.long),
        pytest.param("localhost", "localhost", id="name"),
    ],
)
def test_it_asks_where_the_service_listens(host: str, asked: str, tmp_path: Path) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    port = free_port()
    options = ("--workers", "1")
    with started(tmp_path, *options, environ=at(port, host)) as service:
        service.wait_for("Listening on")
        done = run(tmp_path, "healthcheck", environ=at(port, host))
    assert (done.returncode, done.stdout) == (0, f"http://{asked}:{port}/health answered 200\n")


def _has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.parametrize(
    "where",
    [
        "option",
        pytest.param("option before the command", marks=pytest.mark.long),
        pytest.param("environment", marks=pytest.mark.long),
        pytest.param(".env", marks=pytest.mark.long),
        "registry",
    ],
)
def test_it_looks_for_the_port_where_the_service_does(where: str, tmp_path: Path) -> None:
    arguments: tuple[str, ...] = ("healthcheck",)
    environ = {}
    with peer(ANSWER % b"200 OK") as port:
        if where == "option":
            arguments = ("healthcheck", "--port", str(port))
        elif where == "option before the command":
            arguments = ("--port", str(port), "healthcheck")
        elif where == "environment":
            environ = {"PORT": str(port)}
        elif where == ".env":
            (tmp_path / ".env").write_text(f"CLAUDE_PROXY_PORT={port}\n")
        else:
            registry = f"port: {port}\nproviders: [{{base_url: 'http://127.0.0.1:9/v1'}}]\n"
            (tmp_path / "providers.yaml").write_text(registry)
            environ = {"CLAUDE_PROXY_CONFIG": "providers.yaml"}
        done = run(tmp_path, *arguments, environ=environ)
    assert (done.returncode, done.stdout) == (0, f"http://127.0.0.1:{port}/health answered 200\n")


def test_other_settings_may_be_bad(tmp_path: Path) -> None:
    # The service runs on with those it read before somebody edited the file.
    (tmp_path / ".env").write_text("CLAUDE_PROXY_WORKERS=0\nCLAUDE_PROXY_CONFIG=/nowhere.yaml\n")
    with peer(ANSWER % b"200 OK") as port:
        done = run(tmp_path, "healthcheck", environ=at(port))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("pieces", "pause", "reason"),
    [
        pytest.param([ANSWER % b"503 Busy"], 0, "answered 503", id="not well"),
        pytest.param(
            [ANSWER % b"302 Found"], 0, "answered 302", id="redirect", marks=pytest.mark.long
        ),
        pytest.param([b"220 mail\r\n"], 0, "did not answer in HTTP", id="mail"),
        pytest.param([b""], 0, "did not answer within 3 s", id="silence", marks=pytest.mark.long),
        pytest.param([b"H", *[b"T"] * 300], 0.2, "did not answer within 3 s", id="drip"),
    ],
)
def test_whoever_else_answers_is_unhealthy(
    pieces: list[bytes], pause: float, reason: str, tmp_path: Path
) -> None:
    with peer(*pieces, pause=pause) as port:
        begun = time.monotonic()
        done = run(tmp_path, "healthcheck", environ=at(port))
        seconds = time.monotonic() - begun
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"claude-proxy: http://127.0.0.1:{port}/health {reason}\n"
    # The start of Python is on top; the drip alone would take a minute.
    assert seconds < SECONDS + 40


def test_nobody_there(tmp_path: Path) -> None:
    port = free_port()
    done = run(tmp_path, "healthcheck", environ=at(port))
    assert (done.returncode, done.stderr) == (
        1,
        f"claude-proxy: http://127.0.0.1:{port}/health cannot be reached: "
        f"{os.strerror(errno.ECONNREFUSED)}\n",
    )


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        pytest.param("0", "PORT=0 selects any free port, which this command cannot find", id="any"),
        pytest.param("x", "CLAUDE_PROXY_PORT='x' must be a whole number from 0 to", id="no number"),
    ],
)
def test_a_port_that_is_none(port: str, reason: str, tmp_path: Path) -> None:
    done = run(tmp_path, "healthcheck", environ={"CLAUDE_PROXY_PORT": port})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert reason in done.stderr


HEAVY = (
    "flask",
    "gevent",
    "gunicorn",
    "requests",
    "urllib3",
    "yaml",
    "tiktoken",
    "redis",
    "orjson",
)
"""Packages of which each takes longer to import than the whole check may."""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("healthcheck",), 1, id="healthcheck"),
        pytest.param(("healthcheck", "--help"), 0, id="its help"),
        pytest.param(("--version",), 0, id="version"),
        pytest.param(("--help",), 0, id="help"),
    ],
)
def test_what_runs_often_imports_nothing_that_takes_long(
    arguments: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    program = (
        "import sys; from proxy.cli.main import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as exit: code = exit.code\n"
        f"print('imported:', *(set({HEAVY!r}) & sys.modules.keys())); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=tmp_path,
        env=environment(tmp_path, at(free_port())),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, "imported:"), done.stderr
