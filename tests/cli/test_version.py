"""``claude-proxy --version``: the version, and the commit of a checkout or an installation."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from proxy import __version__
from proxy.cli.main import main
from proxy.cli.version import ROOT, SHORT, checked_out, version_line
from tests.paths import ROOT as CHECKOUT


def _git(directory: Path, *arguments: str) -> str:
    names = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.run(
        ["git", *names, *arguments],
        cwd=directory,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(directory)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    directory = tmp_path / "repository"
    directory.mkdir()
    _git(directory, "init", "--quiet")
    _git(directory, "commit", "--quiet", "--allow-empty", "--message", "one")
    return directory


def test_the_commit_of_a_branch(repository: Path) -> None:
    commit = _git(repository, "rev-parse", "HEAD")
    assert checked_out(repository / ".git") == commit
    assert version_line(repository) == f"claude-proxy {__version__} ({commit[:SHORT]})"


def test_packed_references(repository: Path) -> None:
    _git(repository, "pack-refs", "--all")
    assert checked_out(repository / ".git") == _git(repository, "rev-parse", "HEAD")


def test_a_detached_head(repository: Path) -> None:
    _git(repository, "checkout", "--quiet", "--detach")
    assert checked_out(repository / ".git") == _git(repository, "rev-parse", "HEAD")


def test_a_worktree(repository: Path) -> None:
    worktree = repository.parent / "worktree"
    _git(repository, "worktree", "add", "--quiet", "-b", "other", str(worktree))
    _git(worktree, "commit", "--quiet", "--allow-empty", "--message", "two")
    assert checked_out(worktree / ".git") == _git(worktree, "rev-parse", "HEAD")


def test_without_a_repository(tmp_path: Path) -> None:
    assert version_line(tmp_path) == f"claude-proxy {__version__}"


@pytest.mark.parametrize("content", ["", "gitdir: nowhere", "\0\xff"])
def test_a_broken_repository(tmp_path: Path, content: str) -> None:
    (tmp_path / ".git").write_text(content, "latin-1")
    assert checked_out(tmp_path / ".git") == ""


def test_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"{version_line()}\n"
    assert ROOT == CHECKOUT
