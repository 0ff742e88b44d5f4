"""What is installed: the command, its modules, the files of the packages."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from proxy.cli.commit import SHOWN, built_commit
from tests.cli.command import environment, run_module
from tests.paths import ROOT

COMMIT = "0123456789" * 4
SHARED = {".env.example", "gunicorn.conf.py"}


def test_python_m_proxy_is_the_command(tmp_path: Path) -> None:
    command = run_module(tmp_path, "proxy.cli", "--help")
    assert (command.returncode, "usage: claude-proxy" in command.stdout) == (0, True)
    assert run_module(tmp_path, "proxy", "--help").stdout == command.stdout
    wrong = run_module(tmp_path, "proxy", "--no-such-option")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)


@pytest.mark.long
def test_wheel_and_source_distribution_hold_the_examples(tmp_path: Path) -> None:
    for folder in ("proxy", "config", "deploy", "docs"):
        _copy(ROOT / folder, tmp_path / "tree" / folder)
    for path in ROOT.iterdir():
        wanted = path.suffix in {".md", ".py", ".cfg", ".toml", ".in", ""} and path.name != ".git"
        if path.is_file() and wanted:
            (tmp_path / "tree" / path.name).write_bytes(path.read_bytes())
    head = tmp_path / "tree" / ".git" / "HEAD"
    head.parent.mkdir()
    head.write_text(COMMIT)
    program = "import setuptools.build_meta as b; print(b.build_wheel('dist')); print(b.build_sdist('dist'))"
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "tree",
        env=environment(tmp_path, {"PYTHONPATH": ""}),
        capture_output=True,
        timeout=300,
        check=True,
    )
    (wheel,) = (tmp_path / "tree" / "dist").glob("*.whl")
    (source,) = (tmp_path / "tree" / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        assert opened.read("proxy/COMMIT").decode().strip() == COMMIT
        metadata = opened.read(next(n for n in names if n.endswith("/METADATA"))).decode()
        commands = opened.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    assert {n.rpartition("/")[2] for n in names if "/share/claude-proxy/" in n} == SHARED
    assert {
        "claude_messages_proxy.py",
        "proxy/__main__.py",
        "config/providers.example.yaml",
    } < names
    assert any(name.endswith("/LICENSE") for name in names)
    assert "claude-proxy = claude_messages_proxy:run" in commands
    assert "`claude-proxy init` asks" in metadata.partition("\n\n")[2]
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path, filter="data")
    kept = {"LICENSE", "README.md", "Makefile", "docs/switching.md", "docs/images/demo.svg"}
    assert kept | {f"deploy/{name}" for name in SHARED} < inside
    assert [name for name in inside if "__pycache__" in name or name.endswith("/.env")] == []
    # A wheel of it knows the commit without the checkout.
    (unpacked,) = tmp_path.glob("claude_messages_proxy-*")
    assert built_commit(unpacked / "proxy") == COMMIT[:SHOWN]


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
