"""gunicorn around the application, started as operators start it."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trustme
from gunicorn.config import Config

from proxy.cli.serve import ServerLog
from proxy.server.shutdown import ShutdownState
from tests.cli.command import environment, run, run_module, started
from tests.live import LiveProxy, NotStarted, free_port, live_proxy
from tests.paths import ROOT
from tests.waiting import until

SHIPPED = ROOT / "deploy" / "gunicorn.conf.py"


def big_model(proxy: LiveProxy) -> str:
    return str(proxy.get("/")[1]["configuration"]["big_model"])


def write_dotenv(proxy: LiveProxy, text: str) -> None:
    (proxy.log_path.parent / ".env").write_text(text)


def hang_up(proxy: LiveProxy) -> None:
    proxy.process.send_signal(signal.SIGHUP)


def test_the_start_is_one_line(tmp_path: Path) -> None:
    port = free_port()
    environ = {
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_API_KEY": "sk-secret",
        "CLAUDE_PROXY_BIG_MODEL": "qwen3",
        "CLAUDE_PROXY_SMALL_MODEL": "llama3",
    }
    options = ("--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    with started(tmp_path, *options, environ=environ) as service:
        service.wait_for("Listening on")
        time.sleep(0.5)
        assert service.output == (
            f"Listening on http://127.0.0.1:{port} | mode: fixed | "
            "upstream: http://127.0.0.1:9/v1 | models: qwen3, llama3\n"
        )
    assert service.process.returncode == 0
    assert "sk-secret" not in service.output


def test_the_start_as_json_with_its_warnings(tmp_path: Path) -> None:
    environ = {
        "OPENAI_API_KEY": "sk-secret",
        "CLAUDE_PROXY_LOG_FORMAT": "json",
        "CLAUDE_PROXY_PORT": "0",
        "HOST": "x86_64-conda-linux-gnu",
    }
    with started(tmp_path, environ=environ) as service:
        service.wait_for("Listening on")
    lines: list[dict[str, Any]] = [json.loads(line) for line in service.output.splitlines()]
    messages = [line["message"] for line in lines]
    assert messages[0].startswith("HOST='x86_64-conda-linux-gnu' in the environment is ignored")
    assert messages[1].startswith(
        "no auth key is set: any client that can reach 0.0.0.0:0 can use OPENAI_API_KEY"
    )
    assert messages[2].startswith("Listening on http://0.0.0.0:")
    assert not messages[2].startswith("Listening on http://0.0.0.0:0 ")


def test_no_key_is_logged_at_any_level(tmp_path: Path) -> None:
    environ = {
        "OPENAI_API_KEY": "sk-secret-1",
        "CLAUDE_PROXY_AUTH_KEY": "secret-2",
        "CUSTOM_HEADER_X_A": "secret-3",
        "HTTP_PROXY": "http://user:secret-4@127.0.0.1:9",
        "CLAUDE_PROXY_LOG_LEVEL": "debug",
        "CLAUDE_PROXY_PORT": "0",
    }
    with started(tmp_path, "--workers", "1", environ=environ) as service:
        service.wait_for("Listening on")
        service.wait_for("Booting worker")
    assert "Current configuration" in service.output
    assert "secret" not in service.output


def test_sighup_reads_the_file_again() -> None:
    with live_proxy({}, workers=2) as proxy:
        old = proxy.worker_pids()
        assert big_model(proxy) == "gpt-4o"
        write_dotenv(proxy, "BIG_MODEL=next\n")
        hang_up(proxy)
        until(lambda: not set(old) & set(proxy.worker_pids()), "the workers were not replaced")
        until(lambda: big_model(proxy) == "next", "the new model is not in force")
        assert proxy.logged("Listening on", 2).count("Listening on") == 2


@pytest.mark.parametrize(
    ("dotenv", "reason"),
    [
        pytest.param(
            "CLAUDE_PROXY_STRICT=perhaps\nTIKTOKEN_MODEL=nobody\n",
            "CLAUDE_PROXY_STRICT='perhaps' (.env) must be true or false",
            id="a bad value",
        ),
        pytest.param(
            "TIKTOKEN_MODEL=nobody\n",
            "TIKTOKEN_MODEL='nobody' (.env) is neither",
            id="encoding",
            marks=pytest.mark.long,
        ),
    ],
)
def test_sighup_with_a_bad_file_leaves_everything_as_it_is(dotenv: str, reason: str) -> None:
    with live_proxy({}) as proxy:
        old = proxy.worker_pids()
        write_dotenv(proxy, f"BIG_MODEL=next\n{dotenv}")
        hang_up(proxy)
        until(lambda: "not reloaded" in proxy.log(), "the reload was not refused")
        assert reason in proxy.log()
        # A worker that dies now must come back with the old configuration too.
        os.kill(old[0], signal.SIGKILL)
        until(lambda: bool(set(proxy.worker_pids()) - set(old)), "the worker did not come back")
        until(lambda: big_model(proxy) == "gpt-4o", "the old configuration is gone")
        assert proxy.process.poll() is None


def test_sighup_cannot_move_the_service(tmp_path: Path) -> None:
    port = free_port()
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"HOST=127.0.0.1\nPORT={port}\n")
    with started(tmp_path) as service:
        service.wait_for("Listening on")
        dotenv.write_text(f"HOST=127.0.0.1\nPORT={free_port()}\n")
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("HOST and PORT cannot change while it runs")
        assert service.process.poll() is None


def test_sighup_through_the_command_keeps_its_options(tmp_path: Path) -> None:
    options = ("--host", "127.0.0.1", "--port", str(free_port()), "--workers", "1")
    with started(tmp_path, *options) as service:
        service.wait_for("Listening on")
        (tmp_path / ".env").write_text("BIG_MODEL=next\nPORT=1\n")
        service.process.send_signal(signal.SIGHUP)
        assert service.wait_for("models: next").startswith(
            f"Listening on http://127.0.0.1:{options[3]}"
        )


def test_the_shipped_configuration_refuses_bad_values_in_words() -> None:
    with pytest.raises(NotStarted) as caught, live_proxy({"CLAUDE_PROXY_STRICT": "perhaps"}):
        pass
    message = str(caught.value)
    assert "claude-proxy: bad configuration: CLAUDE_PROXY_STRICT='perhaps' must be" in message
    assert "the proxy ended with 1" in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--certfile", "bad.pem", "--keyfile", "bad.pem"), "PEM"),
        pytest.param(
            ("--certfile", "none.pem"), "No such file or directory", marks=pytest.mark.long
        ),
        pytest.param(("--keyfile", "bad.pem"), "certfile should be", marks=pytest.mark.long),
    ],
)
def test_a_bad_certificate_is_one_line_and_no_start(
    tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    arguments = ("-c", str(SHIPPED), *options, "wsgi:app")
    done = run_module(tmp_path, "gunicorn", *arguments, environ={"CLAUDE_PROXY_PORT": "0"})
    assert (done.returncode, done.stdout) == (3, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("claude-proxy: cannot serve TLS with certfile=")
    assert reason in line


def test_a_certificate_that_went_bad_stops_no_service(tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    authority = trustme.CA()
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(own)
    tls = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    with live_proxy({}, options=("--certfile", str(own), "--keyfile", str(own)), tls=tls) as proxy:
        old = proxy.worker_pids()
        own.write_text("half a certificate")
        hang_up(proxy)
        until(lambda: "not reloaded" in proxy.log(), "the reload was not refused")
        assert "cannot serve TLS with certfile=" in proxy.log()
        assert proxy.get("/health")[0] == 200
        assert proxy.worker_pids() == old


def test_an_application_that_is_not_there_is_no_stack_trace(tmp_path: Path) -> None:
    arguments = ("-c", str(SHIPPED), "wsgi:nothing")
    done = run_module(tmp_path, "gunicorn", *arguments, environ={"CLAUDE_PROXY_PORT": "0"})
    assert done.returncode == 4
    assert "Failed to find attribute 'nothing' in 'wsgi'." in done.stderr
    assert "Traceback" not in done.stderr


def test_another_worker_class_is_warned_about() -> None:
    with live_proxy({}, options=("--worker-class", "sync")) as proxy:
        proxy.logged("does not use the gevent worker")


def test_a_foreign_server_gets_one_warning_and_our_log(tmp_path: Path) -> None:
    port = free_port()
    options = ("--bind", f"127.0.0.1:{port}", "--worker-class", "sync", "wsgi:app")
    with started(tmp_path, *options, module="gunicorn") as service:
        line = service.wait_for("gunicorn -c deploy/gunicorn.conf.py wsgi:app")
        assert "WARNING" in line
        service.wait_for("Booting worker")
    assert service.output.count("does not use the gevent worker") == 1


@pytest.mark.parametrize(
    "options",
    [
        ("--worker-class", "gthread"),
        pytest.param(("--threads", "2"), marks=pytest.mark.long),
        pytest.param(("--worker-class", "gthread", "--preload"), marks=pytest.mark.long),
    ],
)
def test_a_server_with_threads_is_refused_at_once(tmp_path: Path, options: tuple[str, ...]) -> None:
    address = ("--bind", f"127.0.0.1:{free_port()}")
    with started(tmp_path, *address, *options, "wsgi:app", module="gunicorn") as service:
        assert service.process.wait(60) == 3
    [line] = [line for line in service.output.splitlines() if "claude-proxy" in line]
    assert line.endswith("start with: gunicorn -c deploy/gunicorn.conf.py wsgi:app")
    assert "Traceback" not in service.output


@pytest.mark.parametrize("module", ["gunicorn", "proxy.cli"])
def test_an_interrupted_start_ends_quietly(tmp_path: Path, module: str) -> None:
    options = {
        "gunicorn": ("-c", str(SHIPPED), "--bind", f"127.0.0.1:{free_port()}", "wsgi:app"),
        "proxy.cli": ("--port", str(free_port())),
    }
    with started(tmp_path, *options[module], module=module) as service:
        # What is loaded first is there; the rest takes a second.
        loaded = Path(f"/proc/{service.process.pid}/maps")
        until(lambda: "/orjson/" in loaded.read_text("utf-8"), "nothing is loaded")
        service.process.send_signal(signal.SIGINT)
        # As after a stop of the running service: make reports anything else as an error.
        assert service.process.wait(60) == 0
    assert "Traceback" not in service.output


def test_an_interrupted_start_leaves_no_files(tmp_path: Path) -> None:
    code = """
