"""Large requests and fast streams leave the loop to others in between (proxy/concurrency.py)."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from proxy.concurrency import BULK_BYTES, LONG_BYTES, yield_to_loop
from tests.api.conftest import message_request
from tests.upstream_stub import UpstreamStub, chunk, sse

MESSAGES = "/v1/messages"
WRONG = "messages.0.role: Input should be 'user', 'assistant' or 'system'"


def passes_during(client: FlaskClient, path: str, size: int) -> int:
    """Turns that another greenlet had while a request that is refused was looked at."""
    served = 0

    def other() -> None:
        nonlocal served
        while True:
            yield_to_loop()
            served += 1

    body = message_request(messages=[{"role": "robot", "content": "x" * size}])
    greenlet = gevent.spawn(other)
    gevent.sleep(0)
    served = 0
    try:
        response = client.post(path, json=body)
    finally:
        greenlet.kill()
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["message"] == WRONG
    return served


@pytest.mark.parametrize("path", [MESSAGES, f"{MESSAGES}/count_tokens"])
def test_only_a_large_request_is_worked_off_in_stages(client: FlaskClient, path: str) -> None:
    assert passes_during(client, path, LONG_BYTES // 2) == 0
    # Before it is parsed and before it is checked.
    assert passes_during(client, path, LONG_BYTES) == 2


def test_one_read_of_fast_streams_in_each_pass(client: FlaskClient, upstream: UpstreamStub) -> None:
    words = "x" * 1000
    streams = 4
    upstream.answer(*[sse(*[chunk(content=words)] * 2000, chunk("stop"))] * streams)
    pass_now = 0
    bulks: list[int] = []

    def count_pass() -> None:
        nonlocal pass_now
        pass_now += 1

    def read(body: Any) -> None:
        for piece in body:
            if len(piece) >= BULK_BYTES:
                bulks.append(pass_now)

    answers = [client.post(MESSAGES, json=message_request(stream=True)) for _ in range(streams)]
    bodies = [iter(answer.response) for answer in answers]
    for body in bodies:
        # Read when the stream was opened.
        next(body)
    watcher = gevent.get_hub().loop.check()
    watcher.start(count_pass)
    try:
        jobs = [gevent.spawn(read, body) for body in bodies]
        gevent.joinall(jobs, timeout=30, raise_error=True)
    finally:
        watcher.close()
    assert len(bulks) > 20
    # Without turns four in each. One that follows a short read waits for no turn.
    assert len(set(bulks)) > len(bulks) / 2
