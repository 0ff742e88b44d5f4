"""The same faults behind the real server: how the client's own HTTP framing ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.faults.answers import HEAD, PIECES, REQUEST, bodies, phases
from tests.faults.upstream import CHUNKED, FaultUpstream, Play, sent
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import Close, Reset, Step

LAST_CHUNK = b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def behind() -> Iterator[tuple[FaultUpstream, LiveProxy]]:
    upstream = FaultUpstream()
    environ = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-server"}
    with live_proxy(environ) as proxy:
        yield upstream, proxy
    upstream.close()


def answered(proxy: LiveProxy, *, stream: bool) -> bytes:
    """Every byte of the answer, up to the end of the connection."""
    body = json.dumps({**REQUEST, "stream": stream}).encode()
    head = (
        "POST /v1/messages HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as sock:
        sock.sendall(head.encode() + body)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def cut(kind: str, phase: str, step: Step) -> Play:
    return sent(bodies(PIECES[kind]), CHUNKED).until(phases(kind).index(phase), step)


@pytest.mark.parametrize("step", [Close(), Reset()], ids=["close", "reset"])
@pytest.mark.parametrize("phase", ["the role chunk", "a text delta", "half its arguments"])
def test_a_broken_stream_is_an_error_event_in_a_finished_body(
    behind: tuple[FaultUpstream, LiveProxy], phase: str, step: Step
) -> None:
    upstream, proxy = behind
    upstream.plays(cut("chat stream", phase, step))
    data = answered(proxy, stream=True)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"transfer-encoding: chunked" in head.lower()
    assert body.count(b"event: error\n") == 1
    assert b"event: message_stop" not in body
    assert body.endswith(b"}\n\n" + LAST_CHUNK)


@pytest.mark.parametrize("kind", ["chat stream", "chat whole"])
def test_a_break_before_anything_is_a_whole_http_error(
    behind: tuple[FaultUpstream, LiveProxy], kind: str
) -> None:
    upstream, proxy = behind
    upstream.plays(cut(kind, HEAD, Close()))
    head, _, body = answered(proxy, stream=kind == "chat stream").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 502 ")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert json.loads(body)["error"]["type"] == "api_error"


def test_a_break_behind_the_finish_is_a_whole_answer(
    behind: tuple[FaultUpstream, LiveProxy],
) -> None:
    upstream, proxy = behind
    upstream.plays(cut("chat stream", "usage", Reset()))
    body = answered(proxy, stream=True)
    assert body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n' + LAST_CHUNK)
    assert b"event: error" not in body
