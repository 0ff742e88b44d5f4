"""An exception whose text quotes a prompt and keys: neither reaches a client, the log or a report.

Each bug happens in the real program. Its client is told that something failed, and the id by which
the log has it; nobody is told more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.report_stubs import ReportStub, report_stub
from tests.live import LiveProxy, live_proxy
from tests.paths import ROOT
from tests.security import canaries
from tests.security.canaries import CLIENT_KEY, FRONT_KEY, SERVER_KEY
from tests.security.planted_bugs import PLACES, TRIGGER
from tests.security.planted_bugs import WORDS as QUOTED
from tests.security.wire import answers, exchange, request, until
from tests.upstream_stub import Sleep, UpstreamStub, text_stream

CANARIES = (canaries.WORDS["prompt"], CLIENT_KEY, SERVER_KEY, FRONT_KEY)
LAST = "a hanging view"
LOST = ("the loop", "the end of an object", "a thread", "the watch")
"""Where nobody catches it; it is logged and reported all the same."""
UNHARMED = (*LOST, "the end of a stream")
"""Where the client gets its whole answer."""


@dataclass
class Crashed:
    """What was told of the bugs, by the place that had one."""

    told: dict[str, bytes] = field(default_factory=dict)
    """What the client was answered that met it."""
    logged: dict[str, str] = field(default_factory=dict)
    counted: bytes = b""
    reported: bytes = b""
    traced: bytes = b""


def asked(place: str) -> bytes:
    """A request that meets the bug in ``place``."""
    # Above what is counted inline.
    words = canaries.WORDS["prompt"] + " x" * 15_000
    value: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": words}]}
    target = f"/v1/messages?q={canaries.WORDS['query']}"
    if place == "a computation":
        target = "/v1/messages/count_tokens"
    else:
        value |= {"max_tokens": 50, "stream": True}
    return request("POST", target, json.dumps(value).encode(), x_api_key=FRONT_KEY)


def crash(proxy: LiveProxy, trigger: Path, reports: ReportStub, spans: ReportStub) -> Crashed:
    crashed = Crashed()

    def meet(place: str) -> None:
        lines, events = len(proxy.log()), len(reports.bodies)
        trigger.write_text(place, "utf-8")
        crashed.told[place] = exchange(proxy.port, asked(place))
        trigger.write_text("", "utf-8")
        awaited = "" if place == LAST else "planted_bugs.py"
        assert until(lambda: len(proxy.log()) > lines and awaited in proxy.log()[lines:]), place
        if place != LAST:
            assert until(lambda: len(reports.bodies) > events), place
        crashed.logged[place] = proxy.log()[lines:]

    for place in PLACES:
        meet(place)
    assert until(lambda: healthy(proxy))
    for path in ("/metrics", "/v1/stats", "/status", "/", "/openapi.json"):
        crashed.counted += exchange(proxy.port, request("GET", path, x_api_key=FRONT_KEY))
    assert until(lambda: b"/v1/messages" in spans.received())
    crashed.reported, crashed.traced = reports.received(), spans.received()
    return crashed


@pytest.fixture(scope="module", params=["debug, text", "info, json"])
def crashed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    level, form = request.param.split(", ")
    trigger = tmp_path_factory.mktemp("crashes") / "place"
    trigger.write_text("", "utf-8")
    # Longer than the watch sleeps.
    upstream = UpstreamStub(default=text_stream("a" * 40, Sleep(0.5), "b" * 40))
    with report_stub() as reports, report_stub() as spans:
        environ = {
            "OPENAI_BASE_URL": upstream.base_url,
            "OPENAI_API_KEY": SERVER_KEY,
            "CLAUDE_PROXY_AUTH_KEY": FRONT_KEY,
            "LOG_LEVEL": level,
            "CLAUDE_PROXY_LOG_FORMAT": form,
            "SENTRY_DSN": f"{reports.url.replace('//', '//public@')}/1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": spans.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            TRIGGER: str(trigger),
            QUOTED: " ".join(CANARIES),
        }
        config = str(ROOT / "tests" / "security" / "planted_configuration.py")
        # The master ends a worker that hangs for so many seconds.
        with live_proxy(environ, options=["-c", config, "--timeout", "2"]) as proxy:
            seen = crash(proxy, trigger, reports, spans)
    upstream.close()
    return seen


def found(data: bytes) -> list[str]:
    return [word for word in (*CANARIES, canaries.WORDS["query"]) if word.encode() in data]


def healthy(proxy: LiveProxy) -> bool:
    try:
        return proxy.get("/health")[0] == 200
    except OSError:
        return False


@pytest.mark.long(except_every=2)
def test_a_client_is_told_that_something_failed(crashed: Crashed) -> None:
    for place, data in crashed.told.items():
        assert found(data) == [], place
        (answer,) = answers(data)
        assert answer.status == (200 if place in UNHARMED else 500), place
        if answer.status == 500:
            body = json.loads(answer.body)
            assert body["error"]["type"] == "api_error"
            assert answer.headers["request-id"] == [body["request_id"]]


def test_nobody_else_is_told_what_it_quoted(crashed: Crashed) -> None:
    assert crashed.counted.count(b"HTTP/1.1 200 OK") == 5
    assert found(crashed.counted) == []
    assert found(crashed.traced) == []
    assert b"ValueError" in crashed.reported
    assert b"planted_bugs.py" in crashed.reported
    assert found(crashed.reported) == []


def test_the_log_has_the_place_and_no_words(crashed: Crashed) -> None:
    for place, lines in crashed.logged.items():
        assert found(lines.encode()) == [], place
        if place != LAST:
            assert "planted_bugs.py" in lines, place
            assert "builtins.ValueError" in lines, place
