"""The Claude Code program as a subprocess that can reach nothing but the proxy under test.

Rule: every run has a fresh home and no variable of the caller's; all other traffic is sent to a
closed port, so that nothing leaves the machine.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.paths import ROOT

VERSION = "2.1.197"
"""What docs/decisions.md and the Makefile install; the wire facts were measured with it."""
INSTALLED_IN = ROOT / ".venv" / "claude-code"
RUN_SECONDS = 180.0
AUTO_MODE = ("--permission-mode", "auto")


def installed_program() -> Path | None:
    """The program inside the npm package for this platform, None when it is not installed."""
    packages = INSTALLED_IN / "node_modules" / "@anthropic-ai"
    return next(iter(sorted(packages.glob("claude-code-*/claude"))), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one headless run printed: every message it saw, the last one being its result."""

    messages: list[dict[str, Any]]
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        return self.messages[-1]

    @property
    def text(self) -> str:
        """The final answer."""
        return str(self.result["result"])

    def blocks(self, role: str, kind: str) -> list[dict[str, Any]]:
        """Content blocks of one type in the messages of ``role``, in order."""
        contents = [m["message"]["content"] for m in self.messages if m["type"] == role]
        return [
            block
            for content in contents
            if isinstance(content, list)
            for block in content
            if block["type"] == kind
        ]


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """Claude Code in a working directory of its own, pointed at one proxy."""

    program: Path
    proxy_url: str
    key: str
    home: Path
    directory: Path

    def environment(self) -> dict[str, str]:
        """A bare environment in which only the proxy can be reached."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "TERM": "xterm-256color",
            "ANTHROPIC_BASE_URL": self.proxy_url,
            "ANTHROPIC_AUTH_TOKEN": self.key,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "2",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            "IS_SANDBOX": "1",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
        }

    def run(
        self,
        prompt: str,
        *options: str,
        environ: Mapping[str, str] | None = None,
        auto_mode: bool = False,
    ) -> Outcome:
        """One headless run; ``prompt`` may be a slash command.

        ``auto_mode``: the model judges what may be done; else everything may be.
        """
        if auto_mode:
            environ = {"CLAUDE_CODE_ENABLE_AUTO_MODE": "1", **(environ or {})}
        permissions = AUTO_MODE if auto_mode else ("--dangerously-skip-permissions",)
        command: Sequence[str] = [
            str(self.program),
            "-p",
            prompt,
            "--output-format",
            "json",
            "--verbose",
            *permissions,
            *options,
        ]
        # Files, since the client exits before a pipe has taken all of a long output.
        with TemporaryFile() as printed, TemporaryFile() as complaints:
            done = subprocess.run(
                command,
                cwd=self.directory,
                env=self.environment() | dict(environ or {}),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=complaints,
                timeout=RUN_SECONDS,
                check=False,
            )
            printed.seek(0)
            complaints.seek(0)
            stdout, stderr = printed.read(), complaints.read().decode("utf-8", "replace")
        assert stdout, f"Claude Code printed nothing (status {done.returncode}): {stderr}"
        return Outcome(json.loads(stdout), stderr)
