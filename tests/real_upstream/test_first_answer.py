"""From an installed command to the first streamed answer of Claude Code: three commands.

Rule: the commands are those of the README, typed into a shell with an empty home; the upstream is
llama.cpp's server. Installing the command is not part of it (``make run`` and the packages have
tests of their own).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claude_code.client import installed_program
from tests.live import START_SECONDS, free_port
from tests.paths import ROOT
from tests.waiting import until

INIT = "claude-proxy init --provider ollama --base-url {upstream}/v1 --yes --claude-code"
START = "claude-proxy"
ASK = "claude -p hello --output-format stream-json --include-partial-messages --verbose"
SECONDS = 120


@pytest.fixture
def shell_environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, with ``claude`` and ``claude-proxy`` on PATH and a free port."""
    program = installed_program()
    if program is None:
        pytest.skip("Claude Code is not installed in .venv (make programs installs it)")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "claude").symlink_to(program)
    command = f'#!/bin/sh\nexec "{sys.executable}" -m proxy "$@"\n'
    (programs / "claude-proxy").write_text(command)
    (programs / "claude-proxy").chmod(0o755)
    return {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PORT": str(free_port()),
        "NO_PROXY": "127.0.0.1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        **{name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")},
    }


@pytest.fixture
def started(shell_environment: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """The log of the service, which starts with the settings that are there when it is first read."""
    log = tmp_path / "log"
    yield log
    if (pid := tmp_path / "pid").exists():
        os.kill(int(pid.read_text()), signal.SIGTERM)


def _typed(line: str, environ: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.long
def test_three_commands(
    wide_llama_url: str, shell_environment: dict[str, str], started: Path, tmp_path: Path
) -> None:
    done = _typed(INIT.format(upstream=wide_llama_url), shell_environment, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert oct((tmp_path / ".env").stat().st_mode & 0o777) == "0o600"

    _typed(f"{START} >log 2>&1 & echo $! >pid", shell_environment, tmp_path)
    until(lambda: "Listening on" in started.read_text(), "not started", START_SECONDS)

    answer = _typed(ASK, shell_environment, tmp_path)
    events = [json.loads(line) for line in answer.stdout.splitlines()]
    deltas = [
        event["event"]["delta"].get("text", "")
        for event in events
        if event["type"] == "stream_event" and event["event"]["type"] == "content_block_delta"
    ]
    # The model's weights are random: what counts is that its text arrives in pieces.
    assert "".join(deltas), answer.stdout[-3000:] + started.read_text()
