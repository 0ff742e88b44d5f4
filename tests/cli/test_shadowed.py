"""A foreign ``proxy`` or ``config`` in front of ours is one line (docs/features.md "Command line")."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.command import run_module
from tests.paths import ROOT

SHIPPED = ["gunicorn", "-c", str(ROOT / "deploy" / "gunicorn.conf.py"), "wsgi:app"]
OTHER = ["gunicorn", "--bind", "127.0.0.1:0", "wsgi:app"]


def written(directory: Path, name: str, *, package: bool) -> Path:
    path = directory / (name if package else f"{name}.py")
    if package:
        path.mkdir()
        (path / "__init__.py").touch()
    else:
        path.touch()
    return path


@pytest.mark.parametrize(
    ("module", "name", "package", "code"),
    [
        pytest.param(["claude_messages_proxy"], "proxy", True, 1, id="the command and proxy/"),
        pytest.param(["claude_messages_proxy"], "config", False, 1, id="the command and config.py"),
        pytest.param(["proxy.cli"], "config", True, 1, id="python -m and config/"),
        pytest.param(SHIPPED, "proxy", False, 1, id="gunicorn and proxy.py"),
        pytest.param(SHIPPED, "config", True, 1, id="gunicorn and config/"),
        pytest.param(OTHER, "config", False, 3, id="gunicorn without our file and config.py"),
    ],
)
def test_from_the_working_directory(
    module: list[str], name: str, package: bool, code: int, tmp_path: Path
) -> None:
    path = written(tmp_path, name, package=package)
    done = run_module(tmp_path, *module, environ={"CLAUDE_PROXY_PORT": "0"})
    assert done.returncode == code
    [line] = [line for line in done.stderr.splitlines() if line.startswith("claude-proxy: ")]
    assert line == (
        f"claude-proxy: {path} hides claude-proxy's own package {name!r}: rename or uninstall it, "
        f"take {tmp_path} out of PYTHONPATH, or start in another directory"
    )
    assert "Traceback" not in done.stderr


def test_from_pythonpath(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    path = written(other, "config", package=True)
    environ = {"PYTHONPATH": f"{other}{os.pathsep}{ROOT}"}
    done = run_module(tmp_path, "proxy.cli", "--version", environ=environ)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"claude-proxy: {path} hides claude-proxy's own package 'config'")


def test_a_directory_that_is_no_package_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    done = run_module(tmp_path, "claude_messages_proxy", "--version")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bad_configuration_under_another_gunicorn_is_one_line(tmp_path: Path) -> None:
    done = run_module(tmp_path, *OTHER, environ={"OPENAI_BASE_URL": "nonsense"})
    assert done.returncode == 3
    assert (
        "claude-proxy: bad configuration: OPENAI_BASE_URL='nonsense' must begin with http"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
