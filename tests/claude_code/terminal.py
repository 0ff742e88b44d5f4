"""Claude Code at a terminal: keys in, screen text out.

Rule: the terminal is a real pseudo-terminal; what is read is everything ever drawn, not the screen.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import orjson

from tests.claude_code.client import ClaudeCode

SIZE = struct.pack("HHHH", 40, 120, 0, 0)
CONTROL = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[()=>][0-9A-Z]?")
READ_SECONDS = 60.0


class Terminal:
    """The other end of the client's terminal."""

    def __init__(self, fileno: int) -> None:
        self._fileno = fileno
        self._drawn = b""

    def type(self, text: str) -> None:
        """Press keys; ``\\r`` is the return key."""
        os.write(self._fileno, text.encode())

    def wait_for(self, text: str, seconds: float = READ_SECONDS) -> None:
        """Return once ``text`` was drawn, however it is spaced."""
        wanted = text.replace(" ", "")
        deadline = monotonic() + seconds
        while wanted not in self.drawn():
            left = deadline - monotonic()
            assert left > 0, f"no {text!r} within {seconds:g} s: {self.drawn()[-2000:]}"
            if select.select([self._fileno], [], [], min(left, 0.2))[0]:
                self._drawn += os.read(self._fileno, 65536)

    def drawn(self) -> str:
        """Everything drawn so far, without colours, positions and white space."""
        text = CONTROL.sub(b"", self._drawn).decode("utf-8", "replace")
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
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(ours, termios.TIOCSWINSZ, SIZE)
        process = subprocess.Popen(
            [str(claude.program)],
            cwd=claude.directory,
            env=claude.environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            screen = Terminal(ours)
            screen.wait_for("? for shortcuts")
            yield screen
        finally:
            process.kill()
            process.wait()
    finally:
        os.close(ours)
