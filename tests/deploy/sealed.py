"""Run the image's command as an engine would: process 1, read-only root, no capability, no network.

Started by ``sealed_service`` in new namespaces of its own; this file is also the program that
settles in there. Rule: the root file system is the image's and is not changed.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS = 30.0
UNSHARE = ["unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child"]
_SIOCSIFFLAGS = 0x8914
_UP_AND_RUNNING = 0x41
_DEVICES = ("null", "random", "urandom", "zero")


@dataclass(frozen=True, slots=True)
class SealedService:
    """A running service that only ``ask`` reaches."""

    process: subprocess.Popen[bytes]
    """``unshare``, which ends when the service does, with its exit code."""
    pid: int
    """The service's, as this machine numbers it."""
    root: Path
    log_path: Path
    environ: Mapping[str, str]

    def log(self) -> str:
        """Everything that the service has written."""
        return self.log_path.read_text("utf-8", "replace")

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """``command`` beside the service, in all its namespaces and with its user."""
        enter = ["nsenter", "--target", str(self.pid), "--all", "--root", "--wd"]
        return subprocess.run(
            [*enter, "--setuid", "10001", "--setgid", "10001", "--", *command],
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def wait_for(self, text: str) -> None:
        """Return once ``text`` is in the log."""
        deadline = time.monotonic() + SECONDS
        while text not in self.log():
            assert self.process.poll() is None, f"it ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.log()}"
            time.sleep(0.05)


def can_unshare() -> bool:
    """Whether this machine lets its root make namespaces."""
    try:
        done = subprocess.run([*UNSHARE, "true"], capture_output=True, timeout=10, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


@contextmanager
def sealed_service(
    root: Path, directory: Path, environ: Mapping[str, str], *command: str
) -> Iterator[SealedService]:
    """Run ``command`` of the image whose file system is at ``root`` until the block is left."""
    log_path = directory / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*UNSHARE, sys.executable, __file__, str(root), *command],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + SECONDS
        while not children.read_text("ascii"):
            assert process.poll() is None, log_path.read_text("utf-8", "replace")
            assert time.monotonic() < deadline, "unshare started nothing"
            time.sleep(0.02)
        pid = int(children.read_text("ascii"))
        yield SealedService(process, pid, root, log_path, environ)
    finally:
        if process.poll() is None:
            # Which kills the service too.
            process.send_signal(signal.SIGKILL)
        process.wait()


def _settle(root: str) -> None:
    with socket.socket() as handle:
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _UP_AND_RUNNING))
    _mount("--make-rprivate", "/")
    _mount("--bind", root, root)
    _mount("-o", "remount,bind,ro", root)
    _mount("-t", "proc", "proc", f"{root}/proc")
    for path in ("/tmp", "/dev"):
        _mount("-t", "tmpfs", "tmpfs", root + path)
    for name in _DEVICES:
        Path(f"{root}/dev/{name}").touch()
        _mount("--bind", f"/dev/{name}", f"{root}/dev/{name}")
    os.mkdir(f"{root}/dev/shm")
    os.chmod(f"{root}/dev/shm", 0o1777)
    os.chroot(root)
    os.chdir("/etc/claude-proxy")
    os.setgroups([])
    os.setgid(10001)
    os.setuid(10001)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    _settle(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
