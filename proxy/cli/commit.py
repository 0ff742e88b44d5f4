"""The commit that this program was built from, where that is known.

Rule: only files are read: git need not be installed. The file ``COMMIT`` of a container or of a built
distribution comes first, then the checkout that the package lies in.
"""

from __future__ import annotations

import re
from pathlib import Path

FILE = "COMMIT"
"""In the package; written by the Dockerfile and by deploy/build_commit.py."""
SHOWN = 7
"""Characters, as git shows."""
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def built_commit(package: Path) -> str | None:
    """The short id of the commit of ``package``, a directory; None if it is not known."""
    return whole_commit(package)[:SHOWN] or None


def whole_commit(package: Path) -> str:
    """The whole id; empty if it is not known."""
    commit = _text(package / FILE) or _of_checkout(package.parent / ".git")
    return commit if _COMMIT.fullmatch(commit) else ""


def _of_checkout(git: Path) -> str:
    # In another worktree it is a file with the directory's name.
    _, linked, directory = _text(git).partition("gitdir: ")
    if linked:
        git = git.parent / directory
    head = _text(git / "HEAD")
    _, named, reference = head.partition("ref: ")
    if not named:
        return head
    shared = git / (_text(git / "commondir") or ".")
    return _text(git / reference) or _text(shared / reference) or _packed(shared, reference)


def _packed(shared: Path, reference: str) -> str:
    for line in _text(shared / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == reference:
            return commit
    return ""


def _text(path: Path) -> str:
    """The text of a file; empty if it cannot be read."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
