"""The picture of the README: ``make demo`` and Claude Code in terminals, drawn as SVG.

``make pictures`` (``python -m tests.docs.picture``) types the commands into two terminals of tmux and
draws what these show. It needs tmux, Claude Code in .venv and a free port 8085.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.claude_code.client import installed_program
from tests.docs.screen_svg import Window, picture
from tests.paths import DOCS, ROOT

PICTURE = DOCS / "images" / "demo.svg"
COLUMNS, ROWS = 104, 40
SECONDS = 60.0
CLAUDE = "ANTHROPIC_BASE_URL=http://127.0.0.1:8085 ANTHROPIC_AUTH_TOKEN=any claude"
QUESTION = "What is the weather in Paris?"


class Tmux:
    """A tmux server of its own, with one session for each terminal."""

    def __init__(self, socket: Path, environ: dict[str, str]) -> None:
        self._command = ["tmux", "-f", "/dev/null", "-S", str(socket)]
        self._environ = environ

    def open(self, name: str, directory: Path) -> None:
        """A terminal with a shell."""
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        shell = ["bash", "--norc", "--noprofile"]
        self._run("new-session", "-d", "-s", name, *size, "-c", str(directory), *shell)
        self.wait_for(name, "$")

    def type(self, name: str, text: str) -> None:
        """Type a line."""
        self._run("send-keys", "-t", name, "-l", text)
        self.wait_for(name, text[:20])
        self._run("send-keys", "-t", name, "Enter")

    def lines(self, name: str) -> list[str]:
        """What the terminal shows, with its colours, without the empty lines at the end."""
        return self._run("capture-pane", "-e", "-p", "-t", name).rstrip().split("\n")

    def wait_for(self, name: str, text: str, count: int = 1) -> None:
        """Return once the terminal shows the text so often."""
        deadline = time.monotonic() + SECONDS
        while (shown := self._run("capture-pane", "-p", "-t", name)).count(text) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"no {text!r} within {SECONDS:g} s:\n{shown}")
            time.sleep(0.2)

    def press(self, name: str, key: str) -> None:
        """Press a key, by tmux's name of it."""
        self._run("send-keys", "-t", name, key)

    def end(self) -> None:
        """End all terminals."""
        self._run("kill-server")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            env=self._environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


def drawn() -> str:
    """The picture, after both programs have run."""
    program = installed_program()
    if program is None:
        raise SystemExit("Claude Code is not installed in .venv (make programs installs it)")
    with tempfile.TemporaryDirectory(prefix="picture-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        project = home / "project"
        project.mkdir()
        (home / "claude").symlink_to(program)
        known = {"projects": {str(project): {"hasTrustDialogAccepted": True}}}
        settings = {"hasCompletedOnboarding": True, "theme": "dark", **known}
        (home / ".claude.json").write_text(json.dumps(settings))
        tmux = Tmux(home / "socket", _environment(home))
        try:
            return _run_both(tmux, project)
        finally:
            tmux.end()


def _run_both(tmux: Tmux, project: Path) -> str:
    tmux.open("demo", ROOT)
    tmux.type("demo", "make demo")
    tmux.wait_for("demo", "Listening on http://127.0.0.1:8085")
    started = tmux.lines("demo")
    tmux.open("claude", project)
    tmux.type("claude", CLAUDE)
    tmux.wait_for("claude", "? for shortcuts")
    tmux.type("claude", QUESTION)
    tmux.wait_for("claude", QUESTION)
    # The line that ends a turn says how long it took: "* Brewed for 1s".
    tmux.wait_for("claude", " for ", 3)
    tmux.wait_for("claude", "? for shortcuts")
    windows = [Window("make demo", started), Window("Claude Code", tmux.lines("claude"))]
    # A hangup would only reload the service.
    tmux.press("demo", "C-c")
    tmux.wait_for("demo", "^C\n$")
    return picture(windows, COLUMNS, "make demo in one terminal, Claude Code in another")


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{home}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "PS1": "$ ",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }


if __name__ == "__main__":
    PICTURE.write_text(drawn(), "utf-8")
    sys.stdout.write(f"{PICTURE} written\n")
