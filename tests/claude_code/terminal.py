"""Claude Code at a terminal: keys in, screen text out.

Rule: the terminal is a real pseudo-terminal; what is read is everything ever drawn, not the screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import orjson

from tests.claude_code.client import ClaudeCode
from tests.pseudo_terminal import PseudoTerminal, at_terminal

CONTROL = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[()=>][0-9A-Z]?")
READ_SECONDS = 60.0


class Terminal:
    """The other end of the client's terminal."""

    def __init__(self, terminal: PseudoTerminal) -> None:
        self._terminal = terminal

    def type(self, text: str) -> None:
        """Press keys; ``\\r`` is the return key."""
        self._terminal.press(text)

    def wait_for(self, text: str, seconds: float = READ_SECONDS) -> None:
        """Return once ``text`` was drawn, however it is spaced."""
        wanted = text.replace(" ", "")
        deadline = monotonic() + seconds
        while wanted not in self.drawn():
            left = deadline - monotonic()
            assert left > 0, f"no {text!r} within {seconds:g} s: {self.drawn()[-2000:]}"
            assert self._terminal.read(min(left, 0.2)), f"it ended: {self.drawn()[-2000:]}"

    def drawn(self) -> str:
        """Everything drawn so far, without colours, positions and white space."""
        text = CONTROL.sub(b"", self._terminal.written).decode("utf-8", "replace")
        return "".join(text.split())


@contextmanager
def terminal(claude: ClaudeCode) -> Iterator[Terminal]:
    """The client at its prompt, past everything it asks on its first start."""
    known = {"hasTrustDialogAccepted": True}
    settings = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "projects": {str(claude.directory): known},
    }
    (claude.home / ".claude.json").write_bytes(orjson.dumps(settings))
    command, environ = [str(claude.program)], claude.environment()
    with at_terminal(command, claude.directory, environ, rows=40, columns=120) as opened:
        screen = Terminal(opened)
        screen.wait_for("? for shortcuts")
        yield screen
