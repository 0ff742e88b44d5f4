"""Run a program as another user on a read-only root: ``read_only.py CHECKOUT WRITABLE COMMAND ...``

Rule: mounts are those of a new namespace (``unshare --mount``), so nothing of this machine changes. The
checkout is at ``PLACE`` there, read-only as everything else. ``WRITABLE`` lists the directories, of
``/tmp`` and ``/dev/shm``, that are not; it may be empty. Standard library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLACE, HOLDER = "/mnt", "/media"
SCRATCH = ("/tmp", "/dev/shm")
NOBODY = 65534


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _make_reachable(path: str) -> None:
    """Let other users reach ``path``, such as a Python below root's home: only it is mounted there."""
    for parent in reversed(Path(path).parents):
        if not parent.stat().st_mode & 0o001:
            _mount("--bind", path, HOLDER)
            _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(parent))
            os.makedirs(path)
            _mount("--bind", HOLDER, path)
            _mount("-o", "remount,bind,ro", path)
            _mount("-o", "remount,ro", str(parent))
            return


def settle(checkout: str, writable: list[str]) -> None:
    """Mount everything and become ``NOBODY``. Raises CalledProcessError."""
    _mount("--make-rprivate", "/")
    _make_reachable(sys.base_prefix)
    _mount("--bind", checkout, PLACE)
    _mount("-o", "remount,bind,ro", PLACE)
    _mount("-o", "remount,bind,ro", "/")
    for path in SCRATCH:
        mode = "rw" if path in writable else "ro"
        _mount("-t", "tmpfs", "-o", f"{mode},mode=1777", "tmpfs", path)
    os.chdir(PLACE)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


if __name__ == "__main__":
    settle(sys.argv[1], sys.argv[2].split(","))
    os.execv(sys.argv[3], sys.argv[3:])
