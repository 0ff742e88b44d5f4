"""A connection closed inside a request is a 499; bad framing is a 400."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import UpstreamStub, completion, json_answer

BODY = json.dumps(
    {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
).encode()
LENGTH = b"Content-Length: %d\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
LEFT = {
    "before the body": LENGTH % len(BODY),
    "inside the body": LENGTH % len(BODY) + BODY[:-1],
    "before the first chunk": CHUNKED,
    "inside a size": CHUNKED + b"1",
    "behind a size": CHUNKED + b"10\r\n",
    "inside a chunk": CHUNKED + b"10\r\nabc",
    "behind a chunk": CHUNKED + b"3\r\nabc",
    "inside the end of a chunk": CHUNKED + b"3\r\nabc\r",
    "between chunks": CHUNKED + CHUNK,
    "before the last line": CHUNKED + CHUNK + b"0\r\n",
}
WRONG = {
    "no size": CHUNKED + b"xyz\r\n",
    "no end of a chunk": CHUNKED + b"3\r\nabcXY0\r\n\r\n",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamStub]:
    stub = UpstreamStub(default=json_answer(completion()))
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def proxy(upstream: UpstreamStub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProxy]:
    log: Path = tmp_path_factory.mktemp("leaving") / "log"
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-1",
        "CLAUDE_PROXY_LOG_FILE": str(log),
    }
    with live_proxy(environ) as running:
        yield running


def statuses(proxy: LiveProxy) -> dict[str, int]:
    told: dict[str, int] = proxy.get("/v1/stats")[1]["statuses"]
    return {status: told.get(status, 0) for status in ("400", "499")}


def counted_for(proxy: LiveProxy, sent: bytes, *, half: bool) -> dict[str, int]:
    """What the statistics have more once a client that sent this is gone."""
    before = statuses(proxy)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as sock:
        sock.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: proxy\r\nContent-Type: application/json\r\n"
            + sent
        )
        if half:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    deadline = time.monotonic() + 10
    while (after := statuses(proxy)) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    return {status: after[status] - before[status] for status in after}


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half closed"])
@pytest.mark.parametrize("case", LEFT)
def test_a_client_that_leaves_inside_its_request(
    proxy: LiveProxy, upstream: UpstreamStub, case: str, half: bool
) -> None:
    assert counted_for(proxy, LEFT[case], half=half) == {"400": 0, "499": 1}
    assert upstream.requests == []


@pytest.mark.parametrize("case", WRONG)
def test_bad_framing_is_a_mistake_of_the_clients(
    proxy: LiveProxy, upstream: UpstreamStub, case: str
) -> None:
    assert counted_for(proxy, WRONG[case], half=True) == {"400": 1, "499": 0}
    assert upstream.requests == []
