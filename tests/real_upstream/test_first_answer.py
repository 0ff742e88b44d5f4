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
from threading import Timer
from typing import Any

import pytest

from tests.claude_code.client import installed_program
from tests.live import START_SECONDS, free_port
from tests.paths import ROOT
from tests.waiting import until

INIT = "claude-proxy init --provider ollama --base-url {upstream}/v1 --yes --claude-code"
START = "claude-proxy"
SHORT = "--tools '' --system-prompt 'Be brief.'"
"""Claude Code's whole prompt has 72,000 bytes, and a token of this model is about one byte: it would
take minutes. The client, its settings and its request are otherwise the usual ones."""
ASK = f"claude -p hello {SHORT} --output-format stream-json --include-partial-messages --verbose"
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


def _first_text(line: str, environ: dict[str, str], folder: Path) -> str:
    """The first piece of text that Claude Code shows; the model's noise has no end to wait for."""
    with subprocess.Popen(
        ["sh", "-c", f"exec {line}"],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        too_long = Timer(SECONDS, process.kill)
        too_long.start()
        try:
            texts = (_text_of(json.loads(line)) for line in process.stdout)
            return next(filter(None, texts), "")
        finally:
            too_long.cancel()
            process.kill()


def _text_of(message: dict[str, Any]) -> str:
    """The text in a line of Claude Code's output, if it is an event with text."""
    event = message.get("event", {}) if message["type"] == "stream_event" else {}
    delta = event.get("delta", {}) if event.get("type") == "content_block_delta" else {}
    return str(delta.get("text", ""))


@pytest.mark.long
def test_three_commands(
    llama_url: str, shell_environment: dict[str, str], started: Path, tmp_path: Path
) -> None:
    done = _typed(INIT.format(upstream=llama_url), shell_environment, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert oct((tmp_path / ".env").stat().st_mode & 0o777) == "0o600"

    _typed(f"{START} >log 2>&1 & echo $! >pid", shell_environment, tmp_path)
    until(lambda: "Listening on" in started.read_text(), "not started", START_SECONDS)

    assert _first_text(ASK, shell_environment, tmp_path), started.read_text()
