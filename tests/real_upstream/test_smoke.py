"""``claude-proxy smoke`` in front of the proxy and llama.cpp's server: noise, but a chain in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.smoke.runs import smoke
from tests.live import live_proxy

CERTAIN = {
    "health": "passed",
    "models": "passed",
    "errors": "passed",
    "message": "passed",
    "stream": "passed",
    "image": "not supported",
    "usage": "passed",
    "cancellation": "passed",
    "count": "passed",
    "connection": "passed",
}


@pytest.mark.long
def test_all_models_of_a_real_server(
    llama_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    # So that the noise is the same each time.
    model = {"id": "tiny-random", "temperature": 0}
    registry = {"providers": [{"name": "llama", "base_url": llama_url, "models": [model]}]}
    path = tmp_path / "registry.json"
    path.write_text(json.dumps(registry), "utf-8")
    with live_proxy({"CLAUDE_PROXY_CONFIG": str(path)}) as running:
        found = smoke(capsys, running.url, "--all")
    assert found.results | CERTAIN == found.results, found.report
    assert found.said("tools").startswith("not supported: ")
    assert found.said("image") == "not supported: the upstream takes no images: image=placeholder"
    assert found.code == 0
