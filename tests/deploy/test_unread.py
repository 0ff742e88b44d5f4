"""Clients that do not read, in front of the real server: they hold nothing that others need.

Rule: each test first makes sure that writes really wait for the client (its connection has a small
buffer, and the answer is larger than both ends hold).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.deploy.watched_clients import narrow_connection
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import (
    Recorded,
    Script,
    UpstreamStub,
    chunk,
    completion,
    json_answer,
    sse,
)
from tests.waiting import until

MEBIBYTE = 1 << 20
LARGE = "x" * (4 * MEBIBYTE)
"""More than the kernel keeps for a connection."""
SLOTS = 4
HELD_SECONDS = 20.0
"""Far more than the grace of 5 s, far less than WRITE_TIMEOUT."""
REQUEST = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
CUT = "the client did not read its answer for"


def post(body: object, path: str = "/v1/messages") -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nx-api-key: c\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def message(model: str, *, stream: bool) -> bytes:
    turns = [{"role": "user", "content": "Hi"}]
    return post({"model": model, "max_tokens": 9, "messages": turns, "stream": stream})


def upstream_script(recorded: Recorded) -> Script:
    """A long answer, or a short one where the model is called ``short``."""
    text = "short" if recorded.json["model"] == "short" else LARGE
    if recorded.target.endswith("/messages"):
        return native_script(text, stream=recorded.json.get("stream") is True)
    if not recorded.json.get("stream"):
        return json_answer(completion(text))
    pieces = [chunk(content=text[i : i + MEBIBYTE]) for i in range(0, len(text), MEBIBYTE)]
    return sse(*pieces, chunk("stop"))


def native_script(text: str, *, stream: bool) -> Script:
    usage = {"input_tokens": 1, "output_tokens": 1}
    whole = {"type": "message", "model": "m", "content": [{"type": "text", "text": text}]}
    if not stream:
        return json_answer(whole | {"stop_reason": "end_turn", "usage": usage})
    start = {"type": "message_start", "message": whole | {"content": [], "usage": usage}}
    delta = {"type": "text_delta", "text": text[:MEBIBYTE]}
    pieces = [{"type": "content_block_delta", "index": 0, "delta": delta}] * 4
    return sse(start, *pieces, {"type": "message_stop"}, done=False)


@contextlib.contextmanager
def serving(
    upstream: UpstreamStub, folder: Path, *, workers: int = 1, **variables: str
) -> Iterator[LiveProxy]:
    upstream.default = upstream_script
    path = folder / "providers.yaml"
    path.write_text(
        f"providers:\n  - name: chat\n    base_url: {upstream.base_url}\n    api_key: sk-chat\n"
        "    models: [{id: long}, {id: short}]\n"
        f"  - name: native\n    base_url: {upstream.origin}\n    direct: true\n"
        "    api_key: sk-native\n    models: [{id: native-long}]\n",
        "utf-8",
    )
    environ = {"CLAUDE_PROXY_CONFIG": str(path)} | {
        f"CLAUDE_PROXY_{name}": value for name, value in variables.items()
    }
    with live_proxy(environ, workers=workers) as proxy:
        yield proxy


def seconds(ask: Callable[[], int], wanted: int = 200) -> float:
    """How long it takes until ``ask`` returns ``wanted``, repeated where it does not."""
    begun = time.monotonic()
    while ask() != wanted:
        assert time.monotonic() < begun + 60
        time.sleep(0.2)
    return time.monotonic() - begun


def status(proxy: LiveProxy, raw: bytes) -> int:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as sock:
        sock.sendall(raw)
        response = http.client.HTTPResponse(sock)
        response.begin()
        response.read()
        return response.status


def flood(sock: socket.socket, request: bytes) -> None:
    """Send ``request`` until the server reads no more, without reading an answer."""
    sock.settimeout(0.3)
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(request * 100)


HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
KINDS = {
    "whole": message("long", stream=False),
    "stream": message("long", stream=True),
    "native whole": message("native-long", stream=False),
    "native stream": message("native-long", stream=True),
}
PIPELINED = {
    "openapi": REQUEST,
    "metrics": b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
    "not found": b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
    "refused bodies": b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", PIPELINED)
def test_pipelined_requests_that_are_not_read_keep_nobody_out(
    upstream: UpstreamStub, tmp_path: Path, kind: str, workers: int
) -> None:
    settings = {"WORKER_CONNECTIONS": "20"}
    with serving(upstream, tmp_path, workers=workers, **settings) as proxy, ExitStack() as over:
        for _ in range(30 * workers):
            flood(over.enter_context(narrow_connection(proxy.port)), PIPELINED[kind])
        assert seconds(lambda: status(proxy, HEALTH)) < HELD_SECONDS
        assert max(seconds(lambda: status(proxy, HEALTH)) for _ in range(20)) < HELD_SECONDS
        assert "Traceback" not in proxy.log()


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_an_unread_answer_gives_its_slot_to_the_next_request(
    upstream: UpstreamStub, tmp_path: Path, kind: str, workers: int
) -> None:
    slots = {"MAX_CONCURRENCY": str(SLOTS)}
    with serving(upstream, tmp_path, workers=workers, **slots) as proxy, ExitStack() as over:
        # Enough that each worker accepts more than it has slots; the others are refused.
        for _ in range(SLOTS * workers * 6):
            over.enter_context(narrow_connection(proxy.port)).sendall(KINDS[kind])
        short = message("short", stream=False)
        until(lambda: status(proxy, short) == 529, "the slots are never full")

        def one_is_taken() -> bool:
            status(proxy, short)
            return "and others were waiting" in proxy.log()

        until(one_is_taken, "no slot is taken from a client that does not read", HELD_SECONDS)
        assert seconds(lambda: status(proxy, short)) < HELD_SECONDS
        assert CUT in proxy.log()
        assert "Traceback" not in proxy.log()


@pytest.mark.long(except_every=5)
@pytest.mark.parametrize("kind", [*KINDS, "openapi"])
def test_an_unread_answer_ends_after_write_timeout(
    upstream: UpstreamStub, tmp_path: Path, kind: str
) -> None:
    with (
        serving(upstream, tmp_path, WRITE_TIMEOUT="2") as proxy,
        narrow_connection(proxy.port) as sock,
    ):
        sock.sendall(KINDS.get(kind, REQUEST * 200))
        until(lambda: f"{CUT} 2 s" in proxy.log(), "the write goes on")
        assert read_until_reset(sock)
        if kind != "openapi":
            assert_accounted(proxy, "stream" in kind)


def assert_accounted(proxy: LiveProxy, stream: bool) -> None:
    """One access line for the request, no other request in progress, usage counted."""
    log = proxy.logged("POST /v1/messages")
    lines = [line for line in log.splitlines() if "POST /v1/messages" in line]
    assert len(lines) == 1
    assert ("POST /v1/messages 499" in lines[0]) is stream
    stats = proxy.get("/v1/stats")[1]
    assert stats["requests_in_progress"] == 1
    assert stats["streams_open"] == 0
    assert stats["statuses"].get("499" if stream else "200", 0) >= 1


def read_until_reset(sock: socket.socket, pause: float = 0.0) -> int:
    """How many bytes come until the server resets the connection."""
    size = 0
    try:
        while data := sock.recv(65536):
            size += len(data)
            time.sleep(pause)
    except ConnectionResetError:
        return size
    raise AssertionError("the connection ended in order")


def read_all(sock: Any) -> int:
    """How many bytes come until the connection ends."""
    size = 0
    while data := sock.recv(65536):
        size += len(data)
    return size


@pytest.mark.long(except_every=2)
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_total_timeout_holds_for_an_answer_that_is_read_slowly(
    upstream: UpstreamStub, tmp_path: Path, kind: str
) -> None:
    with (
        serving(upstream, tmp_path, TOTAL_TIMEOUT="2") as proxy,
        narrow_connection(proxy.port) as sock,
    ):
        sock.sendall(KINDS[kind])
        assert 0 < read_until_reset(sock, pause=0.05) < len(LARGE)
        until(lambda: "the request took longer than 2 s" in proxy.log(), "the log does not tell")


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_client_is_not_cut(upstream: UpstreamStub, tmp_path: Path, kind: str) -> None:
    """It reads 16 kB at a time with pauses for ten times WRITE_TIMEOUT, then the rest."""
    with (
        serving(upstream, tmp_path, WRITE_TIMEOUT="1.5") as proxy,
        narrow_connection(proxy.port) as sock,
    ):
        sock.sendall(KINDS[kind])
        size, slow = 0, time.monotonic() + 15
        while time.monotonic() < slow:
            size += len(sock.recv(16384))
            time.sleep(0.25)
        sock.sendall(HEALTH)
        size += read_all(sock)
        assert size > len(LARGE)
        assert CUT not in proxy.log()


@pytest.mark.long
def test_a_trickle_is_cut(upstream: UpstreamStub, tmp_path: Path) -> None:
    """A hundred bytes a second are no progress."""
    with (
        serving(upstream, tmp_path, WRITE_TIMEOUT="3") as proxy,
        narrow_connection(proxy.port) as sock,
    ):
        sock.sendall(KINDS["whole"])

        def is_cut() -> bool:
            assert sock.recv(50)
            time.sleep(0.45)
            return f"{CUT} 3 s" in proxy.log()

        until(is_cut, "the trickle goes on")


@pytest.mark.long
def test_an_unread_answer_over_tls_ends_too(tmp_path: Path) -> None:
    """gunicorn ends TLS itself where it is given a certificate."""
    own, authority = tmp_path / "own.pem", trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(own)
    tls = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    options = ("--certfile", str(own), "--keyfile", str(own))
    environ = {"CLAUDE_PROXY_WRITE_TIMEOUT": "2"}
    with live_proxy(environ, options=options, tls=tls) as proxy:
        with tls.wrap_socket(narrow_connection(proxy.port), server_hostname="127.0.0.1") as sock:
            sock.sendall(REQUEST * 50)
            until(lambda: f"{CUT} 2 s" in proxy.log(), "the write goes on")
        assert "Traceback" not in proxy.log()


IDLE = {
    "kept alive": HEALTH.replace(b"Connection: close\r\n", b""),
    "kept alive and half a head": HEALTH.replace(b"Connection: close\r\n", b"") + b"GET / HT",
    "half a request line": b"GET /hea",
    "half a head": b"GET /health HTTP/1.1\r\nHost: a\r\nX-A: ",
    "half a body": b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    "half a message": b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    "half a chunked body": b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9",
}


@pytest.mark.long(except_every=7)
@pytest.mark.parametrize("kind", IDLE)
def test_connections_that_wait_for_their_client_keep_nobody_out(
    upstream: UpstreamStub, tmp_path: Path, kind: str
) -> None:
    with serving(upstream, tmp_path, WORKER_CONNECTIONS="20") as proxy, ExitStack() as over:
        for _ in range(60):
            over.enter_context(narrow_connection(proxy.port)).sendall(IDLE[kind])
        assert max(seconds(lambda: status(proxy, HEALTH)) for _ in range(10)) < HELD_SECONDS
