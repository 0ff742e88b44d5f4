"""The master and its workers: what they run with, and a worker that dies."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.watched_clients import Crowd, WatchedClient, message, raw_request
from tests.live import LiveProxy, live_proxy
from tests.paths import ROOT
from tests.security.wire import answers, exchange, kept, request
from tests.upstream_stub import (
    Recorded,
    Script,
    Sleep,
    UpstreamStub,
    Wait,
    chunk,
    json_answer,
    sse,
    text_stream,
)
from tests.upstream_stub import completion as whole_answer
from tests.waiting import until


def scripted(recorded: Recorded) -> Script:
    if recorded.json.get("stream"):
        return text_stream(*[step for _ in range(20) for step in ("x", Sleep(0.1))])
    return json_answer(whole_answer())


@pytest.fixture
def upstream(upstream: UpstreamStub) -> UpstreamStub:
    upstream.default = scripted
    return upstream


def settings(upstream: UpstreamStub) -> dict[str, str]:
    return {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-1"}


def asked(proxy: LiveProxy, **fields: Any) -> str:
    client = WatchedClient(proxy.port)
    client.send(raw_request(message(stream=False, **fields)))
    ending = client.read().ending
    client.close()
    return ending


def test_a_killed_worker_takes_only_its_own_streams_along(upstream: UpstreamStub) -> None:
    with live_proxy(settings(upstream), workers=2) as proxy:
        crowd = Crowd(proxy.port, [message()] * 100)
        assert upstream.wait_for_requests(100, 60)
        time.sleep(0.3)
        victim, other = proxy.worker_pids()
        os.kill(victim, signal.SIGKILL)
        served = Counter(asked(proxy) for _ in range(20))
        endings = crowd.wait()
        until(lambda: len(proxy.worker_pids()) == 2, "the worker was not replaced")
        replaced = proxy.worker_pids()
        assert served == {"whole": 20}
        assert set(endings) == {"whole", "cut"}
        assert endings.total() == 100
        # A line is written when its stream is over on both sides, shortly after the client has it all.
        whole = endings["whole"] + 20
        until(lambda: proxy.log().count("POST /v1/messages 200") >= whole, "a line is missing")
        assert proxy.log().count("POST /v1/messages 200") == whole
        assert other in replaced
        assert victim not in replaced


def test_a_worker_that_dies_while_old_ones_still_drain_is_replaced(upstream: UpstreamStub) -> None:
    environ = settings(upstream) | {"CLAUDE_PROXY_GRACEFUL_TIMEOUT": "60"}
    over = threading.Event()
    upstream.default = text_stream("x", Wait(over), "y")
    with live_proxy(environ, workers=1) as proxy:
        crowd = Crowd(proxy.port, [message()] * 5)
        assert upstream.wait_for_requests(5)
        (old,) = proxy.worker_pids()
        proxy.process.send_signal(signal.SIGHUP)
        until(lambda: len(proxy.worker_pids()) == 2, "no new worker")
        (new,) = set(proxy.worker_pids()) - {old}
        time.sleep(0.5)
        os.kill(new, signal.SIGKILL)
        until(lambda: bool(set(proxy.worker_pids()) - {old, new}), "it was not replaced")
        until(lambda: proxy.get("/health")[0] == 200, "no worker answers")
        assert old in proxy.worker_pids()
        over.set()
        assert crowd.wait() == {"whole": 5}


def test_the_shipped_configuration_works_with_the_application_loaded_before_the_fork(
    upstream: UpstreamStub,
) -> None:
    with live_proxy(settings(upstream), options=("--preload",), workers=2) as proxy:
        assert Counter(asked(proxy) for _ in range(10)) == {"whole": 10}
        crowd = Crowd(proxy.port, [message()] * 10)
        assert upstream.wait_for_requests(20)
        proxy.process.send_signal(signal.SIGTERM)
        # Of four seconds one is left to streams.
        assert crowd.wait() == {"overloaded": 10}
        assert proxy.process.wait(60) == 0


HANGING = """
import runpy
import time

OPTIONS = runpy.run_path({shipped!r})
globals().update({{name: value for name, value in OPTIONS.items() if not name.startswith("__")}})


def post_worker_init(worker):
    OPTIONS["post_worker_init"](worker)
    from proxy.api import tokens
    from proxy.relay.stream_bytes import StreamBytes

    fed, right = StreamBytes.feed, tokens.json_body

    def hang():
        secret = right()
        while b"hang" in secret:
            pass
        return secret

    def feed(stream, data):
        while b"hang" in data:
            pass
        return fed(stream, data)

    tokens.json_body, StreamBytes.feed = hang, feed
