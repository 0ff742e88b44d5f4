"""Vercel's AI SDK through the proxy: generate, stream, tools, objects, images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.claude_code.strict_upstream import StrictUpstream
from tests.frameworks.conftest import CLIENT_KEY
from tests.frameworks.obedient_model import GREETING
from tests.live import LiveProxy
from tests.paths import ROOT

PROGRAM = Path(__file__).with_name("ai_sdk.mjs")
INSTALLED_IN = ROOT / ".venv/ai-sdk"

RECIPE = {"name": "San Francisco", "steps": ["San Francisco"], "minutes": 20}
EXPECTED = {
    "generate": {"text": GREETING, "reason": "stop", "input": 1200},
    "stream": {"text": GREETING, "several": True, "reason": "stop", "output": 50},
    "tools": {"inputs": [{"a": 3, "b": 3}], "outputs": [6], "text": GREETING},
    "streamed tools": {
        "parts": [
            "tool-input-start",
            "tool-input-delta",
            "tool-call",
            "tool-result",
            "text-delta",
        ],
        "errors": False,
        "text": GREETING,
    },
    "forced tool": [["add", {"a": 5, "b": 5}]],
    "object": RECIPE,
    "streamed object": RECIPE,
    "image": GREETING,
}


@pytest.mark.long
@pytest.mark.parametrize("path", ["/v1", ""])
def test_the_sdk_does_everything(
    proxy: LiveProxy, upstream: StrictUpstream, tmp_path: Path, path: str
) -> None:
    """Its base URL ends in ``/v1``; without it, as in other SDKs, it works too."""
    node = shutil.which("node")
    if node is None or not (INSTALLED_IN / ".installed").exists():
        pytest.skip("the AI SDK is not installed in .venv/ai-sdk (make programs installs it)")
    # Node looks for packages beside the program.
    (tmp_path / "node_modules").symlink_to(INSTALLED_IN / "node_modules")
    program = tmp_path / PROGRAM.name
    program.write_bytes(PROGRAM.read_bytes())
    done = subprocess.run(
        [node, str(program), proxy.url + path, CLIENT_KEY],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["name"]: line["value"] for line in told} == EXPECTED
