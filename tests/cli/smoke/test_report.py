"""The report (proxy/cli/smoke/report.py)."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from proxy.cli.interrupt import INTERRUPTED
from proxy.cli.main import main
from proxy.cli.smoke.outcome import Row, Spent
from proxy.cli.smoke.report import COLUMNS, as_json, failures, section, total
from tests.cli.command import started
from tests.cli.smoke.messages_server import MessagesServer, error, served
from tests.upstream_stub import Sleep

ROWS = (
    Row("health", "passed", "version 1, mode fixed", 0.011, Spent(1)),
    Row(
        "tools", "failed", "HTTP 500 api_error: It broke and this is why " * 2, 12.5, Spent(1), "m"
    ),
    Row("cancellation", "not supported", "", 61.0, Spent(2, 123_456, 789), "m"),
    Row("image", "skipped", "not now", 0.0, Spent(), "m"),
)


def test_the_table_fits_80_columns() -> None:
    table = section(ROWS, "Model m")
    assert (
        table
        == """\
Model m
CHECK         RESULT            TIME     TOKENS  NOTE
health        passed          0.01 s             version 1, mode fixed
tools         failed         12.50 s             HTTP 500 api_error: It broke
                                                 and this is why HTTP 500
                                                 api_error: It broke and this is
                                                 why
cancellation  not supported  61.00 s  123456+789
image         skipped                            not now"""
    )
    assert max(len(line) for line in table.splitlines()) <= COLUMNS


def test_the_last_line_has_the_sums() -> None:
    assert total(ROWS) == (
        "1 passed, 1 failed, 1 not supported, 1 skipped | 73.5 s | "
        "4 requests, 123456 tokens in, 789 out"
    )
    assert failures(ROWS) == "tools of m"


def test_what_was_interrupted_has_not_passed() -> None:
    assert json.loads(as_json("http://here", ROWS[:1]))["passed"] is True
    assert json.loads(as_json("http://here", ROWS[:1], complete=False))["passed"] is False


def test_the_same_as_json() -> None:
    report = json.loads(as_json("http://here", ROWS))
    assert (report["url"], report["passed"]) == ("http://here", False)
    assert report["results"] == {"passed": 1, "failed": 1, "not supported": 1, "skipped": 1}
    assert report["checks"][2] == {
        "model": "m",
        "check": "cancellation",
        "result": "not supported",
        "note": "",
        "seconds": 61.0,
        "requests": 2,
        "input_tokens": 123_456,
        "output_tokens": 789,
    }


def test_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = error(400, "invalid_request_error", "a\x1b[31m red\nline")
    with served(MessagesServer(paths={"/v1/messages/count_tokens": refusal})) as stub:
        assert main(["smoke", stub.origin]) == 1
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0] == f"Server {stub.origin}"
    assert "Model claude-sonnet-5" in lines
    assert [line.split()[0] for line in lines if "passed  " in line] == [
        *("health", "models", "errors", "message", "stream", "tools", "thinking", "image"),
        "cancellation",
    ]
    assert lines[-1].startswith("9 passed, 2 skipped, 1 failed | ")
    assert "\x1b" not in shown.out
    assert max(map(len, lines)) <= COLUMNS
    progress = shown.err.splitlines()
    assert progress[0].startswith("[1/3] health: passed (")
    assert progress[3].startswith("[1/9] claude-sonnet-5: message: passed (")
    assert progress[-1] == "claude-proxy: failed: count of claude-sonnet-5"


def test_after_ctrl_c_there_is_a_report_of_what_was_done(tmp_path: Path) -> None:
    silent = MessagesServer(paths={"/v1/messages": (Sleep(60),)})
    with served(silent) as stub, started(tmp_path, "smoke", stub.origin) as command:
        command.wait_for("[2/3] models: passed")
        assert stub.wait_for_requests(4)
        command.process.send_signal(signal.SIGINT)
        assert command.process.wait(30) == INTERRUPTED
        lines = command.output.splitlines()
    assert lines[-1].startswith("2 passed | ")
    assert not [line for line in lines if "Traceback" in line or "KeyboardInterrupt" in line]
