"""llama.cpp's own server on a tiny random model, and the proxy in front of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anthropic
import pytest

from tests.live import LiveProxy, free_port, live_proxy
from tests.paths import ROOT

HERE = Path(__file__).resolve().parent
MODEL = ROOT / ".venv" / "tiny-random.gguf"
"""Made once; it is the same bytes every time."""


@pytest.fixture(scope="session")
def model() -> Path:
    if not MODEL.exists():
        MODEL.parent.mkdir(exist_ok=True)
        # Another test process may be making it too.
        unfinished = MODEL.with_suffix(f".{os.getpid()}.part")
        subprocess.run(
            [sys.executable, str(HERE / "make_model.py"), str(unfinished)], check=True, timeout=60
        )
        unfinished.replace(MODEL)
    return MODEL


@pytest.fixture(scope="session")
def llama_url(model: Path) -> Iterator[str]:
    """Base URL of a running llama.cpp server, without a path."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(HERE / "serve.py"), str(model), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    with process.stdout as output:
        line = output.readline()
        assert line.startswith(b"listening"), f"the server did not start: {line!r}"
        yield f"http://127.0.0.1:{port}"
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def proxy(llama_url: str) -> Iterator[LiveProxy]:
    environ = {"OPENAI_BASE_URL": llama_url, "CLAUDE_PROXY_BIG_MODEL": "tiny-random"}
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def client(proxy: LiveProxy) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=proxy.url, auth_token="nobody-asks", api_key=None, max_retries=0
    ) as sdk:
        yield sdk
