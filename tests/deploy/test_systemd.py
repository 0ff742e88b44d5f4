"""The systemd unit, judged by systemd itself, and the program inside the unit's sandbox."""

from __future__ import annotations

import ctypes
import errno
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.settings import Settings
from config.variables.table import VARIABLES
from proxy.cli.errors import BAD_USAGE, FAILED, REFUSED, CannotStart
from tests.deploy.systemctl import Unit, environment, read_unit
from tests.live import free_port
from tests.paths import ROOT
from tests.upstream_stub import UpstreamStub, text_stream

UNIT = ROOT / "deploy" / "systemd" / "claude-proxy.service"
CONFINED = Path(__file__).with_name("confined.py")
MOST_EXPOSURE = 2.0
START_SECONDS = 90.0
STREAMED = (
    b'{"model": "claude-sonnet-5", "max_tokens": 9, "stream": true,'
    b' "messages": [{"role": "user", "content": "Hi"}]}'
)

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed: make programs",
)


def unit(name: str) -> Unit:
    return read_unit(UNIT.read_text("utf-8"), name)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@needs_systemd
def test_the_unit_is_hardened() -> None:
    judged = analyze("security", "--offline=true", str(UNIT))
    found = re.search(r"Overall exposure level for claude-proxy\.service: ([\d.]+)", judged.stdout)
    assert found, judged.stdout + judged.stderr
    assert float(found[1]) <= MOST_EXPOSURE


@needs_systemd
@pytest.mark.parametrize("name", ["claude-proxy.service", "claude-proxy@8085.service"])
def test_systemd_accepts_the_unit(tmp_path: Path, name: str) -> None:
    # The one place where the program is not installed where the unit expects it.
    text, places = re.subn(
        r"(?m)^ExecStart=/opt/claude-proxy/current/bin/claude-proxy$",
        f"ExecStart={sys.executable}",
        UNIT.read_text("utf-8"),
    )
    assert places == 1
    (tmp_path / name).write_text(text, "utf-8")
    verified = analyze("verify", str(tmp_path / name))
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


@needs_systemd
def test_systemd_would_complain_about_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "claude-proxy.service"
    path.write_text(UNIT.read_text("utf-8").replace("KillMode=", "KilMode="), "utf-8")
    assert "KilMode" in analyze("verify", str(path)).stderr


def test_a_stop_waits_for_running_streams() -> None:
    service = unit("claude-proxy.service")
    defaults = Settings()
    longest = defaults.graceful_timeout
    assert float(service["TimeoutStopSec"][0]) > longest
    # To the master alone: workers that hear of it themselves would not drain.
    assert (service["KillMode"], service["KillSignal"]) == (["mixed"], ["SIGTERM"])
    assert service["Type"] == ["notify"]


def test_only_what_the_system_refuses_is_tried_again() -> None:
    service = unit("claude-proxy.service")
    assert service["Restart"] == ["on-failure"]
    assert service["RestartPreventExitStatus"] == [f"{FAILED} {BAD_USAGE}"]
    assert CannotStart.exit_code == REFUSED


def test_the_instance_is_the_port(tmp_path: Path) -> None:
    service = unit("claude-proxy@8086.service")
    assert service["RuntimeDirectory"] == ["claude-proxy@8086"]
    (tmp_path / "environment").write_text("# a comment\nOPENAI_API_KEY=a = b # c\n", "utf-8")
    service["EnvironmentFile"] = [f"-{tmp_path}/environment"]
    assert environment(service) == {
        "CLAUDE_PROXY_HOST": "127.0.0.1",
        "CLAUDE_PROXY_PORT": "8086",
        "TMPDIR": "/run/claude-proxy@8086",
        "OPENAI_API_KEY": "a = b # c",
    }


def test_the_unit_sets_variables_that_exist() -> None:
    known = {name for variable in VARIABLES for name in variable.names} | {"TMPDIR"}
    service = unit("claude-proxy.service") | {"EnvironmentFile": []}
    assert set(environment(service)) <= known


