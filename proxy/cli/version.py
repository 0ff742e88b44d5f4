"""What ``claude-proxy --version`` prints: the version, and the commit where it is known.

Rule: only files are read, so that it works without git; a commit that is not known is left out.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from proxy import __version__

DISTRIBUTION = "claude-messages-proxy"
ROOT = Path(__file__).parents[2]
SHORT = 12
"""Characters of a commit that are shown."""


class ShowVersion(argparse.Action):
    """The option that prints the version and ends the program."""

    def __init__(self, option_strings: list[str], dest: str, **_: Any) -> None:
        text = "show program's version and commit, and exit"
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, help=text)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print and end; the files are read only now."""
        print(version_line())
        parser.exit()


def version_line(root: Path = ROOT) -> str:
    """``claude-proxy 1.2`` or ``claude-proxy 1.2 (0123456789ab)``."""
    commit = checked_out(root / ".git") or installed_commit()
    return f"claude-proxy {__version__}" + (f" ({commit[:SHORT]})" if commit else "")


def checked_out(git: Path) -> str:
    """The commit of a checkout whose ``.git`` (directory, or file of a worktree) is ``git``."""
    try:
        if git.is_file():
            git = git.parent / git.read_text("utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text("utf-8").strip()
        name = head.removeprefix("ref:").strip()
        return head if name == head else _commit_of(git, name)
    except (OSError, UnicodeDecodeError):
        return ""


def _commit_of(git: Path, name: str) -> str:
    shared = git / "commondir"
    common = git / shared.read_text("utf-8").strip() if shared.exists() else git
    for directory in (git, common):
        if (directory / name).is_file():
            return (directory / name).read_text("utf-8").strip()
    lines = (common / "packed-refs").read_text("utf-8").splitlines()
    return next((line.partition(" ")[0] for line in lines if line.endswith(f" {name}")), "")


def installed_commit() -> str:
    """The commit that pip installed from a repository's URL (PEP 610)."""
    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
        return str(json.loads(text or "{}").get("vcs_info", {}).get("commit_id", ""))
    except (PackageNotFoundError, ValueError):
        return ""
