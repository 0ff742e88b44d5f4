"""The commit that ``--version`` shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.commit import built_commit

COMMIT = "0123456789" * 4
SHORT = "0123456"


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        pytest.param({"proxy/COMMIT": f"{COMMIT}\n"}, SHORT, id="container"),
        pytest.param({".git/HEAD": f"{COMMIT}\n"}, SHORT, id="detached"),
        pytest.param({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": COMMIT}, SHORT, id="branch"),
        pytest.param({".git/HEAD": "ref: refs/heads/main", ".git/packed-refs": f"# pack\n{COMMIT} refs/heads/main\n"}, SHORT, id="packed"),
        pytest.param(
            {
                ".git": "gitdir: main/worktrees/x",
                "main/worktrees/x/HEAD": "ref: refs/heads/x",
                "main/worktrees/x/commondir": "../..",
                "main/refs/heads/x": COMMIT,
            },
            SHORT,
            id="worktree",
        ),
        pytest.param({".git/HEAD": "ref: refs/heads/unborn"}, None, id="no commit yet"),
        pytest.param({".git/HEAD": "not a commit"}, None, id="other text"),
        pytest.param({}, None, id="not known"),
    ],
)  # fmt: skip
def test_the_commit(files: dict[str, str], shown: str | None, tmp_path: Path) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert built_commit(tmp_path / "proxy") == shown