def allowed_calls() -> list[str]:
    """What the unit's ``SystemCallFilter`` lines leave, groups taken apart by systemd."""
    allowed: set[str] = set()
    for line in unit("claude-proxy.service")["SystemCallFilter"]:
        names = {call for word in line.removeprefix("~").split() for call in _calls(word)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    # systemd lets a filter always pass what starts the program.
    return sorted(allowed | {"execve", "exit", "exit_group", "rt_sigreturn"})


def _calls(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    lines = analyze("syscall-filter", word).stdout.splitlines()[1:]
    inside = [line.strip() for line in lines if line.startswith(" ")]
    return {call for name in inside if not name.startswith("#") for call in _calls(name)}


def _confinable() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    get_mdwe = 66
    return bool(libc.prctl(get_mdwe, 0, 0, 0, 0) >= 0)


needs_sandbox = pytest.mark.skipif(
    sys.platform != "linux" or not _confinable(), reason="the kernel has no PR_SET_MDWE (Linux 6.3)"
)


@needs_systemd
@needs_sandbox
def test_the_sandbox_of_these_tests_confines(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.write_text("\n".join(allowed_calls()), "ascii")
    attempts = (
        "import mmap, os\n"
        "for attempt in (lambda: mmap.mmap(-1, 4096, prot=7), lambda: os.chroot('/'),\n"
        "                lambda: os.setpriority(os.PRIO_PROCESS, 0, 5)):\n"
        "    try: attempt(); print('done')\n"
        "    except OSError as error: print(error.errno)\n"
    )
    command = [sys.executable, str(CONFINED), str(calls), sys.executable, "-c", attempts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(errno.EACCES), str(errno.EPERM), str(errno.EPERM)], done


@contextmanager
def confined_proxy(tmp_path: Path, upstream: UpstreamStub) -> Iterator[tuple[int, int, Path]]:
    """claude-proxy in the sandbox after it said READY: its port, process id and log."""
    (tmp_path / "calls").write_text("\n".join(allowed_calls()), "ascii")
    port = free_port()
    program = shutil.which("claude-proxy", path=str(Path(sys.executable).parent))
    assert program
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
        (tmp_path / "log").open("wb") as log,
    ):
        ready.bind(str(tmp_path / "notify"))
        ready.settimeout(START_SECONDS)
        command = [sys.executable, str(CONFINED), str(tmp_path / "calls"), sys.executable, program]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(ROOT),
                "CLAUDE_PROXY_HOST": "127.0.0.1",
                "CLAUDE_PROXY_PORT": str(port),
                "CLAUDE_PROXY_WORKERS": "2",
                "CLAUDE_PROXY_GRACEFUL_TIMEOUT": "6",
                "OPENAI_BASE_URL": upstream.base_url,
                "OPENAI_API_KEY": "sk-server",
                "CLAUDE_PROXY_BIG_MODEL": "gpt-4o",
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "TMPDIR": str(tmp_path),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            while b"READY=1" not in ready.recv(4096):
                pass
            yield port, process.pid, tmp_path / "log"
            process.wait(60)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def stream(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/v1/messages", STREAMED, {"content-type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


@needs_systemd
@needs_sandbox
def test_the_program_runs_in_the_sandbox(tmp_path: Path, upstream: UpstreamStub) -> None:
    upstream.default = text_stream("one ", "two")
    with confined_proxy(tmp_path, upstream) as (port, pid, log):
        assert stream(port).count(b'"text_delta"') == 2
        os.kill(pid, signal.SIGHUP)
        time.sleep(1)
        assert stream(port).count(b'"text_delta"') == 2
        os.kill(pid, signal.SIGTERM)
    said = log.read_text("utf-8")
    assert "Traceback" not in said
    assert not re.search(r"ERROR|Operation not permitted|are estimated", said), said
