"""``claude-proxy init`` at a pseudo-terminal: lines in, screen text out.

Rule: the terminal is the process's controlling one, so Ctrl-C and the switching of the echo are real. What
was read is everything ever written, without control sequences.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.cli.command import environment

SIZE = struct.pack("HHHH", 24, 80, 0, 0)
SECONDS = 60.0
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

    def __init__(self, fileno: int, process: subprocess.Popen[bytes]) -> None:
        self._fileno = fileno
        self._process = process
        self._raw = b""
        self._seen = 0

    @property
    def text(self) -> str:
        """Everything written so far, in lines."""
        return CONTROL.sub("", self._raw.decode("utf-8", "replace"))

    def answer(self, question: str, line: str) -> None:
        """Wait until ``question`` stands at the end of what was written, and type ``line``."""
        self.wait_for(question)
        self.press(f"{line}\n")

    def press(self, keys: str) -> None:
        os.write(self._fileno, keys.encode())

    def wait_for(self, text: str) -> None:
        """Return once ``text`` was written after what was waited for before."""
        deadline = monotonic() + SECONDS
        while (place := self.text.find(text, self._seen)) < 0:
            assert monotonic() < deadline, f"no {text!r} in:\n{self.text}"
            assert self._read(), f"it ended without {text!r}:\n{self.text}"
        self._seen = place + len(text)

    def exit_code(self) -> int:
        """The exit code once it has ended; reads the rest."""
        while self._read():
            pass
        return self._process.wait(SECONDS)

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._fileno)[3] & termios.ECHO)

    def _read(self) -> bool:
        """Read what there is, waiting a while; false at the end."""
        if not select.select([self._fileno], [], [], 0.2)[0]:
            return self._process.poll() is None
        try:
            data = os.read(self._fileno, 65536)
        except OSError:
            return False
        self._raw += data
        return bool(data)


@contextmanager
def init_at_terminal(
    directory: Path, *flags: str, environ: Mapping[str, str] | None = None
) -> Iterator[Screen]:
    """The command in ``directory``; it is killed when the block is left."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(ours, termios.TIOCSWINSZ, SIZE)
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", LAUNCH, *flags],
            cwd=directory,
            env=environment(directory, {"TERM": "xterm", **(environ or {})}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        try:
            yield Screen(ours, process)
        finally:
            process.kill()
            process.wait()
    finally:
        os.close(theirs)
        os.close(ours)
