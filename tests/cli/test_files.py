"""Files that commands write: whole, with their mode from the first byte, and with nothing left beside."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from proxy.cli.files import PRIVATE, replace_backed_up


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "env"
    path.write_text("old")
    path.chmod(0o644)
    return path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_backup_and_file_are_private(old: Path) -> None:
    backup = replace_backed_up(old, "new\r\n", PRIVATE)
    assert backup is not None
    assert (old.read_bytes(), backup.read_bytes()) == (b"new\r\n", b"old")
    assert (mode(old), mode(backup)) == (0o600, 0o600)


@pytest.mark.parametrize(
    ("module", "step"),
    [
        pytest.param(shutil, "copyfile", id="in the copy"),
        pytest.param(os, "fsync", id="in the new file"),
        pytest.param(os, "replace", id="at its renaming"),
    ],
)
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_where_it_fails(
    old: Path,
    module: object,
    step: str,
    error: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error(28, "No space left on device")

    monkeypatch.setattr(module, step, fail)
    with pytest.raises(error):
        replace_backed_up(old, "new", PRIVATE)
    assert [each.name for each in old.parent.iterdir()] == ["env"]
    assert (old.read_text(), mode(old)) == ("old", 0o644)


def test_an_interruption_just_after_the_renaming(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.replace

    def interrupted(source: str, target: Path) -> None:
        rename(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_backed_up(old, "new", PRIVATE)
    assert sorted(each.read_text() for each in old.parent.iterdir()) == ["new", "old"]
