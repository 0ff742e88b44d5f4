"""What refusals taught one worker is known to the others: real workers, a real Redis."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.live import LiveProxy, live_proxy
from tests.redis_server import RedisServer, redis_server
from tests.upstream_stub import Recorded, Script, UpstreamStub, completion, json_answer
from tests.waiting import until

BODY: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hi"}],
}
FIELD = "Unsupported parameter: 'top_p' is not supported with this model."
VALUE = (
    "Invalid 'temperature': decimal above maximum value. Expected a value < 1, but got 1 instead."
)
DEMAND = "Missing required parameter: 'top_p'."


def refusal(words: str) -> Script:
    return json_answer({"error": {"message": words, "type": "invalid_request_error"}}, 400)


def judged_by(refuses: Callable[[dict[str, Any]], str | None]) -> Callable[[Recorded], Script]:
    """An upstream that refuses a body for which ``refuses`` returns words."""

    def answer(sent: Recorded) -> Script:
        words = refuses(sent.json)
        return json_answer(completion("ok")) if words is None else refusal(words)

    return answer


def strict(body: dict[str, Any]) -> str | None:
    if "top_p" in body:
        return FIELD
    return VALUE if body.get("temperature", 0) >= 1 else None


def demanding(body: dict[str, Any]) -> str | None:
    return None if "top_p" in body else DEMAND


_series = itertools.count()


def ask(proxy: LiveProxy, series: str = "asked-alone", **fields: Any) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    headers = {"x-api-key": "sk-client", "connection": "close", "x-request-id": series}
    connection.request("POST", "/v1/messages", json.dumps(BODY | fields), headers)
    response = connection.getresponse()
    response.read()
    return response.status


def answered_by(proxy: LiveProxy, series: str) -> set[str]:
    """The process ids of the workers that answered requests of one series."""
    lines = [line for line in proxy.log().splitlines() if f"x_request_id={series}" in line]
    return {line.split("[")[1].split("]")[0] for line in lines}


def ask_every_worker(proxy: LiveProxy, **fields: Any) -> None:
    """Ask until each worker has answered; every answer must be a 200."""
    workers = {str(pid) for pid in proxy.worker_pids()}
    series = f"every-worker-{next(_series)}"
    with ThreadPoolExecutor(8) as pool:
        for _ in range(40):
            assert set(pool.map(lambda _: ask(proxy, series, **fields), range(16))) == {200}
            if answered_by(proxy, series) >= workers:
                return
    raise AssertionError("one worker answered all of these requests")


def sent(upstream: UpstreamStub, name: str) -> list[Any]:
    return [request.json[name] for request in upstream.requests if name in request.json]


def environ(upstream: UpstreamStub, **more: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-upstream", **more}


def test_a_refusal_met_by_one_worker_is_known_to_the_other(upstream: UpstreamStub) -> None:
    upstream.default = judged_by(strict)
    with live_proxy(environ(upstream), workers=2) as proxy:
        assert ask(proxy, top_p=0.5) == 200
        ask_every_worker(proxy, top_p=0.5)
    assert len(sent(upstream, "top_p")) == 1


def test_a_refused_value_is_known_to_none(upstream: UpstreamStub) -> None:
    upstream.default = judged_by(strict)
    with live_proxy(environ(upstream), workers=2) as proxy:
        assert ask(proxy, temperature=1) == 200
        before = len(upstream.requests)
        ask_every_worker(proxy, temperature=0.5)
        asked = len(upstream.requests) - before
    assert sent(upstream, "temperature") == [1, *[0.5] * asked]


def test_what_no_longer_helps_is_forgotten_by_all_workers(upstream: UpstreamStub) -> None:
    upstream.default = judged_by(strict)
    with live_proxy(environ(upstream), workers=2) as proxy:
        ask_every_worker(proxy, top_p=0.5)
        upstream.default = judged_by(demanding)
        assert ask(proxy, top_p=0.5) == 400
        ask_every_worker(proxy, top_p=0.5)
        assert proxy.logged("forgotten: unsupported").count("forgotten: unsupported") == 1


@pytest.mark.long
def test_a_worker_that_replaces_a_killed_one_knows_it_too(upstream: UpstreamStub) -> None:
    upstream.default = judged_by(strict)
    with live_proxy(environ(upstream), workers=2) as proxy:
        assert ask(proxy, top_p=0.5) == 200
        killed = proxy.worker_pids()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(proxy.worker_pids()) - set(killed)) == 2, "no new workers")
        ask_every_worker(proxy, top_p=0.5)
    assert len(sent(upstream, "top_p")) == 1


@pytest.mark.long
def test_a_reload_begins_without_what_was_learned_before(upstream: UpstreamStub) -> None:
    upstream.default = judged_by(strict)
    with live_proxy(environ(upstream), workers=1) as proxy:
        assert ask(proxy, top_p=0.5) == 200
        old = proxy.worker_pids()
        os.kill(proxy.process.pid, signal.SIGHUP)
        until(lambda: not set(proxy.worker_pids()) & set(old), "no reload")
        assert ask(proxy, top_p=0.5) == 200
    assert len(sent(upstream, "top_p")) == 2


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server("hidden-word") as server:
        yield server


def test_machines_with_one_redis_share_it(upstream: UpstreamStub, redis: RedisServer) -> None:
    upstream.default = judged_by(strict)
    both = environ(upstream, CLAUDE_PROXY_REDIS_URL=redis.url)
    with live_proxy(both) as one, live_proxy(both) as other:
        assert ask(one, top_p=0.5) == 200
        until(lambda: redis.client.hlen("{claude-proxy:learned}") == 1, "nothing in Redis")
        # The other machine reads it in the background, after it was asked.
        until(lambda: ask(other, top_p=0.5) == 200 and not refused_last(upstream), "not read")
        upstream.default = judged_by(demanding)
        assert ask(one, top_p=0.5) == 400
        until(lambda: ask(other, top_p=0.5) == 200, "not forgotten")


def refused_last(upstream: UpstreamStub) -> bool:
    """Whether the last two requests were a refused one and its repetition."""
    return "top_p" in upstream.requests[-2].json


def test_a_redis_that_is_gone_ends_only_the_sharing(
    upstream: UpstreamStub, redis: RedisServer
) -> None:
    upstream.default = judged_by(strict)
    both = environ(upstream, CLAUDE_PROXY_REDIS_URL=redis.url)
    with live_proxy(both, workers=2) as proxy:
        redis.stop()
        assert ask(proxy, top_p=0.5) == 200
        ask_every_worker(proxy, top_p=0.5)
        workers = len(proxy.worker_pids())
        words = "learned profile flags are not shared with other machines"
        until(lambda: proxy.log().count(words) == workers, "not told once by each worker")
        redis.start()
        until(lambda: ask(proxy) == 200 and redis.client.hlen("{claude-proxy:learned}"), "not sent")
        assert proxy.log().count(words) == workers
        assert "hidden-word" not in proxy.log()
    assert len(sent(upstream, "top_p")) == 1
