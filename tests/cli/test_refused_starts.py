"""What the machine refuses: one line that says what to do, and an exit code that is not 0.

Both ways to start are asked. Tests may run as root, whom no permission stops: what cannot be
written here lies below a file, or on a file system that takes no files.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli.errors import FAILED, REFUSED
from tests.cli.command import run_module
from tests.paths import ROOT

COMMANDS = {
    "claude-proxy": ["proxy.cli"],
    "gunicorn": ["gunicorn", "-c", str(ROOT / "deploy" / "gunicorn.conf.py"), "wsgi:app"],
}


@pytest.fixture(params=["claude-proxy", pytest.param("gunicorn", marks=pytest.mark.long)])
def command(request: pytest.FixtureRequest) -> list[str]:
    return COMMANDS[request.param]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refusal(command: list[str], directory: Path, variables: dict[str, str]) -> tuple[int, str]:
    """Exit code and the one line that was written."""
    environ = {"CLAUDE_PROXY_HOST": "127.0.0.1", "CLAUDE_PROXY_PORT": "0", **variables}
    done = run_module(directory, *command, environ=environ)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stdout + done.stderr
    assert done.stderr.startswith("claude-proxy: ")
    return done.returncode, done.stderr.removeprefix("claude-proxy: ").rstrip()


def test_a_port_in_use(command: list[str], taken_port: int, tmp_path: Path) -> None:
    assert refusal(command, tmp_path, {"CLAUDE_PROXY_PORT": str(taken_port)}) == (
        REFUSED,
        f"127.0.0.1:{taken_port} is in use: stop the program that listens there, "
        "or choose another port with --port or CLAUDE_PROXY_PORT",
    )


def test_somebody_elses_address(command: list[str], tmp_path: Path) -> None:
    code, line = refusal(command, tmp_path, {"CLAUDE_PROXY_HOST": "192.0.2.1"})
    assert code == REFUSED
    assert line.startswith("cannot listen on 192.0.2.1:0 (")
    assert line.endswith("): choose another address with --host")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("file/log", "Not a directory", id="below a file"),
        pytest.param("gone/log", "No such file or directory", id="no directory"),
        pytest.param("/proc/log", "No such file or directory", id="no place for files"),
    ],
)
def test_a_log_file_in_a_directory_that_cannot_be_written(
    path: str, reason: str, command: list[str], tmp_path: Path
) -> None:
    if path.startswith("/proc") and not os.path.isdir("/proc/self"):
        pytest.skip("this machine has no /proc")
    (tmp_path / "file").touch()
    assert refusal(command, tmp_path, {"CLAUDE_PROXY_LOG_FILE": path}) == (
        FAILED,
        f"bad configuration: CLAUDE_PROXY_LOG_FILE={path!r} cannot be written ({reason}): "
        "name a file in a directory that this user may write to",
    )


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        pytest.param("gone.pem", "cannot be read: No such file or directory", id="missing"),
        pytest.param("key.pem", "contains no certificates in PEM form", id="no certificate"),
        pytest.param(
            "directory",
            "is a directory without certificates under hashed names: run `openssl rehash` on it",
            id="directory that OpenSSL sees nothing in",
        ),
    ],
)
@pytest.mark.long(except_every=2)
def test_a_wrong_certificate(name: str, phrase: str, command: list[str], tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n")
    (tmp_path / "directory").mkdir()
    assert refusal(command, tmp_path, {"CLAUDE_PROXY_CA_BUNDLE": name}) == (
        FAILED,
        f"bad configuration: CLAUDE_PROXY_CA_BUNDLE={name!r} {phrase}",
    )


def test_a_dotenv_that_is_no_text(command: list[str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    assert refusal(command, tmp_path, {}) == (
        FAILED,
        "bad configuration: .env: not UTF-8 text: save it as UTF-8",
    )


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        pytest.param("gone.yaml", "does not exist", id="missing"),
        pytest.param("directory", "is not a file", id="directory"),
    ],
)
def test_a_registry_that_is_not_there(
    name: str, phrase: str, command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "directory").mkdir()
    assert refusal(command, tmp_path, {"CLAUDE_PROXY_CONFIG": name}) == (
        FAILED,
        f"bad configuration: CLAUDE_PROXY_CONFIG={name!r} {phrase}",
    )


@pytest.mark.long(except_every=2)
def test_files_that_cannot_be_read(command: list[str], tmp_path: Path) -> None:
    # Whoever opens it gets an error with the first byte, root as well.
    unreadable = "/proc/self/mem"
    if not os.path.exists(unreadable):
        pytest.skip("this machine has no /proc")
    code, line = refusal(command, tmp_path, {"CLAUDE_PROXY_CONFIG": unreadable})
    assert (code, line) == (
        FAILED,
        f"bad configuration: {unreadable}: cannot be read: Input/output error",
    )
    (tmp_path / ".env").symlink_to(unreadable)
    assert refusal(command, tmp_path, {}) == (
        FAILED,
        "bad configuration: .env: cannot be read: Input/output error",
    )
