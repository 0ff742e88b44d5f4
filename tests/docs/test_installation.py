"""What is installed: the command, its modules, the files of the packages."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from claude_messages_proxy import hidden_by
from proxy.cli.version import version_line
from tests.cli.command import SECONDS, environment, run_module
from tests.paths import ROOT

SHARED = {".env.example", "gunicorn.conf.py"}


def test_python_m_proxy_is_the_command(tmp_path: Path) -> None:
    command = run_module(tmp_path, "proxy.cli", "--help")
    assert (command.returncode, "usage: claude-proxy" in command.stdout) == (0, True)
    assert run_module(tmp_path, "proxy", "--help").stdout == command.stdout
    wrong = run_module(tmp_path, "proxy", "--no-such-option")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)


def _started(folder: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """The installed command's code, with ``path`` before this program's directory."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, claude_messages_proxy as p; sys.exit(p.run())",
            "--version",
        ],
        cwd=folder,
        env=environment(folder, {"PYTHONPATH": f"{path}:{ROOT}"}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("file", ["proxy/__init__.py", "config/__init__.py", "config.py"])
def test_another_programs_package_is_named(tmp_path: Path, file: str) -> None:
    other = tmp_path / "other" / file
    other.parent.mkdir(parents=True)
    other.write_text("raise SystemExit('it was imported')\n")
    done = _started(tmp_path, tmp_path / "other")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"claude-proxy: the package {file.split('/')[0].split('.')[0]!r} that Python finds ({other})"
        " is another program's: take its directory out of PYTHONPATH, or install claude-proxy into"
        " an environment of its own (uv tool install . or pipx install .)\n"
    )


def test_a_directory_of_that_name_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "other" / "proxy").mkdir(parents=True)
    (tmp_path / "other" / "config").mkdir()
    # A regular package behind it on the path has precedence over a directory without __init__.py.
    done = _started(tmp_path, tmp_path / "other")
    assert (done.returncode, done.stdout) == (0, f"{version_line()}\n")


def test_ours_are_found() -> None:
    assert hidden_by("proxy", importlib.util.find_spec("proxy")) == ""
    assert hidden_by("none", None) == "nowhere"


@pytest.mark.long
def test_wheel_and_source_distribution_hold_the_examples(tmp_path: Path) -> None:
    for folder in ("proxy", "config", "deploy", "docs"):
        _copy(ROOT / folder, tmp_path / "tree" / folder)
    for path in ROOT.iterdir():
        if path.is_file() and path.suffix in {".md", ".py", ".cfg", ".toml", ".in", ""}:
            (tmp_path / "tree" / path.name).write_bytes(path.read_bytes())
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
    wanted = {"LICENSE", "README.md", "Makefile", "docs/switching.md", "docs/images/demo.svg"}
    assert wanted | {f"deploy/{name}" for name in SHARED} < inside


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
