"""``make dev`` restarts the service when a source file changes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from proxy import __version__
from tests.cli.command import started
from tests.house_copy import house_copy
from tests.live import free_port
from tests.paths import ROOT
from tests.waiting import until

SECONDS = 60.0


@pytest.mark.long
def test_a_changed_source_file_is_in_force(tmp_path: Path) -> None:
    copy = house_copy(tmp_path)
    port = free_port()
    environ = {
        "PYTHONPATH": str(copy.root),
        "CLAUDE_PROXY_HOST": "127.0.0.1",
        "CLAUDE_PROXY_PORT": str(port),
        "CLAUDE_PROXY_WORKERS": "1",
    }
    source = copy.root / "proxy" / "__init__.py"
    old = source.read_text("utf-8")

    def answers(version: str) -> bool:
        return shown_version(port) == version

    with started(tmp_path, module="proxy.cli.autoreload", environ=environ) as dev:
        until(lambda: answers(__version__), "the service does not answer", SECONDS)
        source.write_text(old.replace(__version__, "9.9.9"), "utf-8")
        until(lambda: answers("9.9.9"), "the old source is in force", SECONDS)
        source.write_text("this is no Python\n", "utf-8")
        dev.wait_for("ended with exit code 1: waiting for a change")
        source.write_text(old.replace(__version__, "9.9.10"), "utf-8")
        until(lambda: answers("9.9.10"), "it did not recover from an error", SECONDS)
    assert dev.process.returncode == 0
    assert shown_version(port) is None


def test_make_dev_is_the_reloading_program() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\ndev:")[2].partition("\n\n")[0]
    assert "-m proxy.cli.autoreload" in recipe


def shown_version(port: int) -> str | None:
    """The version that ``/`` shows; None while nothing listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
            return str(json.loads(response.read())["version"])
    except (OSError, urllib.error.URLError):
        return None
