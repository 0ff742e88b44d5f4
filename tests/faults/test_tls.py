"""Faults of TLS, in mid-handshake and in mid-answer: the right error, within the right time.

Rule: the upstream is a TLS server that can send half a record, a false one, or end without
``close_notify``; its certificate is thrown away. A truncated answer must never look whole.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from config.registry.values import Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.errors import UpstreamError
from tests.faults.answers import CHAT, REQUEST, WHOLE_CHAT, bodies
from tests.faults.upstream import CHUNKED, CLOSE, LENGTH, Framing, sent
from tests.upstream_stub import server_tls

CONNECT, FIRST_BYTE, SILENCE = 1.0, 2.5, 2.0
"""Seconds."""
SLACK = 8.0
"""Seconds that a busy machine may take longer."""
RESET = struct.pack("ii", 1, 0)
PATH = "/v1/messages"
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
"""A fatal alert in the clear: handshake failure."""


class Far:
    """The upstream's end of one connection: TLS by hand, so that single records can be spoilt."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    def receive_request(self) -> None:
        """Shake hands, and read until the end of a request's head."""
        self._complete(self._tls.do_handshake)
        held = b""
        while b"\r\n\r\n" not in held:
            held += self._complete(self._tls.read)

    def _complete(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.sock.sendall(self._out.read())
                data = self.sock.recv(65536)
                assert data, "the proxy left"
                self._in.write(data)
            finally:
                self.sock.sendall(self._out.read())

    def record(self, data: bytes) -> bytes:
        """``data`` as encrypted records."""
        self._tls.write(data)
        return self._out.read()

    def close_notify(self) -> bytes:
        """The record that ends the connection in order."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        return self._out.read()

    def wait(self) -> None:
        """Until the proxy closes the connection."""
        while self.sock.recv(65536):
            pass

    def drip(self, data: bytes) -> None:
        """A byte every tenth of a second."""
        for byte in data:
            self.sock.sendall(bytes([byte]))
            time.sleep(0.1)


Play = Callable[[Far], object]


class TlsUpstream:
    """Plays ``play`` on each connection; what fails there ends the connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.play: Play = Far.wait
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.play(Far(sock, self._context))
            except (OSError, AssertionError):
                return


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[TlsUpstream]:
    context, authority = server_tls(tmp_path)
    made = TlsUpstream(context)
    made.authority = authority  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.fixture
def native(upstream: TlsUpstream) -> Iterator[FlaskClient]:
    native = Provider(
        name="native",
        base_url=f"https://localhost:{upstream.port}",
        api_keys=("sk-server",),
        native=True,
    )
    settings = Settings(ca_bundle=upstream.authority)  # type: ignore[attr-defined]
    app = create_app(settings, Registry(providers=(native,), default=native))
    yield app.test_client()
    app.extensions[EXTENSION].close()


@pytest.fixture
def client(upstream: TlsUpstream) -> Iterator[FlaskClient]:
    settings = Settings(
        openai_base_url=f"https://localhost:{upstream.port}/v1",
        openai_api_key="sk-server",
        ca_bundle=upstream.authority,  # type: ignore[attr-defined]
        connect_timeout=CONNECT,
        first_byte_timeout=FIRST_BYTE,
        request_timeout=SILENCE,
    )
    app = create_app(settings)
    yield app.test_client()
    app.extensions[EXTENSION].close()


def ask(client: FlaskClient, *, stream: bool) -> tuple[int, str, str, float]:
    """Status, error type and message of the answer, or of its last event; and the seconds it took."""
    begun = time.monotonic()
    with client.post(PATH, json={**REQUEST, "stream": stream}) as response:
        data = response.data
    seconds = time.monotonic() - begun
    if response.status_code == 200 and stream:
        event = json.loads(data.decode().rpartition("data: ")[2])
        error = event.get("error", {"type": event["type"], "message": ""})
    else:
        error = json.loads(data).get("error", {"type": "whole", "message": ""})
    return response.status_code, error["type"], error["message"], seconds


def reset(far: Far) -> None:
    far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


HELLO = b"\x16\x03\x03\x40\x00"
"""The head of a handshake record of 16 kB."""
STALLED_HANDSHAKES: dict[str, Play] = {
    "nothing": Far.wait,
    "half a record": lambda far: (far.sock.sendall(HELLO + b"\x02\x00"), far.wait()),  # type: ignore[func-returns-value]
    "a record without end": lambda far: far.drip(HELLO + bytes(600)),
}


@pytest.mark.parametrize("play", STALLED_HANDSHAKES.values(), ids=STALLED_HANDSHAKES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_handshake_has_the_time_to_connect(
    upstream: TlsUpstream, client: FlaskClient, play: Play, stream: bool
) -> None:
    upstream.play = play
    status, kind, message, seconds = ask(client, stream=stream)
    assert (status, kind) == (504, "timeout_error")
    assert message == f"the upstream localhost:{upstream.port} did not accept a connection in time"
    assert CONNECT <= seconds < FIRST_BYTE


def sends(data: bytes) -> Play:
    return lambda far: (far.sock.recv(65536), far.sock.sendall(data))  # type: ignore[func-returns-value]


BROKEN_HANDSHAKES: dict[str, Play] = {
    "closed": lambda far: None,
    "closed after the hello": lambda far: far.sock.recv(65536),
    "reset": reset,
    "a fatal alert": sends(ALERT),
    "no TLS": sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "half a record, then closed": sends(HELLO + b"\x02\x00"),
    "an application record": sends(b"\x17\x03\x03\x00\x05hello"),
}


@pytest.mark.parametrize("play", BROKEN_HANDSHAKES.values(), ids=BROKEN_HANDSHAKES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_broken_handshake_is_an_upstream_that_cannot_be_reached(
    upstream: TlsUpstream, client: FlaskClient, play: Play, stream: bool
) -> None:
    upstream.play = play
    status, kind, message, seconds = ask(client, stream=stream)
    assert (status, kind) == (502, "api_error")
    assert f"localhost:{upstream.port}" in message
    assert "TLS handshake failed" in message or "failed: connection reset by peer" in message
    assert seconds < SLACK


def stream_until_text(framing: Framing) -> bytes:
    return b"".join(sent(bodies(CHAT), framing).until(3))  # type: ignore[arg-type]


def half_whole(framing: Framing) -> bytes:
    body = json.dumps(WHOLE_CHAT).encode()
    return b"".join(
        sent([body[:100], body[100:]], framing, content_type="application/json").until(1)  # type: ignore[arg-type]
    )


def then(fault: Play) -> Callable[[bytes], Play]:
    """An answer that is cut by ``fault``."""

    def cut(begun: bytes) -> Play:
        def play(far: Far) -> None:
            far.receive_request()
            far.sock.sendall(far.record(begun))
            fault(far)

        return play

    return cut


def half_record(far: Far) -> None:
    far.sock.sendall(far.record(b": keep-alive\n\n")[:-4])


BREAKS: dict[str, Callable[[bytes], Play]] = {
    "closed without close_notify": then(lambda far: None),
    "closed in order": then(lambda far: far.sock.sendall(far.close_notify())),
    "reset": then(reset),
    "no TLS": then(lambda far: far.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    "a false record": then(lambda far: far.sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))),
    "a spoilt record": then(lambda far: far.sock.sendall(far.record(b"data: 1\n\n")[:-1] + b"\0")),
    "an alert in the clear": then(lambda far: far.sock.sendall(ALERT)),
    "half a record, then closed": then(half_record),
}
STALLS: dict[str, Callable[[bytes], Play]] = {
    "nothing": then(Far.wait),
    "half a record": then(lambda far: (half_record(far), far.wait())),  # type: ignore[func-returns-value]
    "a record without end": then(lambda far: far.drip(far.record(bytes(600)))),
}


@pytest.mark.parametrize("framing", [CHUNKED, LENGTH, CLOSE], ids=["chunked", "length", "close"])
@pytest.mark.parametrize("cut", BREAKS.values(), ids=BREAKS)
def test_a_connection_that_breaks_in_an_answer(
    upstream: TlsUpstream, client: FlaskClient, cut: Callable[[bytes], Play], framing: Framing
) -> None:
    upstream.play = cut(stream_until_text(framing))
    status, kind, message, seconds = ask(client, stream=True)
    assert (status, kind) == (200, "api_error")
    assert message == "upstream closed the stream before it finished"
    upstream.play = cut(half_whole(framing))
    status, kind, message, seconds = ask(client, stream=False)
    assert (status, kind) == (502, "api_error")
    assert message in (
        "upstream closed the connection inside its answer",
        # Where the end of the connection ends the body, only its content tells.
        "the upstream's answer is not JSON (application/json)",
    )
    assert seconds < SLACK


@pytest.mark.parametrize("cut", STALLS.values(), ids=STALLS)
def test_a_connection_that_stalls_in_an_answer(
    upstream: TlsUpstream, client: FlaskClient, cut: Callable[[bytes], Play]
) -> None:
    upstream.play = cut(stream_until_text(CHUNKED))
    status, kind, message, seconds = ask(client, stream=True)
    assert (status, kind) == (200, "timeout_error")
    assert message == f"the upstream sent nothing for {SILENCE:g} s"
    assert SILENCE <= seconds < SILENCE + SLACK
    upstream.play = cut(half_whole(CHUNKED))
    status, kind, message, seconds = ask(client, stream=False)
    assert (status, kind) == (504, "timeout_error")
    assert message == f"the upstream did not answer within {FIRST_BYTE:g} s"
    assert FIRST_BYTE <= seconds < FIRST_BYTE + SLACK


@pytest.mark.parametrize("framing", [CHUNKED, LENGTH, CLOSE], ids=["chunked", "length", "close"])
def test_a_whole_answer_needs_no_close_notify(
    upstream: TlsUpstream, client: FlaskClient, framing: Framing
) -> None:
    body = json.dumps(WHOLE_CHAT).encode()
    whole = b"".join(
        step
        for step in sent([body], framing, content_type="application/json").whole()
        if isinstance(step, bytes)
    )
    upstream.play = then(lambda far: None)(whole)
    assert ask(client, stream=False)[:2] == (200, "whole")
    stream = b"".join(
        step for step in sent(bodies(CHAT), framing).whole() if isinstance(step, bytes)
    )
    upstream.play = then(lambda far: None)(stream)
    assert ask(client, stream=True)[:2] == (200, "message_stop")


FILE = b"".join(
    step
    for step in sent([b"line\n" * 9], CLOSE, content_type="application/x-jsonl").whole()
    if isinstance(step, bytes)
)


def test_a_file_that_may_be_truncated_does_not_look_whole(
    upstream: TlsUpstream, native: FlaskClient
) -> None:
    """Its end is that of the connection, and TLS did not end in order."""
    upstream.play = BREAKS["closed without close_notify"](FILE)
    with native.get("/v1/files/f/content") as response:
        assert response.status_code == 200
        with pytest.raises(UpstreamError, match="closed the stream before it finished"):
            b"".join(response.response)  # type: ignore[arg-type]
    upstream.play = BREAKS["closed in order"](FILE)
    with native.get("/v1/files/f/content") as response:
        assert response.data == b"line\n" * 9
