"""The service as another user than root, with a read-only root file system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.read_only import NOBODY, PLACE, SCRATCH
from tests.live import STOP_SECONDS, free_port
from tests.paths import ROOT
from tests.security.wire import Answer, answers, exchange, request
from tests.upstream_stub import UpstreamStub, completion, json_answer
from tests.waiting import until

PROGRAM = Path(__file__).with_name("read_only.py")
UNSHARE = ["unshare", "--mount", "--kill-child", "--fork"]


def can_mount() -> bool:
    """Whether this machine lets its root make a namespace with a read-only root."""
    if os.geteuid() != 0 or not str(Path(sys.executable)).startswith(str(ROOT)):
        return False
    command = [*UNSHARE, sys.executable, str(PROGRAM), str(ROOT), "", "/bin/true"]
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not can_mount(), reason="only root may mount, with .venv in the checkout"),
]


@contextmanager
def confined(
    writable: tuple[str, ...], environ: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The program as shipped, where only ``writable`` can be written to."""
    python = PLACE + sys.executable.removeprefix(str(ROOT))
    shipped = [python, "-m", "gunicorn", "-c", f"{PLACE}/deploy/gunicorn.conf.py", "wsgi:app"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*UNSHARE, sys.executable, str(PROGRAM), str(ROOT), ",".join(writable), *shipped],
            env={"PATH": os.defpath, "PYTHONPATH": PLACE, "PYTHONUNBUFFERED": "1", **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def stub() -> Iterator[UpstreamStub]:
    upstream = UpstreamStub(default=json_answer(completion()))
    yield upstream
    upstream.close()


def environ_for(stub: UpstreamStub, port: int) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": stub.base_url,
        "OPENAI_API_KEY": "sk-server",
        "CLAUDE_PROXY_BIG_MODEL": "gpt-4o",
        "CLAUDE_PROXY_HOST": "127.0.0.1",
        "CLAUDE_PROXY_PORT": str(port),
        "CLAUDE_PROXY_WORKERS": "2",
        "CLAUDE_PROXY_GRACEFUL_TIMEOUT": "4",
    }


def asked(port: int, raw: bytes) -> Answer | None:
    try:
        return answers(exchange(port, raw))[0]
    except OSError:
        return None


@pytest.mark.parametrize("writable", SCRATCH)
def test_one_writable_directory_is_enough(
    stub: UpstreamStub, tmp_path: Path, writable: str
) -> None:
    port, log = free_port(), tmp_path / "log"
    with confined((writable,), environ_for(stub, port), log) as process:

        def is_healthy() -> bool:
            assert process.poll() is None, log.read_text("utf-8", "replace")
            seen = asked(port, request("GET", "/health"))
            return seen is not None and seen.status == 200

        until(is_healthy, "it does not start")
        turns = [{"role": "user", "content": "x"}]
        body = json.dumps({"model": "claude-sonnet-5", "max_tokens": 5, "messages": turns}).encode()
        # Large enough for everything that buffers, and compressed answers of the statistics.
        large = json.dumps({"model": "m", "max_tokens": 5, "messages": turns, "u": "x" * 9_000_000})
        for raw in (body, large.encode()):
            seen = asked(port, request("POST", "/v1/messages", raw, x_api_key="k"))
            assert seen is not None
            assert seen.status == 200
        seen = asked(port, request("GET", "/metrics"))
        assert seen is not None
        assert b"claude_proxy_requests_total" in seen.body
        (pid,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        owners = Path(f"/proc/{pid}/status").read_text("ascii").split("Uid:")[1].split()[:4]
        assert owners == [str(NOBODY)] * 4
    text = log.read_text("utf-8", "replace")
    assert "Traceback" not in text
    assert "Read-only" not in text


def test_it_says_what_is_missing_if_nothing_is_writable(stub: UpstreamStub, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with confined((), environ_for(stub, free_port()), log) as process:
        assert process.wait(60) == 3
    (line,) = log.read_text("utf-8").splitlines()
    assert line.startswith("claude-proxy: cannot create a directory for the metrics (")
    assert "/tmp" in line
    assert line.endswith("set PROMETHEUS_MULTIPROC_DIR to a directory that this user may write to")
