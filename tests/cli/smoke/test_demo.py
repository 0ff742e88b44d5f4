"""``claude-proxy smoke`` in front of ``claude-proxy demo``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import started
from tests.cli.smoke.runs import smoke
from tests.live import free_port


@pytest.mark.long
def test_all_models_of_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    with started(tmp_path, "demo", "--port", str(port)) as demo:
        demo.wait_for("Listening on")
        found = smoke(capsys, f"http://127.0.0.1:{port}", "--all")
    assert found.code == 0, found.report
    assert found.row("stream")["model"] == "demo"
    assert set(found.results.values()) <= {"passed", "not supported"}
    assert found.said("tools") == "passed: get_weather called, results answered"
    assert found.said("thinking") == "passed: also in the history of a second turn"
    assert found.said("usage") == "passed: counted by the upstream"
