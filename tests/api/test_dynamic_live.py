"""Dynamic routes behind the shipped server: the raw target is what stood in the request line."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.api.conftest import message_request
from tests.api.hostile_targets import OTHERS, REFUSED
from tests.api.name_service import trap
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import UpstreamStub, completion, json_answer

BODY = json.dumps(message_request(model="m")).encode()


@pytest.fixture(scope="module")
def stub() -> Iterator[UpstreamStub]:
    listening = UpstreamStub(default=json_answer(completion("Hello")))
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def proxy(stub: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_API_KEY": "sk-server",
        "ALLOWED_HOSTS": f"qiniu.com,.qiniu.com,127.0.0.1:{stub.port}",
    }
    with live_proxy(environ) as running:
        yield running


def status_of(proxy: LiveProxy, target: bytes) -> int:
    """The status that a request with these very bytes in its request line gets."""
    head = b"POST %s HTTP/1.1\r\nHost: p\r\nConnection: close\r\nAuthorization: Bearer own\r\n"
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as client:
        client.sendall(head % target + length + BODY)
        answer = client.recv(65536)
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1/messages?beta=true", "/v1/chat/completions?beta=true"),
        ("/openai/v1/models/maker/M/v1/messages", "/openai/v1/chat/completions"),
        ("/compatible-mode/v1/messages", "/compatible-mode/v1/chat/completions"),
    ],
)
def test_it_reaches_the_url(proxy: LiveProxy, stub: UpstreamStub, path: str, target: str) -> None:
    stub.requests.clear()
    assert status_of(proxy, f"/http/127.0.0.1:{stub.port}{path}".encode()) == 200
    [request] = stub.requests
    assert request.target == target
    assert request.headers["authorization"] == "Bearer own"


def test_tricks_reach_nobody(proxy: LiveProxy, stub: UpstreamStub) -> None:
    stub.connections.clear()
    with trap() as trapped, trap("127.0.0.2", stub.port) as neighbour:
        passed = []
        for status, tricks in ((403, REFUSED), (404, OTHERS)):
            for trick in tricks:
                raw = trick.replace("TRAP", str(trapped.port)).replace("UP", str(stub.port))
                # What is no request line at all never reaches the application.
                readable = raw.isascii() and raw.isprintable() and " " not in raw
                expected = {status} if readable else {status, 400}
                found = status_of(proxy, raw.encode())
                if found not in expected and not (raw[0] != "/" and found == 400):
                    passed.append((raw, found))
        assert passed == []
        assert (trapped.touched, neighbour.touched) == (0, 0)
    assert stub.connections == []
