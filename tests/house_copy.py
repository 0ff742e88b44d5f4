"""A copy of the checkout that a test may change, to try how many places a change takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

COPIED = (
    "config",
    "deploy",
    "docs",
    "proxy",
    "claude_messages_proxy.py",
    "wsgi.py",
    "README.md",
    "setup.cfg",
)


@dataclass(frozen=True, slots=True)
class HouseCopy:
    """The copied checkout; run it with ``live_proxy(..., root=copy.root)``."""

    root: Path

    def insert(self, path: str, before: str, text: str) -> None:
        """Insert ``text`` in front of ``before``, which must occur exactly once in the file."""
        file = self.root / path
        old = file.read_text("utf-8")
        assert old.count(before) == 1, f"{path}: {before!r} occurs {old.count(before)} times"
        file.write_text(old.replace(before, text + before), "utf-8")

    def write(self, path: str, text: str) -> None:
        """Add a new file."""
        file = self.root / path
        assert not file.exists(), path
        file.write_text(text, "utf-8")


def house_copy(directory: Path) -> HouseCopy:
    """Copy what runs, and the documents that are generated from it, below ``directory``."""
    root = directory / "checkout"
    root.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, root / name)
    return HouseCopy(root)
