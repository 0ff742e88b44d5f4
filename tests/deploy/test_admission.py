"""Admission in the real server: refused bodies, kept connections, probes under full load."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import UpstreamStub, Wait, completion, json_answer, text_stream

Stream = tuple[http.client.HTTPConnection, http.client.HTTPResponse]

MOST = 20
PROBES = ("/health", "/healthz", "/livez", "/readyz", "/metrics", "/v1/stats", "/")
STREAM = {
    "model": "claude-sonnet-5",
    "max_tokens": 9,
    "stream": True,
    "messages": [{"role": "user", "content": "Hi"}],
}
WHOLE = {name: value for name, value in STREAM.items() if name != "stream"}


@pytest.fixture
def proxy(upstream: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-server",
        "CLAUDE_PROXY_MAX_CONCURRENCY": str(MOST),
    }
    with live_proxy(environ) as running:
        yield running


def post(proxy: LiveProxy, body: dict[str, Any]) -> Stream:
    """Send a message request; the connection and the answer, of which only the head was read."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    connection.request("POST", "/v1/messages", json.dumps(body))
    return connection, connection.getresponse()


def answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One whole answer off a connection that may go on."""
    response = http.client.HTTPResponse(sock)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, response.read()


def full(
    proxy: LiveProxy, upstream: UpstreamStub, over: ExitStack
) -> tuple[threading.Event, list[Stream]]:
    """As many running streams as are admitted, each past its first line; set to let them end."""
    release = threading.Event()
    upstream.default = text_stream("one", Wait(release), "two")
    over.callback(release.set)
    running = []
    for _ in range(MOST):
        connection, response = post(proxy, STREAM)
        over.callback(connection.close)
        assert response.status == 200
        response.readline()
        running.append((connection, response))
    return release, running


def test_a_full_worker_refuses_and_its_probes_answer(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    with ExitStack() as over:
        release, running = full(proxy, upstream, over)
        connection, refused = post(proxy, WHOLE)
        over.callback(connection.close)
        assert refused.status == 529
        assert refused.getheader("retry-after") == "5"
        assert json.loads(refused.read())["error"]["type"] == "overloaded_error"
        for path in PROBES:
            best = min(_seconds(proxy, path) for _ in range(5))
            assert best < 0.1, path
        release.set()
        assert all(b"message_stop" in response.read() for _, response in running)
        upstream.default = json_answer(completion())
        assert _status_in_time(proxy, 200) == 200


def test_clients_that_leave_make_room(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    for _ in range(2):
        with ExitStack() as over:
            _, running = full(proxy, upstream, over)
            assert _status_in_time(proxy, 529) == 529
            for connection, response in running:
                response.close()
                connection.close()
            upstream.default = json_answer(completion())
            assert _status_in_time(proxy, 200) == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000, id="with a length"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n" + b"c350\r\n" + b"y" * 50_000 + b"\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(
            b"Content-Length: 48\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: smuggled.test\r\n\r\n",
            id="a body that looks like a request",
        ),
    ],
)
def test_a_refused_body_is_never_taken_for_a_request(
    proxy: LiveProxy, upstream: UpstreamStub, body: bytes
) -> None:
    with ExitStack() as over:
        full(proxy, upstream, over)
        sock = over.enter_context(socket.create_connection(("127.0.0.1", proxy.port), timeout=60))
        for _ in range(2):
            sock.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\n" + body)
            status, headers, _ = answer(sock)
            assert (status, headers["connection"]) == (529, "keep-alive")
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            status, _, told = answer(sock)
            assert (status, json.loads(told)["status"]) == (200, "healthy")


def test_a_refused_body_that_never_comes_ends_the_connection(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    with ExitStack() as over:
        full(proxy, upstream, over)
        sock = over.enter_context(socket.create_connection(("127.0.0.1", proxy.port), timeout=60))
        sock.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        assert answer(sock)[0] == 529
        assert sock.recv(1) == b""


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: a\r\n"])
def test_connections_without_a_request_keep_nobody_out(sent: bytes) -> None:
    environ = {
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "CLAUDE_PROXY_WORKER_CONNECTIONS": str(MOST),
    }
    with live_proxy(environ) as proxy, ExitStack() as over:
        for _ in range(5 * MOST):
            sock = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
            over.enter_context(sock)
            sock.sendall(sent)
        assert min(_seconds(proxy, "/health") for _ in range(5)) < 1
        assert max(_seconds(proxy, "/health") for _ in range(5)) < 10
        assert "Traceback" not in proxy.log()


def _seconds(proxy: LiveProxy, path: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    started = time.monotonic()
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    seconds = time.monotonic() - started
    connection.close()
    assert response.status == 200
    return seconds


def _status_in_time(proxy: LiveProxy, wanted: int) -> int:
    """The status of a request, once it is the wanted one: the end of a stream takes a moment."""
    deadline = time.monotonic() + 60
    while True:
        connection, response = post(proxy, WHOLE)
        response.read()
        connection.close()
        if response.status == wanted or time.monotonic() > deadline:
            return response.status
        time.sleep(0.1)
