"""The command line's words and exit codes (docs/features.md "Command line")."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.variables.table import VARIABLES
from proxy import __version__
from proxy.cli.main import main
from tests.cli.command import environment, run


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        for name in variable.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    # In a checkout with the commit; which one: test_commit.py.
    shown = re.escape(f"claude-proxy {__version__}")
    assert re.fullmatch(shown + r"( \(commit [0-9a-f]{7}\))?\n", capsys.readouterr().out)


def test_help_names_every_option_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    words = capsys.readouterr().out.split()
    wanted = ["--host", "--port", "--workers", "--check", "--print-config", "--version"]
    assert {*wanted, "demo", "doctor", "claude-code", "healthcheck"} <= set(words)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--frobnicate"], id="unknown option"),
        pytest.param(["frobnicate"], id="unknown command"),
        pytest.param(["--ver"], id="shortened option"),
        pytest.param(["--port"], id="option without its value"),
        pytest.param(["demo", "--check"], id="option of another command"),
    ],
)
def test_bad_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "claude-proxy" in capsys.readouterr().err


def test_check_of_a_good_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert main(["--check", "--host", "127.0.0.1"]) == 0
    shown = capsys.readouterr()
    assert shown.out == (
        "The configuration is valid | mode: fixed | upstream: https://api.openai.com/v1 "
        "| models: gpt-4o, gpt-4o-mini\n"
    )
    assert shown.err == ""


def test_check_tells_what_looks_like_a_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("PORT", "x")
    assert main(["--check"]) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("WARNING: PORT='x' in the environment is ignored")
    assert second.startswith(
        "WARNING: no auth key is set: any client that can reach 0.0.0.0:8085 can use OPENAI_API_KEY"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="start"),
        pytest.param(["--check"], id="--check"),
        pytest.param(["claude-code"], id="claude-code"),
    ],
)
def test_a_bad_configuration_exits_with_1_and_names_everything(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIKTOKEN_MODEL", "nobody")
    monkeypatch.setenv("CLAUDE_PROXY_WORKERS", "0")
    Path(".env").write_text("PORT=x\n")
    assert main(arguments) == 1
    message = capsys.readouterr().err
    assert message.startswith("claude-proxy: bad configuration:\n")
    assert "  CLAUDE_PROXY_WORKERS='0' must be a whole number" in message
    assert "  PORT='x' (.env) must be a whole number" in message
    assert "  TIKTOKEN_MODEL='nobody' is neither an encoding (" in message
    assert "Traceback" not in message


def test_a_variable_that_is_not_read_is_an_error_of_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLAUDE_PROXY_AUHT_KEY", "sk-secret")
    Path(".env").write_text("OPENAI_API_KEY: sk-secret\n")
    assert main(["--check"]) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (
        "",
        "claude-proxy: bad configuration:\n"
        "  CLAUDE_PROXY_AUHT_KEY is not read: write CLAUDE_PROXY_AUTH_KEY\n"
        "  .env: line 1 is not read: write NAME=value, with the quotes in pairs\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--check"], id="a variable"),
        pytest.param(["init", "--yes", "--provider", "sk-secret-1"], id="provider"),
        pytest.param(["init", "--yes", "--base-url", "sk-secret-1"], id="base URL"),
        pytest.param(["init", "--yes", "--key-env", "sk-secret-1"], id="name of a variable"),
        pytest.param(["claude-code", "--offline", "--url", "sk-secret-1"], id="address"),
        pytest.param(["claude-code", "--key-env", "sk-secret-1"], id="name for the client"),
    ],
)
def test_a_key_in_the_wrong_place_is_not_shown(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments == ["--check"]:
        monkeypatch.setenv("OPENAI_BASE_URL", "sk-secret-1")
    assert main(arguments) in (1, 2)
    shown = capsys.readouterr()
    assert "***" in shown.err
    assert "secret" not in shown.out + shown.err


def test_a_bad_value_of_an_option_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--port", "x"]) == 2
    assert capsys.readouterr().err == (
        "claude-proxy: bad configuration: --port='x' must be a whole number from 0 to 65535\n"
    )


def test_print_config_refuses_what_the_start_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLAUDE_PROXY_WORKERS", "0")
    assert main(["--print-config"]) == 1
    assert capsys.readouterr().out == ""


def test_print_config(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("BIG_MODEL", "big")
    Path(".env").write_text("\N{ZERO WIDTH NO-BREAK SPACE}SMALL_MODEL=small # mine\nBIG_MODEL=no\n")
    assert main(["--print-config", "--port", "9"]) == 0
    output = capsys.readouterr().out
    lines = {line.split()[0]: line.split()[1:] for line in output.splitlines()}
    assert lines["CLAUDE_PROXY_BIG_MODEL"] == ["big", "environment", "BIG_MODEL"]
    assert lines["CLAUDE_PROXY_MIDDLE_MODEL"] == ["big", "as", "big_model"]
    assert lines["CLAUDE_PROXY_SMALL_MODEL"] == ["small", ".env", "SMALL_MODEL"]
    assert lines["CLAUDE_PROXY_PORT"] == ["9", "command", "line", "--port"]
    assert lines["CLAUDE_PROXY_WORKER_CONNECTIONS"] == ["1000", "default"]
    assert "sk-secret" not in output


def test_a_port_in_use_is_one_line_that_says_what_to_do(
    taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--host", "127.0.0.1", "--port", str(taken_port)]) == 3
    assert capsys.readouterr().err == (
        f"claude-proxy: 127.0.0.1:{taken_port} is in use: stop the program that listens there, "
        "or choose another port with --port or CLAUDE_PROXY_PORT\n"
    )


def test_demo_on_a_port_in_use(taken_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", str(taken_port)]) == 3
    assert "is in use" in capsys.readouterr().err


def test_options_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "9", "claude-code", "--offline"]) == 0
    assert '"http://127.0.0.1:9"' in capsys.readouterr().out
    assert main(["--port", "9", "claude-code", "--port", "10", "--offline"]) == 0
    assert '"http://127.0.0.1:10"' in capsys.readouterr().out


def test_as_a_program_without_a_stack_trace(tmp_path: Path) -> None:
    done = run(tmp_path, environ={"OPENAI_BASE_URL": "nonsense"})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "claude-proxy: bad configuration: "
        "OPENAI_BASE_URL='nonsense' must begin with http:// or https://\n"
    )


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    # In a shell: under gevent the parent's end of a pipe may be closed late.
    script = '{ "$0" -m proxy.cli --print-config; echo $? >code; } 2>errors | true'
    subprocess.run(
        ["sh", "-c", script, sys.executable],
        cwd=tmp_path,
        env=environment(tmp_path),
        timeout=60,
        check=True,
    )
    assert (tmp_path / "code").read_text() == "1\n"
    assert (tmp_path / "errors").read_text() == ""


def test_a_client_file_that_cannot_be_merged_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "settings.json").write_text("[]")
    assert main(["claude-code", "--offline", "--write", "--key", "k"]) == 1
    assert capsys.readouterr().err == (
        f"claude-proxy: {tmp_path}/.claude/settings.json does not hold an object\n"
    )
