"""LOG_LEVEL=WARNING: the log of the real program has every failure and nothing else."""

from __future__ import annotations

import json
import re

import pytest

from tests.live import live_proxy
from tests.security.wire import exchange, request
from tests.upstream_stub import (
    Close,
    Recorded,
    Reset,
    Script,
    UpstreamStub,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
)
from tests.waiting import until


def refused(status: int) -> Script:
    return json_answer({"error": {"message": "no"}}, status)


BEHAVIOURS: dict[str, tuple[Script, str | None]] = {
    "answers": (json_answer(completion("x")), None),
    "streams": (text_stream("x"), None),
    "closes": ((Close(),), "502"),
    "breaks off stream": (sse(chunk(content="x"), Reset()), "200"),
    "reports in stream": (
        sse(chunk(content="x"), {"error": {"message": "no", "code": 500}}, done=False),
        "200",
    ),
    "fails": (refused(500), "500"),
    "is overloaded": (refused(529), "529"),
    "refuses the key": (refused(401), "401"),
    "is unpaid": (refused(402), "402"),
    "is busy": (refused(429), "429"),
    "refuses the request": (refused(400), None),
}
"""What the upstream does, and the status of the WARNING."""


def script(recorded: Recorded) -> Script:
    return BEHAVIOURS[recorded.json["messages"][0]["content"]][0]


def named(behaviour: str) -> str:
    return f"behaviour-{behaviour.replace(' ', '-')}"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.long(except_every=2)
def test_every_failure_is_in_the_log_and_nothing_else(workers: int) -> None:
    upstream = UpstreamStub(default=script)
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-server",
        "CLAUDE_PROXY_AUTH_KEY": "front-door-key",
        "CLAUDE_PROXY_MAX_RETRIES": "0",
        "LOG_LEVEL": "warning",
    }
    with live_proxy(environ, workers=workers) as proxy:
        for name in BEHAVIOURS:
            told = {"max_tokens": 9, "messages": [{"role": "user", "content": name}]}
            body = json.dumps({"model": "m", "stream": "stream" in name, **told}).encode()
            head = {"x_api_key": "front-door-key", "x_request_id": named(name)}
            assert exchange(proxy.port, request("POST", "/v1/messages", body, **head))
        exchange(proxy.port, request("POST", "/v1/messages", b"{", x_api_key="wrong"))
        exchange(proxy.port, request("GET", "/nowhere", x_api_key="front-door-key"))
        expected = {name: status for name, (_, status) in BEHAVIOURS.items() if status}

        def lines() -> list[str]:
            return [
                line
                for line in proxy.log().splitlines()
                if " proxy.access: Token" not in line and " proxy.access: " in line
            ]

        until(lambda: len(lines()) >= len(expected), f"a line is missing: {lines()}", 20)
        found = lines()
    upstream.close()
    statuses = {
        match[2]: match[1]
        for line in found
        if (match := re.search(r" WARNING .* POST /v1/messages (\d+) .* x_request_id=(\S+)", line))
    }
    assert statuses == {named(name): status for name, status in expected.items()}
    assert len(found) == len(expected)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.long(except_every=2)
def test_an_upstream_that_is_away_is_in_the_log(workers: int) -> None:
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "LOG_LEVEL": "warning"}
    body = json.dumps(
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    ).encode()
    with live_proxy(environ, workers=workers) as proxy:
        answer = exchange(proxy.port, request("POST", "/v1/messages", body, x_api_key="k"))
        assert answer.startswith(b"HTTP/1.1 502 ")
        log = proxy.logged(" proxy.access: POST /v1/messages 502 ")
    assert " WARNING [" in log
