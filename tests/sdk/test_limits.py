"""Bodies that are too large, and bodies that never come."""

from __future__ import annotations

from time import monotonic

import anthropic
import gevent
import pytest

from tests.live import LiveProxy
from tests.sdk.clients import BODY_SECONDS, RawClient, message_request, raw_client, request_head
from tests.upstream_stub import UpstreamStub

MEGABYTE = b'"' + b"x" * (1024 * 1024 - 1)
TOO_MANY_MEGABYTES = 50


def send_in_the_background(client: RawClient, data: list[bytes]) -> gevent.Greenlet[..., None]:
    """Send until the proxy has had enough."""

    def send() -> None:
        for piece in data:
            try:
                client.send(piece)
            except OSError:
                return

    return gevent.spawn(send)


def test_50_megabytes_by_the_official_client(
    client: anthropic.Anthropic, upstream: UpstreamStub
) -> None:
    with pytest.raises(anthropic.ContentTooLargeError) as caught:
        client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=9,
            messages=[{"role": "user", "content": "x" * (TOO_MANY_MEGABYTES << 20)}],
        )
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == "request_too_large"
    assert upstream.requests == []


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_50_megabytes_by_any_framing(
    chunked: bool, proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    if chunked:
        head = request_head({"transfer-encoding": "chunked"})
        piece = b"%x\r\n%b\r\n" % (len(MEGABYTE), MEGABYTE)
    else:
        head = request_head({"content-length": str(TOO_MANY_MEGABYTES * len(MEGABYTE))})
        piece = MEGABYTE
    with raw_client(proxy) as client:
        sending = send_in_the_background(client, [head, *[piece] * TOO_MANY_MEGABYTES])
        answer = client.read_until(b"request_too_large")
        sending.kill()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert upstream.requests == []


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(request_head({"content-length": "500"}), id="not a byte of it"),
        pytest.param(message_request()[:-20], id="all but the end"),
        pytest.param(request_head({"transfer-encoding": "chunked"}) + b"5\r\nab", id="chunked"),
    ],
)
def test_a_body_that_never_arrives(part: bytes, proxy: LiveProxy, upstream: UpstreamStub) -> None:
    with raw_client(proxy) as client:
        client.send(part)
        started = monotonic()
        answer = client.read_until(b"timeout_error", BODY_SECONDS + 60)
        waited = monotonic() - started
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert BODY_SECONDS - 0.5 < waited < BODY_SECONDS + 30
    assert upstream.requests == []


def test_a_body_cut_short_by_its_client_asks_nobody(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    with raw_client(proxy) as client:
        client.send(message_request()[:-20])
    gevent.sleep(0.3)
    assert upstream.requests == []
    assert "Traceback" not in proxy.log()
