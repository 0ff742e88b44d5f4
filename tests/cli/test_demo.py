"""``claude-proxy demo``: from an empty machine to a streamed message."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from proxy.cli.demo import UPSTREAM, curl_line, demo_settings
from tests.cli.command import started
from tests.live import free_port
from tests.paths import ROOT


def test_nothing_of_a_real_upstream_takes_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_BASE_URL", "HTTPS_PROXY", "MIDDLE_MODEL", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "nonsense")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.setenv("CLAUDE_PROXY_AUTH_KEY", "secret")
    monkeypatch.setenv("CUSTOM_HEADER_X", "secret")
    settings = demo_settings({}, 9)
    assert settings.openai_base_url == "http://127.0.0.1:9/v1"
    assert settings.openai_api_key == "demo"
    assert (settings.auth_keys, settings.custom_headers, settings.proxies) == ((), (), {})
    models = {settings.big_model, settings.middle_model, settings.small_model}
    assert models == {"demo"}


@pytest.mark.parametrize(
    ("environ", "dotenv", "arguments", "host"),
    [
        pytest.param({}, "", {}, "127.0.0.1", id="this machine alone"),
        pytest.param({"HOST": "0.0.0.0"}, "", {}, "0.0.0.0", id="environment"),
        pytest.param({}, "HOST=0.0.0.0", {}, "0.0.0.0", id="file, bare"),
        pytest.param({}, "CLAUDE_PROXY_HOST=0.0.0.0", {}, "0.0.0.0", id="file, prefixed"),
        pytest.param({}, "HOST=", {}, "127.0.0.1", id="empty in the file"),
        pytest.param({}, "", {"host": "0.0.0.0"}, "0.0.0.0", id="command line"),
    ],
)
def test_where_it_listens_may_be_chosen(
    environ: dict[str, str],
    dotenv: str,
    arguments: dict[str, object],
    host: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOST", raising=False)
    Path(".env").write_text(dotenv)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert demo_settings(arguments, 9).host == host


def test_the_curl_line_streams_thinking_text_and_a_tool_call(tmp_path: Path) -> None:
    port = free_port()
    environ = {"CLAUDE_PROXY_AUTH_KEY": "secret", "HTTP_PROXY": "http://127.0.0.1:9"}
    with started(tmp_path, "demo", "--port", str(port), environ=environ) as demo:
        ready = demo.wait_for("Listening on")
        assert ready.startswith(f"Listening on http://127.0.0.1:{port} | mode: fixed | upstream: ")
        line = demo.wait_for("curl -N")
        assert demo.output.index("curl -N") < demo.output.index("Listening on")
        body = answer_to(line)
        upstream = _child(demo.process.pid, "demo_upstream")
    events = [line.partition(" ")[2] for line in body.splitlines() if line.startswith("event:")]
    assert events[0] == "message_start"
    assert events[-1] == "message_stop"
    for delta in ("thinking_delta", "text_delta", "input_json_delta"):
        assert f'"type":"{delta}"' in body
    assert '"stop_reason":"tool_use"' in body
    assert "Traceback" not in demo.output
    assert _ends(upstream), "the stand-in upstream outlived the demonstration"


def test_the_curl_line_goes_to_an_address_that_clients_can_reach() -> None:
    assert curl_line(demo_settings({"host": "0.0.0.0", "port": 9}, 1)).startswith(
        "curl -N http://127.0.0.1:9/v1/messages "
    )


def answer_to(curl: str) -> str:
    """What the command would print; curl itself need not be there."""
    command, option, url, header_option, header, data_option, data = shlex.split(curl)
    assert (command, option, header_option, data_option) == ("curl", "-N", "-H", "-d")
    name, _, value = header.partition(": ")
    request = urllib.request.Request(url, data.encode(), {name: value})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return str(response.read().decode())


def _child(parent: int, part_of_command: str) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()
    [pid] = [
        int(child)
        for child in children
        if part_of_command in Path(f"/proc/{child}/cmdline").read_text()
    ]
    return pid


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return True
        time.sleep(0.05)
    return False


def test_the_stand_in_upstream_ends_where_the_demo_has_ended_before_it_started() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = subprocess.run(
            [*UPSTREAM, str(listener.fileno()), str(gone.pid)],
            pass_fds=[listener.fileno()],
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0
