"""Which proxy is tested, with which key (proxy/cli/smoke/target.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.errors import UsageError
from proxy.cli.main import main
from proxy.cli.smoke.target import key_for, smoke_url
from proxy.cli.smoke.wire import Target
from tests.cli.smoke.messages_server import IDENTITY, MessagesServer, served
from tests.cli.smoke.runs import smoke
from tests.upstream_stub import json_answer

Capture = pytest.CaptureFixture[str]
AUTH_KEY = "an-auth-key-of-mine"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("http://127.0.0.1:8085", "http://127.0.0.1:8085"),
        ("http://localhost:8085/", "http://localhost:8085"),
        ("https://proxy.example/v1", "https://proxy.example"),
        ("https://proxy.example/v1/messages", "https://proxy.example"),
        ("https://proxy.example/claude/v1/", "https://proxy.example/claude"),
        ("http://[::1]:8085", "http://[::1]:8085"),
    ],
)
def test_urls_are_understood_with_and_without_v1(url: str, meant: str) -> None:
    assert smoke_url(url, {}) == meant


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8085",
        "ftp://localhost",
        "http://",
        "http://localhost:0",
        "http://localhost:99999",
        "http://user:secret@localhost:8085",
        "http://localhost:8085?key=secret",
        "http://[::1",
        "http://localhost:8085/a b",
        "http://h\u00e4user.example",
        "",
    ],
)
def test_other_urls_are_bad_usage(url: str) -> None:
    with pytest.raises(UsageError, match=r"^URL ") as refused:
        smoke_url(url, {})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["not-a-url"],
        ["http://127.0.0.1:1", "--key-env", "SMOKE_NOT_SET"],
        ["--port", "0"],
    ],
)
def test_bad_usage_exits_with_2_and_says_why(arguments: list[str], capsys: Capture) -> None:
    assert main(["smoke", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "nan", "inf"])
def test_a_timeout_is_a_number_of_seconds(seconds: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["smoke", "--timeout", seconds])
    assert "must be a number of seconds above 0" in capsys.readouterr().err


def test_without_a_url_the_configured_proxy_is_tested_with_its_key(
    tmp_path: Path, capsys: Capture
) -> None:
    with served(MessagesServer(key=AUTH_KEY)) as stub:
        (tmp_path / ".env").write_text(
            f"HOST=0.0.0.0\nPORT={stub.port}\nOPENAI_API_KEY=sk-x\nCLAUDE_PROXY_AUTH_KEY={AUTH_KEY}\n"
        )
        found = smoke(capsys)
    assert found.report["url"] == f"http://127.0.0.1:{stub.port}"
    assert found.code == 0, found.report


def test_the_configured_key_goes_to_this_machine_only(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"CLAUDE_PROXY_AUTH_KEY={AUTH_KEY}\nOTHER=its-own-key\n")
    assert key_for("http://localhost:8085", None, {}, configured=False) == AUTH_KEY
    assert key_for("http://127.0.0.2:8085", None, {}, configured=False) == AUTH_KEY
    assert key_for("http://10.0.0.7:8085", None, {}, configured=True) == AUTH_KEY
    assert key_for("https://proxy.example", None, {}, configured=False) is None
    assert key_for("https://proxy.example", "OTHER", {}, configured=False) == "its-own-key"


@pytest.mark.parametrize(("mode", "sent"), [("passthrough", "sk-x"), ("fixed", "any")])
def test_a_proxy_in_passthrough_gets_the_upstreams_key(
    mode: str, sent: str, tmp_path: Path, capsys: Capture
) -> None:
    told = {"status": "healthy", "mode": mode, "client_api_key_validation": False}
    server = MessagesServer(paths={"/health": json_answer(told, headers=IDENTITY)})
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-x\n")
    with served(server) as stub:
        assert smoke(capsys, stub.origin).code == 0
        posted = [request for request in stub.requests if request.method == "POST"]
    assert {request.headers["x-api-key"] for request in posted} == {sent}


def test_health_of_a_dynamic_route_is_asked_at_the_root() -> None:
    target = Target("http://localhost:8085/https/api.example/openai", None, 1.0)
    assert target.origin == "http://localhost:8085"
    assert (
        Target("https://proxy.example/claude", None, 1.0).origin == "https://proxy.example/claude"
    )
