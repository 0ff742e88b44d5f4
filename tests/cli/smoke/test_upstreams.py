"""``claude-proxy smoke`` in front of the real proxy, whose upstreams are good or broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.smoke.tool_loop import NO_CALL
from tests.cli.smoke.chat_server import ChatServer, calls_are_wanted
from tests.cli.smoke.messages_server import MessagesServer, served
from tests.cli.smoke.runs import Run, smoke
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import (
    Close,
    Reset,
    Script,
    Sleep,
    UpstreamStub,
    answer,
    chunk,
    completion,
    json_answer,
    sse,
    tool_call,
)

Capture = pytest.CaptureFixture[str]
KEY = "sk-upstream-canary-1"
AUTH_KEY = "an-auth-canary-2"
KEYED = ("--key-env", "SMOKE_KEY")
KINDS = ("plain", "thinker", "native")


@pytest.fixture(scope="module")
def chat() -> Iterator[UpstreamStub]:
    with served(ChatServer()) as stub:
        yield stub


@pytest.fixture(scope="module")
def proxy(chat: UpstreamStub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProxy]:
    """One proxy with three kinds of upstream."""
    path: Path = tmp_path_factory.mktemp("registry") / "providers.json"
    with (
        served(ChatServer(reasoning="reasoning_content")) as thinker,
        served(MessagesServer()) as native,
    ):
        providers: list[dict[str, Any]] = [
            {"name": "plain", "base_url": chat.base_url},
            {"name": "thinker", "base_url": thinker.base_url},
            {"name": "native", "base_url": native.origin, "direct": True},
        ]
        for provider in providers:
            provider |= {"api_key": KEY, "models": [{"id": provider["name"], "remote_id": "stub"}]}
        path.write_text(json.dumps({"providers": providers}), "utf-8")
        environ = {
            "CLAUDE_PROXY_CONFIG": str(path),
            "CLAUDE_PROXY_MAX_RETRIES": "0",
            "CLAUDE_PROXY_AUTH_KEY": AUTH_KEY,
        }
        with live_proxy(environ) as running:
            yield running


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOKE_KEY", AUTH_KEY)
    monkeypatch.setenv("WRONG_KEY", "a-wrong-canary-3")


def test_all_models_of_three_kinds_of_upstream(proxy: LiveProxy, capsys: Capture) -> None:
    found = smoke(capsys, proxy.url, *KEYED, "--all")
    bad = [row for row in found.report["checks"] if row["result"] == "failed"]
    assert (found.code, bad) == (0, [])
    assert found.said("models") == "passed: 3 models"
    assert found.said("errors") == "passed: 400 and 404 in the API's form, 401 for a wrong key"
    for model in KINDS:
        assert found.said("stream", model).startswith("passed: "), model
        assert found.said("tools", model) == (
            "passed: get_weather and get_time called, results answered"
        )
        assert found.said("image", model) == "passed: the colour was seen"
        assert found.said("usage", model) == "passed: counted by the upstream"
        assert found.said("cancellation", model) == (
            "passed: the next request is answered, no request is left"
        )
        assert found.said("connection", model) == f"passed: {model}/stub"
    assert found.said("thinking", "plain") == "not supported: the answer holds no thinking"
    for model in KINDS[1:]:
        assert found.said("thinking", model) == "passed: also in the history of a second turn"


@pytest.fixture
def broken(chat: UpstreamStub, proxy: LiveProxy, capsys: Capture) -> Iterator[Any]:
    """Runs the checks while the upstream answers as told."""
    good = chat.default

    def run(behaviour: Any) -> Run:
        chat.default = ChatServer(broken=behaviour)
        seconds = "1" if behaviour is silent else "10"
        return smoke(capsys, proxy.url, *KEYED, "--model", "plain", "--timeout", seconds)

    yield run
    chat.default = good


def always(script: Script) -> Any:
    return lambda body: script


def streamed(script: Script) -> Any:
    return lambda body: script if body.get("stream") else None


def of_error(status: int, words: str, **headers: str) -> Script:
    return json_answer({"error": {"message": words, "type": "x"}}, status, headers)


CALL = tool_call(0, '{"city": "Paris"}', id="call_0", name="get_weather")


def lost_call(body: dict[str, Any]) -> Script | None:
    """It ends with tool calls that it never sent."""
    if not calls_are_wanted(body):
        return None
    return sse(chunk(role="assistant"), chunk(content="I look."), chunk("tool_calls"))


def wrong_order(body: dict[str, Any]) -> Script | None:
    """The arguments come before their call has a name, and text between their pieces."""
    if not calls_are_wanted(body):
        return None
    return sse(
        chunk(tool_calls=[tool_call(0, '{"city"')]),
        chunk(tool_calls=[tool_call(0, "", id="call_0", name="get_weather")]),
        chunk(content="Well, "),
        chunk(tool_calls=[tool_call(0, ': "Paris"}')]),
        chunk("tool_calls"),
    )


def silent(body: dict[str, Any]) -> Script | None:
    """One stream never begins."""
    if not body.get("stream") or "Say hello" not in str(body):
        return None
    return (Sleep(30), Close())


def no_usage(body: dict[str, Any]) -> Script:
    if body.get("stream"):
        return sse(chunk(role="assistant"), chunk(content="Hello Ada."), chunk("stop"))
    return json_answer({**completion("Hello Ada."), "usage": None})


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        pytest.param(
            streamed(sse(chunk(content="Hel"), chunk(content="lo"), Reset())),
            {
                "stream": "failed: the stream ended with an error after 5 events: api_error: "
                "upstream closed the stream before it finished"
            },
            id="cut stream",
        ),
        pytest.param(
            wrong_order, {"tools": "passed: get_weather called, results answered"}, id="wrong order"
        ),
        pytest.param(
            lost_call,
            {"tools": f"not supported: {NO_CALL}"},
            id="lost call",
        ),
        pytest.param(
            no_usage,
            {"usage": "passed: the upstream reported none for 6 of 6 answers: estimated by the"},
            id="no usage",
        ),
        pytest.param(
            always(of_error(500, "It broke")),
            {"message": "failed: HTTP 500 api_error: ", "stream": "failed: HTTP 500 api_error: "},
            id="500",
        ),
        pytest.param(
            always(of_error(429, "Slow down", **{"retry-after": "7"})),
            {"message": "failed: HTTP 429 rate_limit_error: Slow down (retry after 7 s)"},
            id="429",
        ),
        pytest.param(
            always(answer(b"<html>Sign in</html>", content_type="text/html")),
            {
                "message": "failed: HTTP 502 api_error: the upstream's answer is not JSON (text/html)"
            },
            id="HTML",
        ),
        pytest.param(
            silent,
            {
                "stream": "failed: it sent nothing for 1 s",
                "cancellation": "passed: the next request is answered, no request is left",
            },
            id="silence",
            marks=pytest.mark.long,
        ),
        pytest.param(
            always(of_error(404, "The model `stub` does not exist")),
            {"message": "failed: HTTP 404 not_found_error: "},
            id="wrong model",
        ),
        pytest.param(
            always(of_error(401, f"Incorrect API key provided: {KEY}")),
            {
                "message": "failed: HTTP 401 authentication_error: Incorrect API key provided: ***. "
                "The proxy's own key was refused, not the client's",
                "connection": "failed: authentication_error: Incorrect API key provided: ***",
                "tools": "skipped: neither message nor stream passed",
            },
            id="wrong key",
        ),
    ],
)
def test_a_broken_upstream_is_named(behaviour: Any, said: dict[str, str], broken: Any) -> None:
    found = broken(behaviour)
    for check, words in said.items():
        assert found.said(check).startswith(words), found.report
    failed = [words for words in said.values() if words.startswith("failed")]
    assert found.code == (1 if failed else 0), found.report
    assert KEY not in str(found)
    assert AUTH_KEY not in str(found)


def test_a_wrong_key_of_the_client_is_named(proxy: LiveProxy, capsys: Capture) -> None:
    found = smoke(capsys, proxy.url, "--key-env", "WRONG_KEY")
    assert found.code == 1
    for check in ("models", "message", "stream", "count", "connection"):
        assert found.said(check).startswith("failed: HTTP 401 authentication_error: ")
        assert "upstream" not in found.row(check)["note"]
    assert found.row("health")["result"] == "passed"
    assert "canary" not in str(found)
