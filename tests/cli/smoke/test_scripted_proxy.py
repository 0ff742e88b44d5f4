"""``claude-proxy smoke`` in front of a scripted Messages API: what each mistake is called.

A correct proxy repairs or hides several of these mistakes of its upstream, so here the proxy makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.main import main
from tests.cli.smoke.messages_server import (
    IDENTITY,
    Message,
    MessagesServer,
    error,
    message,
    served,
    text,
)
from tests.cli.smoke.runs import run, smoke
from tests.upstream_stub import (
    Close,
    Script,
    Sleep,
    UpstreamStub,
    answer,
    json_answer,
    server_tls,
)

Capture = pytest.CaptureFixture[str]
SONNET = "claude-sonnet-5"


def test_a_proxy_that_does_all_it_should(capsys: Capture) -> None:
    found = run(capsys, MessagesServer())
    assert found.code == 0, found.report
    assert found.report["passed"] is True
    assert found.results == {
        "health": "passed",
        "models": "passed",
        "errors": "passed",
        "message": "passed",
        "stream": "passed",
        "tools": "passed",
        "thinking": "passed",
        "image": "passed",
        "usage": "skipped",
        "cancellation": "passed",
        "count": "passed",
        "connection": "skipped",
    }
    assert found.row("tools")["note"] == "get_weather and get_time called, results answered"
    assert (found.row("tools")["input_tokens"], found.row("tools")["output_tokens"]) == (20, 10)
    assert found.row("message")["model"] == SONNET


def test_every_listed_model_is_tested(capsys: Capture) -> None:
    found = run(capsys, MessagesServer(models=("one", "two/2")), "--all")
    assert found.code == 0
    assert [row["model"] for row in found.report["checks"] if row["check"] == "stream"] == [
        "one",
        "two/2",
    ]


def test_all_of_an_empty_list_is_a_failure(capsys: Capture) -> None:
    found = run(capsys, MessagesServer(models=()), "--all")
    assert found.code == 1
    assert found.said("models") == "passed: the list is empty"
    assert found.report["passed"] is False
    assert "the proxy lists no model: name one with --model" in found.errors


def test_names_of_models_do_not_control_the_terminal(capsys: Capture) -> None:
    name = "\x1b]0;title\x07\x9b2J\u202eno"
    broken = error(500, "api_error", "\x1b[31mno")
    with served(MessagesServer(models=(name,), paths={"/v1/messages": broken})) as stub:
        assert main(["smoke", stub.origin, "--all"]) == 1
    shown = capsys.readouterr()
    assert [
        line
        for line in (*shown.out.splitlines(), *shown.err.splitlines())
        if not line.isprintable()
    ] == []
    assert "Model \\x1b]0;title\\x07\\x9b2J\\u202eno" in shown.out


def test_an_unknown_model_does_not_hide_how_invalid_requests_are_refused(capsys: Capture) -> None:
    class Strict(MessagesServer):
        def _post(self, path: str, request: Any) -> Script:
            if b'"mine"' not in request.body and b'"messages"' in request.body:
                return error(404, "not_found_error", "model: unknown")
            return super()._post(path, request)

    found = run(capsys, Strict(models=("mine",)))
    assert found.said("errors").startswith("passed")
    assert found.said("message") == "failed: HTTP 404 not_found_error: model: unknown"


def test_the_model_that_is_named_is_tested(capsys: Capture) -> None:
    found = run(capsys, MessagesServer(), "--model", "mine")
    assert found.row("stream", "mine")["result"] == "passed"


def changed(**members: object) -> Callable[[Message], object]:
    return lambda whole: {**whole, **members}


@pytest.mark.parametrize(
    ("whole", "words"),
    [
        pytest.param(changed(model="gpt-4o"), "the answer names the model 'gpt-4o'", id="model"),
        pytest.param(
            changed(usage={"input_tokens": 3, "output_tokens": 0}),
            "no usage: it counts no output tokens, although there is an answer",
            id="no output",
        ),
        pytest.param(changed(usage=None), "the message has no usage", id="no usage"),
        pytest.param(changed(stop_reason=None), "the message has no stop_reason", id="no reason"),
        pytest.param(
            changed(content=[]), "the answer has no text (stop_reason end_turn)", id="empty"
        ),
        pytest.param(
            lambda _: {"choices": []}, "the answer is not a message", id="Chat Completions"
        ),
        pytest.param(lambda _: [], "the answer is not a message", id="a list"),
    ],
)
def test_a_broken_message_is_named(
    whole: Callable[[Message], object], words: str, capsys: Capture
) -> None:
    found = run(capsys, MessagesServer(whole=whole))
    assert found.said("message").startswith(f"failed: {words}")
    assert found.code == 1


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(error(500, "api_error", "It broke"), "HTTP 500 api_error: It broke", id="500"),
        pytest.param(
            error(429, "rate_limit_error", "Slow down", **{"retry-after": "7"}),
            "HTTP 429 rate_limit_error: Slow down (retry after 7 s)",
            id="429",
        ),
        pytest.param(
            json_answer({"error": {"type": "x", "message": "y"}}, 400),
            "HTTP 400 x: y (not in the Messages API's form)",
            id="an error in OpenAI's form",
        ),
        pytest.param(
            answer(b"<html>", status=502, content_type="text/html"),
            "HTTP 502 with text/html instead of an error of the Messages API",
            id="HTML and 502",
        ),
        pytest.param(
            answer(b"<html>", content_type="text/html"),
            "HTTP 200 with text/html that is not JSON: is this the proxy's URL?",
            id="HTML and 200",
        ),
        pytest.param((Close(),), "it closed the connection without an answer", id="closed"),
        pytest.param((b"SSH-2.0\r\n", Close()), "it does not answer in HTTP: SSH-2.0", id="SSH"),
        pytest.param(
            answer(status=302, headers={"location": "/login"}),
            "HTTP 302 redirects to /login, which is not followed",
            id="redirect",
        ),
        pytest.param(
            answer(b'{"id": ', Close(), framing="chunked"),
            "the answer was cut before its end",
            id="cut",
        ),
    ],
)
def test_an_answer_that_is_none_is_named(script: Script, words: str, capsys: Capture) -> None:
    found = run(capsys, MessagesServer(paths={"/v1/messages": script}))
    assert found.said("message").startswith(f"failed: {words}")
    assert found.row("stream")["result"] == "failed"
    assert found.said("tools") == "skipped: neither message nor stream passed"
    assert found.code == 1


def test_silence_is_named(capsys: Capture) -> None:
    class Silent(MessagesServer):
        def _post(self, path: str, request: Any) -> Script:
            return (Sleep(5),) if b'"system"' in request.body else super()._post(path, request)

    found = run(capsys, Silent(), "--timeout", "0.5")
    assert found.said("message") == "failed: it sent nothing for 0.5 s"
    assert found.said("stream").startswith("passed: ")


def test_the_wrong_key_is_refused_and_the_right_one_is_never_shown(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOKE_TEST_KEY", "a-key-of-mine-77")
    found = run(capsys, MessagesServer(key="a-key-of-mine-77"), "--key-env", "SMOKE_TEST_KEY")
    assert found.code == 0
    assert found.said("errors") == "passed: 400 and 404 in the API's form, 401 for a wrong key"
    told = MessagesServer(
        key="a-key-of-mine-77",
        paths={"/v1/messages": error(400, "invalid_request_error", "not a-key-of-mine-77")},
    )
    found = run(capsys, told, "--key-env", "SMOKE_TEST_KEY")
    assert found.said("message") == "failed: HTTP 400 invalid_request_error: not ***"


def test_a_missing_key_is_named_with_what_to_write(capsys: Capture) -> None:
    found = run(capsys, MessagesServer(key="a-key-of-mine-77"))
    assert found.said("message") == (
        "failed: HTTP 401 authentication_error: invalid x-api-key "
        "(no key was sent: --key-env names the variable that holds it)"
    )


def test_errors_that_are_not_what_clients_expect_are_named(capsys: Capture) -> None:
    class Lenient(MessagesServer):
        def _post(self, path: str, request: Any) -> Script:
            if b"not a list" in request.body:
                return json_answer(message(SONNET, text("Hello")))
            return super()._post(path, request)

    words = "failed: an invalid request was answered with HTTP 200 instead of 400"
    assert run(capsys, Lenient()).said("errors") == words
    page = answer(b"<html>", status=404, content_type="text/html")
    found = run(capsys, MessagesServer(paths={"/smoke-no-such-path": page}))
    words = (
        "failed: an unknown path: HTTP 404 with text/html instead of an error of the Messages API"
    )
    assert found.said("errors") == words


def test_requests_that_are_left_after_a_cancellation_are_named(capsys: Capture) -> None:
    class Leaking(MessagesServer):
        running = 1

        def _post(self, path: str, request: Any) -> Script:
            self.running += b"Count from 1" in request.body
            return super()._post(path, request)

        def _get(self, path: str) -> Script:
            if path != "/v1/stats":
                return super()._get(path)
            return json_answer({"requests_in_progress": self.running}, headers=IDENTITY)

    found = run(capsys, Leaking(), "--timeout", "0.4")
    assert found.said("cancellation") == (
        "failed: 0.4 s after the clients left, 2 more in progress than before"
    )


def test_a_proxy_that_is_not_there(capsys: Capture) -> None:
    with served(MessagesServer()) as stub:
        gone = stub.origin
    found = smoke(capsys, gone)
    assert found.code == 1
    assert found.said("health") == f"failed: {gone} cannot be reached: Connection refused"
    assert {row["result"] for row in found.report["checks"][1:]} == {"skipped"}
    assert found.said("stream") == "skipped: the proxy cannot be reached"
    assert main(["smoke", gone]) == 1
    printed = capsys.readouterr()
    assert "Model" not in printed.out
    assert f"nothing answers at {gone}: start the proxy, or name its address: " in printed.err


def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path, capsys: Capture) -> None:
    tls, _ = server_tls(tmp_path)
    stub = UpstreamStub(tls=tls, default=MessagesServer())
    try:
        found = smoke(capsys, stub.origin)
    finally:
        stub.close()
    assert "(SSL_CERT_FILE names the certificate of its authority)" in found.said("health")
