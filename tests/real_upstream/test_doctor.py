"""The doctor in front of llama.cpp's own server: random words, but real refusals and grammars."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from config.settings import load_settings
from proxy.cli.doctor.command import doctor
from proxy.cli.doctor.probes import PROBES
from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile

CERTAIN = {
    "streaming": "works",
    "usage in streams": "works",
    "images": "refused",
    "response_format": "works",
}
"""What does not depend on the model's words."""
TOOLS = frozenset({"tools", "parallel tools", "parallel_tool_calls", "forced tool choice"})
"""Random words may look like a broken call, which this server answers with a 500."""


@pytest.mark.long
def test_a_real_server(llama_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Random words rarely end by themselves.
    model = {"id": "tiny-random", "profile": {"max_output": 128}}
    registry = {"providers": [{"name": "llama", "base_url": llama_url, "models": [model]}]}
    path = tmp_path / "registry.json"
    path.write_text(json.dumps(registry))
    doctor(load_settings({"CLAUDE_PROXY_CONFIG": str(path)}), model=None)
    lines = capsys.readouterr().out.splitlines()
    words = {
        probe.name: line[len(probe.name) :].split()[0]
        for probe in PROBES
        for line in lines
        if line.startswith(f"{probe.name}  ")
    }
    assert words.keys() == {probe.name for probe in PROBES}
    assert words | CERTAIN == words
    assert {words["answers"], words["output limit"]} <= {"works", "accepted"}
    assert {name for name, word in words.items() if word == "refused"} == {"images"}
    failed = {name for name, word in words.items() if word in ("failed", "skipped")}
    assert failed <= TOOLS
    flags = yaml.safe_load(lines[-2])["profile"]
    assert overridden(Profile(), flags).vision is False
    assert flags.get("tool_choice", "required") == "required"
    assert flags.keys() <= {"vision", "tool_choice"}
