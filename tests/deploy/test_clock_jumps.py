"""The wall clock jumps, by a day forwards and by two backwards, while the real program works.

Rule: no limit in force and no request that is being answered depends on the wall clock.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.deploy.watched_clients import WatchedClient, message, raw_request
from tests.live import live_proxy
from tests.paths import ROOT
from tests.security.wire import answers, exchange, request
from tests.upstream_stub import UpstreamStub, Wait, chunk, completion, json_answer, sse
from tests.waiting import until

DAY = 86_400
LIMIT = 3
WHOLE = request("POST", "/v1/messages", json.dumps(message(stream=False)).encode(), x_api_key="k")
JUMPING = """
import time

real, real_ns = time.time, time.time_ns

def ahead():
    with open({path!r}) as file:
        return int(file.read())

time.time = lambda: real() + ahead()
time.time_ns = lambda: real_ns() + ahead() * 10**9
"""


@pytest.mark.long
def test_limits_and_streams_do_not_follow_the_wall_clock(
    upstream: UpstreamStub, tmp_path: Path
) -> None:
    ahead = tmp_path / "ahead"
    (tmp_path / "sitecustomize.py").write_text(JUMPING.format(path=str(ahead)), "utf-8")
    go_on = threading.Event()
    upstream.answer(sse(chunk(content="a"), Wait(go_on), chunk(content="b", finish_reason="stop")))
    upstream.default = json_answer(completion("Hello"))
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "k",
        "CLAUDE_PROXY_RATE_LIMIT_RPM": str(LIMIT),
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
    }

    def jump(seconds: int) -> None:
        # At once, so that no process reads half of it.
        (tmp_path / "next").write_text(str(seconds), "ascii")
        (tmp_path / "next").rename(ahead)

    jump(0)
    with live_proxy(environ) as proxy:
        client = WatchedClient(proxy.port)
        client.send(raw_request(message()))
        assert upstream.wait_for_requests(1, 20)
        statuses = []
        for seconds in (DAY, -2 * DAY, DAY, -2 * DAY):
            jump(seconds)
            [answer] = answers(exchange(proxy.port, WHOLE))
            statuses.append(answer.status)
            if answer.status == 429:
                assert 0 < int(answer.headers["retry-after"][0]) <= 60
            assert proxy.get("/v1/stats")[0] == 200
        assert statuses == [200, 200, 429, 429]
        go_on.set()
        assert client.read().ending == "whole"
        client.close()

        def days() -> set[str]:
            return {line[:10] for line in proxy.log().splitlines() if "POST /v1/messages" in line}

        until(lambda: len(days()) == 2, "the program did not see the clock jump")
