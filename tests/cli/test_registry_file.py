"""A registry file in the real program: start, reload, refusal."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cli.command import run, started
from tests.live import LiveProxy, live_proxy
from tests.waiting import until

FILE = """
providers:
  - base_url: http://127.0.0.1:9
    api_key_env: SOME_KEY
    models:
      - id: MODEL
"""
BROKEN = FILE.replace("api_key_env: SOME_KEY", "colour: red")


def models(proxy: LiveProxy) -> list[str]:
    return [entry["id"] for entry in proxy.get("/v1/models")[1]["data"]]


def registry(folder: Path, text: str, model: str) -> Path:
    path = folder / "providers.yaml"
    path.write_text(text.replace("MODEL", model))
    return path


def test_sighup_takes_over_a_changed_file(tmp_path: Path) -> None:
    path = registry(tmp_path, FILE, "old")
    with live_proxy({"CLAUDE_PROXY_CONFIG": str(path), "SOME_KEY": "sk-secret"}) as proxy:
        assert models(proxy) == ["old"]
        registry(tmp_path, FILE, "new")
        proxy.process.send_signal(signal.SIGHUP)
        until(lambda: models(proxy) == ["new"], "the new registry is not in force")
        assert "sk-secret" not in proxy.logged("upstreams: 127.0.0.1 | models: new")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(BROKEN, "providers.yaml:4: providers.0.colour: unknown key", id="a key"),
        pytest.param(
            "a: b: c",
            "providers.yaml:1: not valid YAML",
            id="no YAML",
            marks=pytest.mark.long,
        ),
        pytest.param(
            f"{FILE}        profile: {{visions: true}}",
            "model new: profile: visions: unknown profile flag",
            id="a profile flag",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_broken_file_is_refused_and_the_old_one_serves_on(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = registry(tmp_path, FILE, "old")
    with live_proxy({"CLAUDE_PROXY_CONFIG": str(path), "SOME_KEY": "sk-secret"}) as proxy:
        before = proxy.worker_pids()
        registry(tmp_path, text, "new")
        proxy.process.send_signal(signal.SIGHUP)
        until(lambda: "not reloaded" in proxy.log(), "the reload was not refused")
        assert reason in proxy.log()
        # A worker that dies now must come back with the old registry too.
        os.kill(before[0], signal.SIGKILL)
        until(lambda: bool(set(proxy.worker_pids()) - set(before)), "the worker is not back")
        until(lambda: proxy.get("/health")[0] == 200, "the worker does not serve")
        assert models(proxy) == ["old"]
        assert proxy.process.poll() is None


def test_the_command_line_names_the_file(tmp_path: Path) -> None:
    path = registry(tmp_path, f"port: 0\nak: secret\n{FILE}", "m")
    options = ("--config", str(path), "--host", "127.0.0.1", "--workers", "1")
    with started(tmp_path, *options, environ={"SOME_KEY": "sk-secret"}) as service:
        line = service.wait_for("Listening on")
        assert line.rstrip().endswith("| mode: fixed | upstreams: 127.0.0.1 | models: m")
    assert "secret" not in service.output


def test_check_tells_every_problem(tmp_path: Path) -> None:
    path = registry(tmp_path, f"port: high\n{BROKEN}", "m")
    done = run(tmp_path, "--config", str(path), "--check")
    assert done.returncode == 1
    assert f"port='high' ({path}:1) must be a whole number" in done.stderr
    assert f"{path}:5: providers.0.colour: unknown key" in done.stderr
    assert "Traceback" not in done.stderr


def test_print_config_tells_where_a_value_comes_from(tmp_path: Path) -> None:
    path = registry(tmp_path, f"ak: secret\nrouter: {{think: m}}\n{FILE}", "m")
    done = run(tmp_path, "--config", str(path), "--print-config", environ={"SOME_KEY": "sk-secret"})
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert lines["CLAUDE_PROXY_CONFIG"] == [str(path), "command", "line", "--config"]
    assert lines["CLAUDE_PROXY_ROUTER_THINK"] == ["m", "registry", "file", "router.think"]
    assert lines["CLAUDE_PROXY_AUTH_KEY"][-3:] == ["registry", "file", "ak"]
    assert "secret" not in done.stdout
