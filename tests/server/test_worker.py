"""Responses below WSGI: malformed HTTP gets an error in the API's form too."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from tests.live import LiveProxy, live_proxy


@pytest.fixture(scope="module")
def proxy() -> Iterator[LiveProxy]:
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "CLAUDE_PROXY_BODY_TIMEOUT": "0.5"}
    with live_proxy(environ) as running:
        yield running


def exchange(port: int, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, read to the end of the connection: status, headers, body."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(raw)
        answer = b""
        while data := sock.recv(65536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
    return int(start.split()[1]), headers, body


@pytest.mark.parametrize(
    ("raw", "status", "kind"),
    [
        pytest.param(b"NONSENSE\r\n\r\n", 400, "InvalidRequestLine", id="no HTTP at all"),
        pytest.param(
            b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            414,
            "LimitRequestLine",
            id="a long URL",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
            431,
            "LimitRequestHeaders",
            id="a long header",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "InvalidHeader",
            id="two lengths",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\nX-Bad\x00Name: 1\r\n\r\n",
            400,
            "InvalidHeaderName",
            id="a bad header name",
        ),
    ],
)
def test_malformed_http_is_refused_in_the_apis_form(
    proxy: LiveProxy, raw: bytes, status: int, kind: str
) -> None:
    answered, headers, body = exchange(proxy.port, raw)
    assert answered == status
    assert headers["content-type"] == "application/json"
    error = json.loads(body)
    assert error == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": f"The HTTP request is malformed: {kind}",
        },
        "request_id": headers["request-id"],
    }
    assert headers["x-request-id"] == headers["request-id"]


def test_bad_chunks_of_a_body_are_the_clients_fault(proxy: LiveProxy) -> None:
    raw = (
        b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: k\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n"
    )
    status, headers, body = exchange(proxy.port, raw)
    assert status == 400
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "framing", [b"Transfer-Encoding: chunked\r\n\r\n64\r\nab", b"Content-Length: 100\r\n\r\nab"]
)
def test_what_follows_a_body_that_came_too_late_is_no_request(
    proxy: LiveProxy, framing: bytes
) -> None:
    late = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: k\r\n" + framing
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as sock:
        sock.sendall(late)
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408 ")
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP/1.1" not in received(sock)


def received(sock: socket.socket) -> bytes:
    """What still comes until the end of the connection, however it ends."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            data += piece
    return data


def test_http_1_0_is_served(proxy: LiveProxy) -> None:
    status, _, body = exchange(proxy.port, b"GET /health HTTP/1.0\r\n\r\n")
    assert status == 200
    assert json.loads(body)["status"] == "healthy"


def test_connections_are_closed_where_few_are_left() -> None:
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "CLAUDE_PROXY_WORKER_CONNECTIONS": "4"}
    with live_proxy(environ) as small, contextlib.ExitStack() as open_ones:
        kept = []
        for _ in range(6):
            sock = socket.create_connection(("127.0.0.1", small.port), timeout=60)
            open_ones.enter_context(sock)
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = sock.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
            kept.append(b"\r\nConnection: keep-alive\r\n" in answer)
        assert kept == [True, False, False, False, False, False]
