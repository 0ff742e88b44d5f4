"""``claude-proxy init`` at a pseudo-terminal: lines in, screen text out.

Rule: the terminal is the process's controlling one, so Ctrl-C and the switching of the echo are real. What
was read is everything ever written, without control sequences.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.cli.command import environment
from tests.pseudo_terminal import PseudoTerminal, at_terminal

SECONDS = 60.0
READ_SECONDS = 0.2
AGAIN_SECONDS = 5.0
CTRL_C, CTRL_D = "\x03", "\x04"
CONTROL = re.compile(r"[^\n]*\r\x1b\[K|\x1b\[[0-9;?]*[a-zA-Z]|\r")
"""Cleared lines, sequences and the terminal's carriage returns."""
LAUNCH = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "proxy.cli", "init", *sys.argv[1:]])
"""
"""Takes the pseudo-terminal as the controlling one."""


class Screen:
    """The other end of the terminal."""

    def __init__(self, terminal: PseudoTerminal) -> None:
        self._terminal = terminal
        self._seen = 0

    @property
    def text(self) -> str:
        """Everything written so far, in lines."""
        return CONTROL.sub("", self._terminal.written.decode("utf-8", "replace"))

    def answer(self, question: str, line: str) -> None:
        """Wait until ``question`` stands at the end of what was written, and type ``line``."""
        self.wait_for(question)
        self.press(f"{line}\n")

    def press(self, keys: str) -> None:
        """Type ``keys``."""
        self._terminal.press(keys)

    def wait_for(self, text: str) -> None:
        """Return once ``text`` was written after what was waited for before."""
        deadline = monotonic() + SECONDS
        while (place := self.text.find(text, self._seen)) < 0:
            assert monotonic() < deadline, f"no {text!r} in:\n{self.text}"
            assert self._terminal.read(READ_SECONDS), f"it ended without {text!r}:\n{self.text}"
        self._seen = place + len(text)

    def leave(self, keys: str) -> int:
        """Press ``keys`` until it has ended, as a person would; returns the exit code.

        CPython's ``readline`` does not notice a signal in the moment between prompt and wait.
        """
        self.press(keys)
        pressed = monotonic()
        while self._terminal.read(READ_SECONDS):
            if monotonic() - pressed > AGAIN_SECONDS:
                self.press(keys)
                pressed = monotonic()
        return self._terminal.process.wait(SECONDS)

    def exit_code(self) -> int:
        """The exit code once it has ended; reads the rest."""
        while self._terminal.read(READ_SECONDS):
            pass
        return self._terminal.process.wait(SECONDS)

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return self._terminal.echoes


@contextmanager
def init_at_terminal(
    directory: Path, *flags: str, environ: Mapping[str, str] | None = None
) -> Iterator[Screen]:
    """The command in ``directory``; it is killed when the block is left."""
    command = [sys.executable, "-S", "-c", LAUNCH, *flags]
    variables = environment(directory, {"TERM": "xterm", **(environ or {})})
    with at_terminal(command, directory, variables, rows=24, columns=80) as terminal:
        yield Screen(terminal)
