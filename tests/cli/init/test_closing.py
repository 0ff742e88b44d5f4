"""The line that starts the proxy, as it is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from proxy.cli.init.closing import start_line
from proxy.cli.init.targets import DotenvTarget, RegistryTarget
from proxy.cli.program import program

REGISTRY = RegistryTarget(Path("my file.yaml"))


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / ".venv" / "bin" / "claude-proxy")])
    return tmp_path


def test_an_installed_command(directory: Path) -> None:
    command = directory / "bin" / "claude-proxy"
    command.parent.mkdir()
    command.touch(0o755)
    assert start_line(DotenvTarget()) == "claude-proxy"
    assert start_line(REGISTRY) == "claude-proxy --config 'my file.yaml'"


def test_a_clone(directory: Path) -> None:
    for name in ("Makefile", "wsgi.py"):
        (directory / name).touch()
    assert start_line(DotenvTarget()) == "make run"
    assert start_line(REGISTRY) == "CLAUDE_PROXY_CONFIG='my file.yaml' make run"
    assert program() == ".venv/bin/claude-proxy"


def test_a_command_that_is_not_on_the_path(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start_line(REGISTRY) == ".venv/bin/claude-proxy --config 'my file.yaml'"
    monkeypatch.setattr(sys, "argv", ["/opt/the venv/bin/claude-proxy"])
    assert start_line(DotenvTarget()) == "'/opt/the venv/bin/claude-proxy'"
    monkeypatch.setattr(sys, "argv", ["/opt/proxy/cli/__main__.py"])
    assert start_line(DotenvTarget()) == f"{sys.executable} -m proxy.cli"