import os, signal
from proxy.cli.interrupt import end_when_interrupted
from proxy.cli.metrics_directory import VARIABLE, prepare_metrics_directory
end_when_interrupted()
prepare_metrics_directory()
print(os.environ[VARIABLE], os.path.isdir(os.environ[VARIABLE]), flush=True)
os.kill(os.getpid(), signal.SIGINT)
print("alive")
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60
    )
    made, was_there = done.stdout.split()
    assert (done.returncode, was_there, done.stderr) == (130, "True", "")
    assert not Path(made).exists()


def test_gevents_own_worker_needs_no_warning(tmp_path: Path) -> None:
    port = free_port()
    options = ("--bind", f"127.0.0.1:{port}", "--worker-class", "gevent", "wsgi:app")
    with started(tmp_path, *options, module="gunicorn") as service:
        service.wait_for("Booting worker")
        time.sleep(1.5)
        assert "does not use the gevent worker" not in service.output
        assert service.process.poll() is None


def test_the_master_loads_the_tokenizer_tables_for_all_workers() -> None:
    with live_proxy({}, workers=2) as proxy:
        grown = [_private_kilobytes(pid) for pid in proxy.worker_pids()]
        # Their own copies would be 117 MB.
        assert max(grown) < 60_000
        assert _private_kilobytes(proxy.process.pid, shared=True) > 100_000


def _private_kilobytes(pid: int, *, shared: bool = False) -> int:
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    sizes = {row.split(":")[0]: int(row.split()[1]) for row in rows}
    return sizes["Rss"] if shared else sizes["Private_Dirty"] + sizes["Private_Clean"]


def test_a_bad_start_does_not_fork(tmp_path: Path) -> None:
    done = run(tmp_path, "--workers", "none")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_the_log_says_nothing_of_the_signals_of_a_stop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("proxy.cli.serve.PROCESS", state := ShutdownState())
    log = ServerLog(Config())
    log.error_log.propagate = True
    # As gunicorn's arbiter calls it for a worker that a signal ended.
    words = "Worker (pid:%s) was sent %s!"
    log.warning(words, 7, "SIGQUIT")
    state.order_stop(at_once=True, last=True, seconds=5)
    log.warning(words, 8, "SIGQUIT")
    log.warning(words, 9, "SIGKILL")
    log.warning("something else")
    assert [record.getMessage() for record in caplog.records] == [
        "Worker (pid:7) was sent SIGQUIT!",
        "Worker (pid:9) was sent SIGKILL!",
        "something else",
    ]
