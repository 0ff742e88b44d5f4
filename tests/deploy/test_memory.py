"""Memory at rest, with the default configuration (docs/performance.md "Memory at rest")."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from bench.processes import pss_mb
from tests.live import LiveProxy, live_proxy
from tests.security.wire import answers, exchange, request
from tests.upstream_stub import UpstreamStub, completion, json_answer

MOST_MB = 120.0
MOST_MB_FOR_A_WORKER = 25.0
"""Of a further worker: what it cannot share with the others, 20 MB as measured."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc/PID/smaps_rollup: Linux only"),
]


@pytest.fixture
def stub() -> Iterator[UpstreamStub]:
    upstream = UpstreamStub(default=json_answer(completion()))
    yield upstream
    upstream.close()


def at_rest(stub: UpstreamStub, workers: int) -> float:
    """Proportional set size in megabytes of the master and its workers, after a few requests."""
    environ = {"OPENAI_BASE_URL": stub.base_url, "OPENAI_API_KEY": "sk-server"}
    with live_proxy(environ, workers=workers) as proxy:
        for _ in range(20 * workers):
            asked(proxy)
        return pss_mb([proxy.process.pid, *proxy.worker_pids()])


def asked(proxy: LiveProxy) -> None:
    turns = [{"role": "user", "content": "How many?"}]
    body = {"model": "claude-sonnet-5", "max_tokens": 5, "messages": turns}
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        (answer,) = answers(
            exchange(proxy.port, request("POST", path, json.dumps(body).encode(), x_api_key="k"))
        )
        assert answer.status == 200


def test_memory_at_rest(stub: UpstreamStub) -> None:
    one = at_rest(stub, 1)
    assert one <= MOST_MB
    assert at_rest(stub, 2) - one <= MOST_MB_FOR_A_WORKER
