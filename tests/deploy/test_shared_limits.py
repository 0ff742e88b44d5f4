"""Rate limits over several workers and processes, through a real Redis."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.live import LiveProxy, live_proxy
from tests.redis_relay import redis_pair
from tests.redis_server import RedisServer, redis_server
from tests.upstream_stub import UpstreamStub, Wait, completion, json_answer, text_stream
from tests.waiting import until

PASSWORD = "hidden-word"
KEY = "sk-key-of-a-client"
BODY: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hi"}],
}


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server(PASSWORD) as server:
        yield server


@contextmanager
def two_processes(
    upstream: UpstreamStub, redis_url: str, **limits: str
) -> Iterator[tuple[LiveProxy, LiveProxy]]:
    """Two proxies of two workers each, with one Redis."""
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "CLAUDE_PROXY_REDIS_URL": redis_url,
        **{f"CLAUDE_PROXY_RATE_LIMIT_{name.upper()}": value for name, value in limits.items()},
    }
    with live_proxy(environ, workers=2) as one, live_proxy(environ, workers=2) as other:
        yield one, other


def post(proxy: LiveProxy, **fields: Any) -> http.client.HTTPResponse:
    """The head of the answer, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    connection.request(
        "POST", "/v1/messages", json.dumps(BODY | fields), {"x-api-key": KEY, "connection": "close"}
    )
    return connection.getresponse()


def status(proxy: LiveProxy, **fields: Any) -> int:
    response = post(proxy, **fields)
    response.read()
    return response.status


def test_two_processes_of_two_workers_share_a_limit_to_the_request(
    upstream: UpstreamStub, redis: RedisServer
) -> None:
    upstream.default = json_answer(completion())
    with two_processes(upstream, redis.url, rpm="100") as proxies:
        with ThreadPoolExecutor(16) as pool:
            statuses = Counter(pool.map(lambda n: status(proxies[n % 2]), range(160)))
        refused = post(proxies[1])
        assert refused.getheader("anthropic-ratelimit-requests-remaining") == "0"
        assert 1 <= int(refused.getheader("retry-after") or 0) <= 60
        logs = [proxy.log() for proxy in proxies]
    assert statuses == {200: 100, 429: 60}
    assert len(upstream.requests) == 100
    # Both workers of both processes had a part in it.
    for log in logs:
        lines = [line for line in log.splitlines() if "POST /v1/messages 200" in line]
        assert len({line.split("[")[1].split("]")[0] for line in lines}) == 2
        assert PASSWORD not in log
        assert KEY not in log
        assert "counts rate limits separately" not in log
    assert not [key for key in redis.client.keys("*") if KEY in key]


@pytest.mark.long
def test_tokens_and_streams_are_shared_too(upstream: UpstreamStub, redis: RedisServer) -> None:
    with (
        two_processes(upstream, redis.url, tpm="1000", streams="5") as proxies,
        ExitStack() as over,
    ):
        release = _waiting(upstream, over)
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda n: post(proxies[n % 2], stream=True), range(12)))
        assert Counter(answer.status for answer in answers) == {200: 5, 429: 7}
        release.set()
        streams = [answer for answer in answers if answer.status == 200]
        assert all(b"message_stop" in stream.read() for stream in streams)
        # Five streams of ten tokens in and five out.
        until(lambda: _tokens_left(upstream, proxies[1]) <= 925, "tokens are not charged")
        upstream.default = text_stream("free again")
        assert [status(proxies[n % 2], stream=True) for n in range(6)] == [200] * 6


@pytest.mark.long
def test_the_streams_of_a_killed_worker_lapse(upstream: UpstreamStub, redis: RedisServer) -> None:
    with two_processes(upstream, redis.url, streams="2") as proxies, ExitStack() as over:
        _waiting(upstream, over)
        running = post(proxies[0], stream=True), post(proxies[1], stream=True)
        assert [answer.status for answer in running] == [200, 200]
        assert status(proxies[1], stream=True) == 429
        for pid in proxies[0].worker_pids():
            os.kill(pid, signal.SIGKILL)
        upstream.default = text_stream("free again")
        # The lease is good for 15 s; that of the other process is renewed.
        until(lambda: status(proxies[1], stream=True) == 200, "the lease is kept", seconds=30)
        leases = redis.client.keys("*streams*")
        assert [redis.client.zcard(key) for key in leases] == [1]


def test_redis_away_and_back(upstream: UpstreamStub, redis: RedisServer) -> None:
    upstream.default = json_answer(completion())
    with two_processes(upstream, redis.url, rpm="100") as (proxy, _):
        assert status(proxy) == 200
        redis.stop()
        started = time.monotonic()
        assert [status(proxy) for _ in range(40)] == [200] * 40
        assert time.monotonic() - started < 20
        log = proxy.logged("rate limits until it does")
        away = [line for line in log.splitlines() if "rate limits until it does" in line]
        assert len(away) == len({line.split("[")[1].split("]")[0] for line in away}) > 0
        redis.start()
        name = "anthropic-ratelimit-requests-limit"
        until(lambda: post(proxy).getheader(name) == "100", "no limits are in force")
        assert PASSWORD not in proxy.logged("rate limits are in force")


@pytest.mark.long
def test_limits_follow_a_failover_of_redis(upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion())
    name = "anthropic-ratelimit-requests-limit"
    with (
        redis_pair() as pair,
        two_processes(upstream, pair.relay.url, rpm="100") as (proxy, _),
    ):
        assert post(proxy).getheader(name) == "100"
        pair.fail_over()
        assert [status(proxy) for _ in range(20)] == [200] * 20
        words = "rate limits are in force"
        until(lambda: status(proxy) == 200 and words in proxy.log(), "the old server is kept")
        assert "ReadOnlyError" in proxy.log()
        until(lambda: post(proxy).getheader(name) == "100", "no limits are in force")
        assert pair.second.client.keys("claude-proxy:limits:*")


def test_a_start_without_redis_and_the_refusal_of_a_closed_limit(upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion())
    with two_processes(upstream, f"redis://:{PASSWORD}@127.0.0.1:9/0", rpm="5", fail="closed") as (
        proxy,
        _,
    ):
        proxy.logged("Redis at 127.0.0.1:9 does not answer (ConnectionError): requests are refused")
        refused = post(proxy)
        assert (refused.status, refused.getheader("retry-after")) == (503, "5")
        assert json.loads(refused.read())["error"]["type"] == "api_error"
        assert proxy.get("/health")[0] == 200
        assert PASSWORD not in proxy.log()


def test_without_redis_each_worker_counts_and_says_so(upstream: UpstreamStub) -> None:
    environ = {"OPENAI_BASE_URL": upstream.base_url, "CLAUDE_PROXY_RATE_LIMIT_RPM": "5"}
    with live_proxy(environ, workers=2) as proxy:
        log = proxy.logged("counts rate limits")
        told = [line for line in log.splitlines() if "counts rate limits" in line]
    assert len(told) == 1
    assert "each of the 2 workers counts rate limits separately" in told[0]


def _waiting(upstream: UpstreamStub, over: ExitStack) -> threading.Event:
    """Streams that go on until the event is set."""
    release = threading.Event()
    over.callback(release.set)
    upstream.default = text_stream("one", Wait(release), "two")
    return release


def _tokens_left(upstream: UpstreamStub, proxy: LiveProxy) -> int:
    upstream.default = json_answer(completion())
    return int(post(proxy).getheader("anthropic-ratelimit-tokens-remaining") or 1000)
