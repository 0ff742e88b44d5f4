"""The real program, started the way an operator starts it.

Rule: tests that go through here see nothing but a process, its port and its log. The child gets a
bare environment and an empty working directory, so neither a developer's variables nor a ``.env``
file reach it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.paths import ROOT
from tests.waiting import until

START_SECONDS = 90.0
STOP_SECONDS = 20.0
PORTS = 1000
FIRST_PORT = 20_000 + PORTS * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
NAMED_MODELS = {
    "CLAUDE_PROXY_BIG_MODEL": "gpt-4o",
    "CLAUDE_PROXY_MIDDLE_MODEL": "gpt-4o",
    "CLAUDE_PROXY_SMALL_MODEL": "gpt-4o-mini",
}
"""Set so that no scripted upstream is asked for its list of models; ``""`` is as if it were not set."""
_counter = itertools.count(random.randrange(PORTS))
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotStarted(AssertionError):
    """The program ended or stayed silent; the message holds its log."""


@dataclass(slots=True)
class LiveProxy:
    """A running claude-proxy."""

    process: subprocess.Popen[bytes]
    port: int
    log_path: Path
    tls: ssl.SSLContext | None = None
    """Where it speaks TLS, and what its certificate is checked by."""

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def log(self) -> str:
        """Everything that the program has written so far, master and workers."""
        return self.log_path.read_text("utf-8", "replace")

    def logged(self, words: str, count: int = 1) -> str:
        """The log once it has ``words`` so often: lines are written some milliseconds after answers."""
        until(lambda: self.log().count(words) >= count, f"not {count} times in the log: {words}")
        return self.log()

    def worker_pids(self) -> list[int]:
        """Process ids of the workers, as the kernel knows them."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
        return [int(child) for child in children.split()]

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Status and JSON body of a plain GET; an error status is an answer too."""
        request = urllib.request.Request(self.url + path, headers=dict(headers or {}))
        try:
            with self._open(request) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def _open(self, request: urllib.request.Request) -> Any:
        if self.tls is None:
            return _DIRECT.open(request, timeout=60)
        over_tls = urllib.request.HTTPSHandler(context=self.tls)
        direct = urllib.request.ProxyHandler({})
        return urllib.request.build_opener(direct, over_tls).open(request, timeout=60)


def free_port() -> int:
    """A port on the loopback address that nothing listens on.

    Each test process takes its ports from a range of its own, below those that the kernel gives
    away, so that none is taken between this check and its use.
    """
    for _ in range(PORTS):
        port = FIRST_PORT + next(_counter) % PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextmanager
def live_proxy(
    environ: Mapping[str, str],
    *,
    options: Sequence[str] = (),
    workers: int = 1,
    tls: ssl.SSLContext | None = None,
    root: Path = ROOT,
    command: Sequence[str] = (),
    output: int | None = None,
) -> Iterator[LiveProxy]:
    """Run gunicorn with the shipped configuration until the block is left.

    ``environ`` is added to a bare environment; ``options`` are gunicorn's own, such as
    ``--preload``; ``tls`` is what checks the certificate that these name; ``root`` is the checkout
    that runs; ``command`` is a program that executes the rest of its arguments in the same process;
    ``output`` is a descriptor that it writes to in place of the log file that ``log`` reads. Raises
    ``NotStarted`` when ``/health`` does not answer in time.
    """
    port = free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", str(root / "deploy" / "gunicorn.conf.py")]
    with tempfile.TemporaryDirectory(prefix="live-proxy-") as directory:
        log_path = Path(directory) / "log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [*command, *gunicorn, *options, "wsgi:app"],
                cwd=directory,
                env=_environment(root, port, workers, directory) | _named(environ),
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=subprocess.STDOUT,
            )
        proxy = LiveProxy(process, port, log_path, tls)
        try:
            _wait_until_healthy(proxy)
            yield proxy
        finally:
            _stop(process)


def _environment(root: Path, port: int, workers: int, home: str) -> dict[str, str]:
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
        "CLAUDE_PROXY_HOST": "127.0.0.1",
        "CLAUDE_PROXY_PORT": str(port),
        "CLAUDE_PROXY_WORKERS": str(workers),
        "CLAUDE_PROXY_GRACEFUL_TIMEOUT": "4",
    }
    # So that a coverage run of the tests measures the program as well.
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return environ | measured


def _named(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with the names of models wherever it has an upstream that could be asked for them."""
    return {**(NAMED_MODELS if "OPENAI_BASE_URL" in environ else {}), **environ}


def _wait_until_healthy(proxy: LiveProxy) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if proxy.process.poll() is not None:
            raise NotStarted(f"the proxy ended with {proxy.process.returncode}:\n{proxy.log()}")
        try:
            if proxy.get("/health")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise NotStarted(f"no answer from /health within {START_SECONDS:g} s:\n{proxy.log()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        # gunicorn's quick stop: open streams of a failed test are not waited for.
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
