"""LangChain's standard tests for ChatAnthropic pass through the proxy."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.claude_code.samples import pdf, png
from tests.claude_code.strict_upstream import StrictUpstream
from tests.frameworks.conftest import CLIENT_KEY
from tests.live import LiveProxy
from tests.paths import ROOT

INSTALLED_IN = ROOT / ".venv/langchain"
STANDARD = Path(__file__).with_name("langchain_standard.py")
NOT_OFFERED = {
    "Test requires json mode support.",
    "Model does not support audio inputs.",
    "VCR not set up.",
}
"""ChatAnthropic has neither a JSON mode nor audio; the third test measures time."""


@pytest.mark.long
def test_standard_integration_tests(
    proxy: LiveProxy, upstream: StrictUpstream, tmp_path: Path
) -> None:
    if not (INSTALLED_IN / ".installed").exists():
        pytest.skip("LangChain is not installed in .venv/langchain (make programs installs it)")
    # A copy in a directory of its own, so that it does not use the conftest files of the project.
    (tmp_path / STANDARD.name).write_bytes(STANDARD.read_bytes())
    (tmp_path / "picture.png").write_bytes(png())
    (tmp_path / "document.pdf").write_bytes(pdf("A title"))
    options = ["-rfEs", "--benchmark-disable", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PROXY_URL": proxy.url,
        "ANTHROPIC_API_KEY": CLIENT_KEY,
        "LANGSMITH_TRACING": "false",
    }
    done = subprocess.run(
        [
            str(INSTALLED_IN / "bin/python"),
            "-m",
            "pytest",
            *options,
            "--rootdir",
            str(tmp_path),
            STANDARD.name,
        ],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    reasons = re.findall(r"^SKIPPED \[1\] .*?:\d+: (.*)$", done.stdout, re.MULTILINE)
    assert set(reasons) <= NOT_OFFERED, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout
    assert int(passed[1]) >= 45, done.stdout
