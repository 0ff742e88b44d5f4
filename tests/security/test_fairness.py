"""A client or upstream that sends as fast as it can, in costly pieces, does not starve the others.

Chunks of one byte are read at a megabyte a second; their sender needs a hundredth of that time. So
bytes wait all the while, and a reader that waits only where there are none would never stop.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.live import LiveProxy, live_proxy
from tests.security.wire import answers, exchange, request
from tests.upstream_stub import Script, UpstreamStub, completion, head, json_answer

MESSAGES = "/v1/messages"
LOOKS = 10
"""Requests of somebody else that are answered meanwhile."""
FLOOD = """
import contextlib, os, socket, ssl, sys, threading, time
port, tls, head, piece, seconds = sys.argv[1:]
sock = socket.create_connection(("127.0.0.1", int(port)))
if tls:
    context = ssl.create_default_context(cafile=tls)
    sock = context.wrap_socket(sock, server_hostname="localhost")
else:
    def take():
        with contextlib.suppress(OSError):
            while sock.recv(1 << 20):
                pass
    threading.Thread(target=take, daemon=True).start()
end = time.monotonic() + float(seconds)
try:
    sock.sendall(head.encode().decode("unicode_escape").encode())
    for turn in range(10**9):
        sock.sendall(piece.encode().decode("unicode_escape").encode() * 10000)
        if turn == 3:
            print(flush=True)
        if time.monotonic() > end:
            break
except OSError:
    os._exit(7)
"""
"""Sends as fast as it can; a line once that is under way; ends with 7 where it is cut off."""
READ = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    sock.sendall(sys.stdin.buffer.read())
    while data := sock.recv(1 << 20):
        sys.stdout.buffer.write(data)
"""
"""A client: a request from stdin, the answer to stdout."""
CHUNK = r"1\r\n \r\n"
PROBES = r"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def flood(proxy: LiveProxy, start: str, piece: str, tls: str = "") -> Iterator[Any]:
    command = [sys.executable, "-c", FLOOD, str(proxy.port), tls, start, piece, "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as sender:
        try:
            assert sender.stdout is not None
            sender.stdout.readline()
            yield sender
        finally:
            sender.kill()


def post(key: str) -> str:
    fields = rf"Host: a\r\nx-api-key: {key}\r\nContent-Type: application/json\r\n"
    return rf"POST {MESSAGES} HTTP/1.1\r\n{fields}Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamStub]:
    stub = UpstreamStub(default=json_answer(completion()))
    yield stub
    stub.close()


def settings(upstream: UpstreamStub, **more: object) -> dict[str, str]:
    environ = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-server"}
    return environ | {f"CLAUDE_PROXY_{name}": str(value) for name, value in more.items()}


@pytest.fixture(scope="module")
def proxy(upstream: UpstreamStub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProxy]:
    native = {"name": "native", "base_url": upstream.origin, "api_key": "k", "direct": True}
    value = {"providers": [native | {"models": [{"id": "native"}]}]}
    registry = tmp_path_factory.mktemp("registry") / "providers.json"
    registry.write_text(json.dumps(value), "utf-8")
    with live_proxy(settings(upstream, AUTH_KEY="front", CONFIG=registry)) as running:
        yield running


def health(proxy: LiveProxy) -> int:
    (seen,) = answers(exchange(proxy.port, request("GET", "/health"), seconds=60))
    return seen.status


@pytest.mark.parametrize("start", [post("front"), PROBES], ids=["a body", "requests"])
def test_no_client_has_the_worker_alone(proxy: LiveProxy, start: str) -> None:
    with flood(proxy, start, PROBES if start == PROBES else CHUNK) as sender:
        assert [health(proxy) for _ in range(LOOKS)] == [200] * LOOKS
        assert sender.poll() is None


@pytest.mark.parametrize("key", ["front", "wrong"])
@pytest.mark.long(except_every=2)
def test_the_limits_hold_for_who_floods(upstream: UpstreamStub, key: str) -> None:
    """Its body is late, or belongs to a refused request: the connection is ended."""
    environ = settings(upstream, AUTH_KEY="front", BODY_TIMEOUT=1)
    with live_proxy(environ) as proxy, flood(proxy, post(key), CHUNK) as sender:
        assert sender.wait() == 7


@pytest.mark.long
def test_no_client_has_the_worker_alone_by_tls(upstream: UpstreamStub, tmp_path: Path) -> None:
    authority = trustme.CA()
    trusted, own = tmp_path / "authority.pem", tmp_path / "own.pem"
    authority.cert_pem.write_to_path(trusted)
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(own)
    options = ("--certfile", str(own), "--keyfile", str(own))
    tls = ssl.create_default_context(cafile=trusted)
    with (
        live_proxy(settings(upstream), options=options, tls=tls) as proxy,
        flood(proxy, post("k"), CHUNK, str(trusted)) as sender,
    ):
        assert [proxy.get("/health")[0] for _ in range(LOOKS)] == [200] * LOOKS
        assert sender.poll() is None


def in_bytes(body: bytes, content_type: str) -> Script:
    """An answer in chunks of one byte."""
    fields = {"Content-Type": content_type, "Transfer-Encoding": "chunked"}
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    return (head(200, fields), pieces, b"0\r\n\r\n")


LONG = b" " * 1_500_000
MODELS = {"whole": "m", "native whole": "native"}
"""Streams wait between any two reads."""
TRIES = 3
"""On a busy machine the answer may be over before anybody got to look."""


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
@pytest.mark.long(except_every=2)
def test_no_upstream_has_the_worker_alone(
    proxy: LiveProxy, upstream: UpstreamStub, model: str
) -> None:
    script = in_bytes(LONG, "application/json")
    said = [{"role": "user", "content": "x"}]
    asked = json.dumps({"model": model, "max_tokens": 5, "messages": said}).encode()
    sent = request("POST", MESSAGES, asked, x_api_key="front")
    assert any(_others_were_served(proxy, upstream, script, sent) for _ in range(TRIES))


def _others_were_served(
    proxy: LiveProxy, upstream: UpstreamStub, script: Script, sent: bytes
) -> bool:
    """Whether the answer was still under way after all looks; it goes on to its end."""
    upstream.answer(script)
    before = len(upstream.requests)
    command = [sys.executable, "-c", READ, str(proxy.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        client.stdin.write(sent)
        client.stdin.close()
        client.stdin = None
        assert upstream.wait_for_requests(before + 1, 60)
        assert [health(proxy) for _ in range(LOOKS)] == [200] * LOOKS
        under_way = client.poll() is None
        told, _ = client.communicate(timeout=120)
    assert told.startswith(b"HTTP/1.1 502")
    return under_way
