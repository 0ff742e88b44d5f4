"""A fresh Debian in a directory, with a process tree, mounts and a loopback network of its own.

Rule: nothing of this machine changes, and nothing outlives the block: whatever was started inside
ends with the namespace. Only downloads leave it, the way this machine makes them.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.deploy.scratch import scratch
from tests.waiting import until

_CLONE_NEWNET = 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_FROM_HERE = re.compile(r"(?i)(pip_.*|https?_proxy|no_proxy)")
"""Variables by which this machine reaches its package index."""

# The first process: whatever ends is forgotten at once, not kept for it to ask.
_INIT = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
while True: signal.pause()
"""

# No more than time: the directory need not survive a power cut, and nobody reads its manuals.
QUICKER = (
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--aptopt=Acquire::Languages "none"',
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """A running root; ``holder`` is its first process."""

    path: Path
    holder: int

    def run(
        self, script: str, *, downloads: bool = False, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run ``script`` by ``sh -eu`` as root; both outputs come as one.

        ``downloads`` gives it this machine's network instead of the root's own.
        """
        spaces = ["--mount", "--pid", *([] if downloads else ["--net"])]
        command = ["nsenter", f"--target={self.holder}", *spaces]
        command += ["chroot", str(self.path), "sh", "-eu", "-c", script]
        return subprocess.run(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
        )

    def in_its_network(self, make: Callable[[], T]) -> T:
        """What ``make`` returns; the sockets that it opens are in the root's network.

        ``make`` must not wait for anything: the whole process would do so in that network.
        """
        with (
            open("/proc/thread-self/ns/net", "rb") as here,
            open(f"/proc/{self.holder}/ns/net", "rb") as there,
        ):
            _enter_network(there.fileno())
            try:
                return make()
            finally:
                _enter_network(here.fileno())


def why_not() -> str:
    """Why no root can be made here, else nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a Debian root needs Linux and root"
    missing = [name for name in ("mmdebstrap", "nsenter", "unshare") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} not installed: make programs"
    allowed = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "true"], check=False
    )
    return "namespaces are not allowed here" if allowed.returncode else ""


@contextmanager
def debian_root(suite: str) -> Iterator[DebianRoot]:
    """Bootstrap ``suite`` with the packages that every Debian has, and enter it."""
    with scratch("debian-", gigabytes=2) as path:
        command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", *QUICKER]
        command += [suite, str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=400)
        mounts = _prepare(path)
        script = " && ".join(
            [*mounts, f"exec {shlex.quote(sys.executable)} -c {shlex.quote(_INIT)}"]
        )
        options = ["--mount", "--propagation=private", "--net", "--pid", "--fork", "--kill-child"]
        outside = subprocess.Popen(
            ["unshare", *options, "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        try:
            root = DebianRoot(path, _first_process(outside))
            root.in_its_network(_raise_loopback)
            yield root
        finally:
            outside.kill()
            outside.wait()


def _prepare(path: Path) -> list[str]:
    """Configure the root, and return the commands that mount what it needs from here."""
    # As in every container: installing a package starts no service.
    (path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (path / "usr/sbin/policy-rc.d").chmod(0o755)
    for file in ("/etc/resolv.conf", "/etc/hosts"):
        shutil.copy(file, path / file[1:])
    mounts = {Path("/dev"): path / "dev", _pip_cache(): path / "root/.cache/pip"}
    options = _pip_options()
    for found in _paths([*options.values(), *_own_variables().values()]):
        inside = path / _moved(str(found))[1:]
        if found.is_dir():
            mounts[found] = inside
        else:
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, inside)
    lines = [f"{name} = {_moved(value)}\n" for name, value in options.items()]
    (path / "etc/pip.conf").write_text("".join(["[global]\n", *lines]))
    for inside in mounts.values():
        inside.mkdir(parents=True, exist_ok=True)
    binds = [f"mount --bind {shlex.quote(str(a))} {shlex.quote(str(b))}" for a, b in mounts.items()]
    return [*binds, f"mount -t proc proc {shlex.quote(str(path / 'proc'))}"]


def _environment() -> dict[str, str]:
    ours = {name: _moved(value) for name, value in _own_variables().items()}
    return ours | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}


def _own_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if _FROM_HERE.fullmatch(name)}


def _moved(text: str) -> str:
    """Certificates lie elsewhere inside: the package ca-certificates would write over them."""
    return text.replace("/etc/ssl/", "/etc/from-outside/")


def _pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _pip_cache() -> Path:
    path = Path(_pip("cache", "dir"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def _pip_options() -> dict[str, str]:
    """What this machine's pip.conf files say together."""
    return dict(re.findall(r"(?m)^global\.([\w-]+)='(.*)'$", _pip("config", "list")))


def _paths(values: list[str]) -> set[Path]:
    """Local files and directories that ``values`` name; of a deep directory its second level."""
    words = [word.removeprefix("file://") for value in values for word in value.split()]
    named = [Path(word) for word in words if word.startswith("/") and Path(word).exists()]
    return {Path(*path.parts[:3]) if path.is_dir() else path for path in named}


def _first_process(outside: subprocess.Popen[bytes]) -> int:
    assert outside.stdout
    assert outside.stdout.readline() == b"ready\n", "the root could not be entered"
    children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
    pids = until(lambda: children.read_text("ascii").split(), "the root has no process")
    return int(pids[0])


def _enter_network(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock, _GET_FLAGS, struct.pack("16sH14x", b"lo", 0))
        (flags,) = struct.unpack_from("H", answer, 16)
        fcntl.ioctl(sock, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _UP))