"""
"""Counting some tokens takes for ever, and so does some event of a stream."""


def test_a_worker_that_hung_drains_and_is_replaced(upstream: UpstreamStub, tmp_path: Path) -> None:
    configuration = tmp_path / "hanging.py"
    shipped = str(ROOT / "deploy" / "gunicorn.conf.py")
    configuration.write_text(HANGING.format(shipped=shipped), "utf-8")
    options = ("-c", str(configuration), "--timeout", "2")
    environ = settings(upstream) | {"CLAUDE_PROXY_GRACEFUL_TIMEOUT": "30"}
    upstream.default = text_stream(*[step for _ in range(80) for step in ("x", Sleep(0.1))])
    with live_proxy(environ, options=options) as proxy:
        (old,) = proxy.worker_pids()
        crowd = Crowd(proxy.port, [message()] * 3)
        assert upstream.wait_for_requests(3)
        words = [{"role": "user", "content": "hang"}]
        body = json.dumps({"model": "m", "messages": words}).encode()
        raw = request("POST", "/v1/messages/count_tokens", body)
        (told,) = answers(exchange(proxy.port, kept(raw), 30))
        # Others take over at once, not when its streams are over.
        until(lambda: set(proxy.worker_pids()) > {old}, "it was not replaced")
        assert proxy.get("/health")[0] == 200
        assert crowd.wait() == {"whole": 3}
        until(lambda: old not in proxy.worker_pids(), "it stays")
        log = proxy.log()
    assert (told.status, told.headers["connection"]) == (500, ["close"])
    assert json.loads(told.body)["error"]["type"] == "api_error"
    assert re.search(r"no heartbeat: this worker hung in \w+\.hang:\d+, called by ", log)
    assert log.count("POST /v1/messages/count_tokens 500") == 1
    assert "Traceback" not in log
    assert "was sent SIG" not in log


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "ending", "status"),
    [
        (text_stream("x", Sleep(0.3), "hang", Sleep(0.3), "x"), "cut", 200),
        (sse(chunk(content="hang"), chunk("stop")), "500 api_error", 500),
        ((Sleep(2), *text_stream("hang")), "cut", 200),
    ],
    ids=["after its start", "before its start", "after an early start"],
)
def test_a_stream_in_which_a_worker_hung_was_not_left_by_its_client(
    upstream: UpstreamStub, tmp_path: Path, script: Script, ending: str, status: int
) -> None:
    configuration = tmp_path / "hanging.py"
    shipped = str(ROOT / "deploy" / "gunicorn.conf.py")
    configuration.write_text(HANGING.format(shipped=shipped), "utf-8")
    upstream.default = script
    options = ("-c", str(configuration), "--timeout", "2")
    environ = settings(upstream) | {"CLAUDE_PROXY_EARLY_START": "1"}
    with live_proxy(environ, options=options) as proxy:
        client = WatchedClient(proxy.port)
        client.send(raw_request(message()))
        assert client.read().ending == ending
        client.close()
        until(lambda: "POST /v1/messages" in proxy.log(), "no line")
        (line,) = [line for line in proxy.log().splitlines() if "POST /v1/messages" in line]
        until(lambda: proxy.get("/health")[0] == 200, "nobody serves")
        counted = exchange(proxy.port, request("GET", "/metrics")).decode()
    assert f"POST /v1/messages {status} " in line
    assert " error=broken off " in line
    assert f'route="/v1/messages",status="{status}"}} 1.0' in counted
    assert "claude_proxy_streams_open 0.0" in counted


def test_what_gunicorn_runs_with_is_what_we_ask_for(upstream: UpstreamStub) -> None:
    environ = settings(upstream) | {
        "CLAUDE_PROXY_LOG_LEVEL": "debug",
        "CLAUDE_PROXY_WORKER_CONNECTIONS": "950",
    }
    with live_proxy(environ, workers=2) as proxy:
        shown = {
            name.strip(): value.strip()
            for name, colon, value in (line.partition(":") for line in proxy.log().splitlines())
            if colon and line_of_configuration(name)
        }
        assert {name: shown[name] for name in IN_FORCE} == IN_FORCE
        assert not list(proxy.log_path.parent.glob("**/*.ctl"))


IN_FORCE = {
    "control_socket_disable": "True",
    "forwarder_headers": "[]",
    "graceful_timeout": "4",
    "keepalive": "5",
    "limit_request_line": "8190",
    "max_requests": "0",
    "preload_app": "False",
    "worker_connections": "950",
    "workers": "2",
}


def line_of_configuration(name: str) -> bool:
    return name.startswith("  ")
