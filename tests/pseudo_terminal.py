"""A program at a pseudo-terminal: keys in, and everything it ever wrote out."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

READ_BYTES = 65536


class PseudoTerminal:
    """The other end of the program's terminal."""

    def __init__(self, fileno: int, process: subprocess.Popen[bytes]) -> None:
        self._fileno = fileno
        self.process = process
        self.written = b""
        """Everything the program wrote so far, control sequences included."""

    def press(self, keys: str) -> None:
        """Type ``keys``."""
        os.write(self._fileno, keys.encode())

    def read(self, seconds: float) -> bool:
        """Read what there is, waiting ``seconds`` at most; false once the program has ended."""
        if not select.select([self._fileno], [], [], seconds)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._fileno, READ_BYTES)
        except OSError:
            return False
        self.written += data
        return bool(data)

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._fileno)[3] & termios.ECHO)


@contextmanager
def at_terminal(
    command: Sequence[str],
    directory: Path,
    environ: Mapping[str, str],
    *,
    rows: int,
    columns: int,
) -> Iterator[PseudoTerminal]:
    """``command`` in ``directory``; it is killed when the block is left."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            yield PseudoTerminal(ours, process)
        finally:
            process.kill()
            process.wait()
    finally:
        os.close(ours)
