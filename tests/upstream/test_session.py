"""Calls over real loopback sockets: answers, failures, reuse of connections."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
import requests
import responses

from proxy.errors import (
    CUT_SHORT,
    AuthenticationFailed,
    InvalidRequest,
    ProxyError,
    UpstreamError,
    UpstreamTimeout,
)
from proxy.upstream.faults import call_fault
from proxy.upstream.session import UpstreamClient, UpstreamResponse
from tests.upstream.silent_names import resolver
from tests.upstream_stub import (
    Close,
    Connection,
    Framing,
    Reset,
    Script,
    Sleep,
    Step,
    UpstreamStub,
    Wait,
    answer,
    byte_by_byte,
    head,
    http_chunk,
    json_answer,
    server_tls,
    sse,
)

KEY = {"Authorization": "Bearer sk-secret"}


@pytest.fixture
def make_client() -> Iterator[Callable[..., UpstreamClient]]:
    made: list[UpstreamClient] = []

    def make(**options: Any) -> UpstreamClient:
        defaults: dict[str, Any] = {
            "connect_timeout": 2.0,
            "pool_size": 20,
            "proxies": None,
            "no_proxy": None,
            "ca_bundle": None,
        }
        made.append(UpstreamClient(**(defaults | options)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., UpstreamClient]) -> UpstreamClient:
    return make_client()


def pieces(response: UpstreamResponse, limit: int = 65536) -> list[bytes]:
    return list(iter(lambda: response.read_available(limit), b""))


def failure(client: UpstreamClient, url: str) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        client.post(url, KEY, b"{}")
    assert "sk-secret" not in caught.value.message
    assert "object at 0x" not in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value


def read_request(sock: socket.socket) -> None:
    """Read one request with a Content-Length to its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(1000)
    start, _, body = data.partition(b"\r\n\r\n")
    left = int(start.lower().partition(b"content-length: ")[2].split()[0]) - len(body)
    while left:
        left -= len(sock.recv(min(left, 65536)))


class TestRequest:
    def test_what_is_sent(self, upstream: UpstreamStub, client: UpstreamClient) -> None:
        upstream.answer(json_answer({"ok": True}))
        body = '{"text": "grün"}'.encode()
        response = client.post(upstream.url, {**KEY, "X-Name": "caf\u00e9"}, body)
        assert response.read_all(100) == b'{"ok": true}'
        [request] = upstream.requests
        assert (request.method, request.target) == ("POST", "/v1/chat/completions")
        assert request.body == body
        headers = dict(request.headers)
        assert headers.pop("user-agent").startswith("claude-proxy/")
        assert headers == {
            "host": f"localhost:{upstream.port}",
            "accept": "*/*",
            "accept-encoding": "identity",
            "authorization": "Bearer sk-secret",
            "x-name": "caf\u00e9",
            "content-length": str(len(body)),
        }

    def test_get_has_no_body(self, upstream: UpstreamStub, client: UpstreamClient) -> None:
        upstream.answer(json_answer({"data": []}))
        response = client.get(f"{upstream.base_url}/models?limit=3", KEY)
        assert response.read_all(100) == b'{"data": []}'
        [request] = upstream.requests
        assert (request.method, request.target) == ("GET", "/v1/models?limit=3")
        assert "content-length" not in request.headers

    def test_a_large_body_is_not_bound_by_the_connect_timeout(
        self, make_client: Callable[..., UpstreamClient]
    ) -> None:
        client = make_client(connect_timeout=0.2)

        def serve(listener: socket.socket) -> None:
            sock, _ = listener.accept()
            time.sleep(0.5)
            read_request(sock)
            connection = Connection(0, sock)
            connection.run(json_answer(1))
            connection.drop()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            job = gevent.spawn(serve, listener)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            assert client.post(url, KEY, b"x" * 30_000_000).read_all(10) == b"1"
            job.get(timeout=60)

    @pytest.mark.parametrize(
        ("name", "value", "error"),
        [
            pytest.param(
                "Authorization", "Bearer a\r\nX: y", AuthenticationFailed, id="CRLF in key"
            ),
            pytest.param("authorization", "Bearer a\n b", AuthenticationFailed, id="folded key"),
            pytest.param("x-api-key", "schl\u00fcssel\u20ac", AuthenticationFailed, id="euro sign"),
            pytest.param("api-key", "a\x00b", AuthenticationFailed, id="NUL in key"),
            pytest.param("X-Other", "a\nb", InvalidRequest, id="LF in another header"),
            pytest.param("X: y\r\nZ", "a", InvalidRequest, id="name with a line end"),
            pytest.param("", "a", InvalidRequest, id="no name"),
        ],
    )
    def test_header_injection_is_refused(
        self,
        upstream: UpstreamStub,
        client: UpstreamClient,
        name: str,
        value: str,
        error: type[ProxyError],
    ) -> None:
        with pytest.raises(error) as caught:
            client.post(upstream.url, {name: value}, b"{}")
        assert "\n" not in caught.value.message
        assert upstream.requests == []

    def test_netrc_is_not_read(
        self,
        upstream: UpstreamStub,
        client: UpstreamClient,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine localhost login someone password else\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        upstream.answer(json_answer(1))
        client.post(upstream.url, KEY, b"{}").read_all(10)
        assert upstream.requests[0].headers["authorization"] == "Bearer sk-secret"

    def test_proxy_variables_are_not_read(
        self, upstream: UpstreamStub, client: UpstreamClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        upstream.answer(json_answer(1))
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"1"

    def test_cookies_are_not_kept(self, upstream: UpstreamStub, client: UpstreamClient) -> None:
        upstream.answer(json_answer(1, headers={"Set-Cookie": "sid=1; Path=/"}), json_answer(2))
        for _ in range(2):
            client.post(upstream.url, KEY, b"{}").read_all(10)
        assert "cookie" not in upstream.requests[1].headers

    def test_a_proxy_gets_the_whole_url(
        self, upstream: UpstreamStub, make_client: Callable[..., UpstreamClient]
    ) -> None:
        client = make_client(proxies={"http": upstream.origin})
        upstream.answer(json_answer(1))
        assert client.post("http://api.test/v1/chat", KEY, b"{}").read_all(10) == b"1"
        assert upstream.requests[0].target == "http://api.test/v1/chat"
        assert upstream.requests[0].headers["host"] == "api.test"

    @pytest.mark.parametrize("no_proxy", ["localhost", ".test,localhost", "*"])
    def test_no_proxy_hosts_are_called_directly(
        self, upstream: UpstreamStub, make_client: Callable[..., UpstreamClient], no_proxy: str
    ) -> None:
        client = make_client(proxies={"http": "http://127.0.0.1:1"}, no_proxy=no_proxy)
        upstream.answer(json_answer(1))
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"1"

    def test_a_proxy_that_refuses_a_tunnel(
        self, upstream: UpstreamStub, make_client: Callable[..., UpstreamClient]
    ) -> None:
        client = make_client(proxies={"https": f"http://me:pass@localhost:{upstream.port}"})
        upstream.answer(answer(b"no", status=407))
        error = failure(client, "https://api.test/v1/chat")
        assert error.message == (
            "cannot reach the upstream api.test through the configured HTTP proxy "
            "(HTTPS_PROXY, HTTP_PROXY, NO_PROXY): Tunnel connection failed: 407"
        )
        assert upstream.requests[0].method == "CONNECT"

    def test_a_proxy_that_is_not_there_is_named(
        self, make_client: Callable[..., UpstreamClient]
    ) -> None:
        client = make_client(proxies={"http": f"http://127.0.0.1:{_closed_port()}"})
        assert failure(client, "http://api.test/v1/chat").message == (
            "cannot reach the upstream api.test through the configured HTTP proxy "
            "(HTTPS_PROXY, HTTP_PROXY, NO_PROXY): connection refused"
        )


class TestReading:
    @pytest.mark.parametrize("framing", ["chunked", "length", "close", "gzip"])
    @pytest.mark.parametrize("slow", [False, True])
    def test_every_framing(
        self, upstream: UpstreamStub, client: UpstreamClient, framing: Framing, slow: bool
    ) -> None:
        script = answer(b"Hel", b"lo ", "Wörld".encode(), framing=framing)
        upstream.answer(byte_by_byte(script) if slow else script)
        response = client.post(upstream.url, KEY, b"{}")
        assert b"".join(pieces(response)) == "Hello Wörld".encode()
        assert response.read_available() == b""
        assert response.fileno() == -1

    @pytest.mark.parametrize("framing", ["chunked", "length", "close", "gzip"])
    def test_a_piece_is_handed_over_before_the_next_is_sent(
        self, upstream: UpstreamStub, client: UpstreamClient, framing: Framing
    ) -> None:
        go_on = threading.Event()
        upstream.answer(answer(b"first", Wait(go_on), b"second", framing=framing))
        response = client.post(upstream.url, KEY, b"{}")
        assert response.read_available() == b"first"
        assert response.would_block()
        go_on.set()
        assert pieces(response) == [b"second"]

    def test_headers_are_case_insensitive(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        upstream.answer(json_answer({}, status=429, headers={"Retry-After": "7"}))
        response = client.post(upstream.url, KEY, b"{}")
        assert response.status == 429
        assert response.headers.get("retry-AFTER") == "7"
        assert response.headers.get("content-type") == "application/json"
        response.close()

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param(answer(b"half", Close(), framing="chunked"), id="chunked, closed"),
            pytest.param(answer(b"half", Reset(), framing="chunked"), id="chunked, reset"),
            pytest.param(answer(b"half", Close(), framing="gzip"), id="gzip, closed"),
            pytest.param(
                (head(200, {"Content-Length": "9"}), b"half", Close()), id="too short a length"
            ),
            pytest.param(
                (head(200, {"Content-Length": "9"}), b"half", Reset()), id="length, reset"
            ),
        ],
    )
    def test_a_broken_transfer_is_an_error(
        self, upstream: UpstreamStub, client: UpstreamClient, script: Script
    ) -> None:
        upstream.answer(script, script, json_answer(1))
        response = client.post(upstream.url, KEY, b"{}")
        with pytest.raises(UpstreamError) as caught:
            pieces(response)
        assert (caught.value.status, caught.value.type) == (502, "api_error")
        assert caught.value.message == CUT_SHORT
        assert response.fileno() == -1
        whole = client.post(upstream.url, KEY, b"{}")
        with pytest.raises(UpstreamError, match="upstream closed the connection inside its answer"):
            whole.read_all(1000)
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"1"

    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            pytest.param(
                (head(200, {"Transfer-Encoding": "chunked"}), b"zz\r\nhi\r\n"),
                "not valid HTTP: bad chunk size",
                id="bad chunk size",
            ),
            pytest.param(
                (head(200, {"Content-Encoding": "gzip", "Content-Length": "5"}), b"plain"),
                "could not be decompressed",
                id="not gzip",
            ),
        ],
    )
    def test_a_body_that_makes_no_sense_is_an_error(
        self, upstream: UpstreamStub, client: UpstreamClient, script: Script, reason: str
    ) -> None:
        upstream.answer(script)
        with pytest.raises(UpstreamError, match=reason):
            client.post(upstream.url, KEY, b"{}").read_all(1000)

    def test_too_large_a_body_is_an_error(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        upstream.answer(answer(b"x" * 1001), answer(b"x" * 1000))
        response = client.post(upstream.url, KEY, b"{}")
        with pytest.raises(UpstreamError, match="larger than 1000 bytes"):
            response.read_all(1000)
        assert response.fileno() == -1
        assert len(client.post(upstream.url, KEY, b"{}").read_all(1000)) == 1000

    def test_a_decompression_bomb_is_stopped(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        bomb = answer(b"\0" * 50_000_000, framing="gzip")
        assert sum(len(step) for step in bomb if isinstance(step, bytes)) < 60_000
        upstream.answer(bomb, bomb)
        response = client.post(upstream.url, KEY, b"{}")
        assert len(response.read_available(1000)) == 1000
        assert not response.would_block()
        response.close()
        with pytest.raises(UpstreamError, match="larger than 1000000 bytes"):
            client.post(upstream.url, KEY, b"{}").read_all(1_000_000)

    def test_would_block_is_false_while_something_is_buffered(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        go_on = threading.Event()
        upstream.answer(answer(b"Hello", b"World", Wait(go_on), b"!", framing="chunked"))
        response = client.post(upstream.url, KEY, b"{}")
        gevent.sleep(0.05)
        assert response.read_available(3) == b"Hel"
        assert not response.would_block()
        assert b"".join([response.read_available(), b""]).startswith(b"lo")
        while not response.would_block():
            response.read_available()
        assert response.fileno() >= 0
        go_on.set()
        gevent.socket.wait_read(response.fileno(), timeout=60)
        assert pieces(response) == [b"!"]
        assert not response.would_block()
        assert response.fileno() == -1


class TestReuse:
    def test_a_read_answer_gives_its_connection_back(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        framings: tuple[Framing, ...] = ("chunked", "length", "gzip")
        for framing in framings:
            upstream.answer(answer(b"Hello", framing=framing))
            client.post(upstream.url, KEY, b"{}").read_all(10)
        assert [request.connection for request in upstream.requests] == [0, 0, 0]

    def test_an_error_answer_gives_its_connection_back_too(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        upstream.answer(json_answer({}, status=500), json_answer({}))
        client.post(upstream.url, KEY, b"{}").read_all(10)
        client.post(upstream.url, KEY, b"{}").read_all(10)
        assert [request.connection for request in upstream.requests] == [0, 0]

    def test_an_answer_without_a_body(self, upstream: UpstreamStub, client: UpstreamClient) -> None:
        upstream.answer((head(204, {}),), json_answer({}))
        response = client.post(upstream.url, KEY, b"{}")
        assert (response.status, response.read_all(10)) == (204, b"")
        client.post(upstream.url, KEY, b"{}").read_all(10)
        assert [request.connection for request in upstream.requests] == [0, 0]

    def test_the_last_chunk_with_the_data_ends_the_answer(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        whole = answer(b"data: [DONE]\n\n", framing="chunked")
        upstream.answer((b"".join(step for step in whole if isinstance(step, bytes)),))
        response = client.post(upstream.url, KEY, b"{}")
        assert response.read_available() == b"data: [DONE]\n\n"
        assert response.fileno() == -1

    def test_closing_early_drops_the_connection(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        never = threading.Event()
        upstream.answer(sse({"a": 1}, Wait(never)), json_answer(1))
        response = client.post(upstream.url, KEY, b"{}")
        assert response.read_available()
        response.close()
        response.close()
        assert response.fileno() == -1
        assert upstream.closed.wait(60)
        never.set()
        assert response.read_available() == b""
        client.post(upstream.url, KEY, b"{}").read_all(10)
        assert [request.connection for request in upstream.requests] == [0, 1]

    def test_twenty_at_once_reuse_twenty(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        upstream.default = (Sleep(0.05), *json_answer(1))

        def call() -> bytes:
            return client.post(upstream.url, KEY, b"{}").read_all(10)

        for _ in range(2):
            jobs = [gevent.spawn(call) for _ in range(20)]
            gevent.joinall(jobs, raise_error=True)
        assert len(upstream.connections) == 20

    def test_an_idle_connection_closed_by_the_upstream_is_replaced(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        upstream.answer((*json_answer(1), Close()), json_answer(2))
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"1"
        gevent.sleep(0.05)
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"2"
        assert [request.connection for request in upstream.requests] == [0, 1]

    @pytest.mark.parametrize("death", [Close(), Reset()], ids=["closed", "reset"])
    def test_a_reused_connection_that_died_without_a_byte_is_tried_once_more(
        self, upstream: UpstreamStub, client: UpstreamClient, death: Step
    ) -> None:
        upstream.answer(json_answer(1), (death,), json_answer(2))
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"1"
        assert client.post(upstream.url, KEY, b'{"n": 2}').read_all(10) == b"2"
        assert [request.connection for request in upstream.requests] == [0, 0, 1]
        assert [request.body for request in upstream.requests[1:]] == [b'{"n": 2}'] * 2

    def test_the_second_try_is_a_fresh_connection_and_the_last(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        upstream.answer(*[(Sleep(0.05), *json_answer(1))] * 2)
        jobs = [
            gevent.spawn(lambda: client.post(upstream.url, KEY, b"{}").read_all(10))
            for _ in range(2)
        ]
        gevent.joinall(jobs, raise_error=True)
        upstream.answer((Close(),), (Close(),), json_answer(3))
        assert "without an answer" in failure(client, upstream.url).message
        numbers = [request.connection for request in upstream.requests]
        assert sorted(numbers[:2]) == [0, 1]
        assert numbers[2] in (0, 1)
        assert numbers[3:] == [2]

    @pytest.mark.parametrize("death", [Close(), Reset()], ids=["closed", "reset"])
    def test_a_new_connection_that_dies_is_not_tried_again(
        self, upstream: UpstreamStub, client: UpstreamClient, death: Step
    ) -> None:
        upstream.answer((death,), json_answer(1))
        error = failure(client, upstream.url)
        assert (error.status, error.headers) == (502, {})
        assert error.message == (
            f"the upstream localhost:{upstream.port} closed the connection without an answer"
        )
        assert len(upstream.requests) == 1

    def test_a_reused_connection_that_dies_inside_the_head_is_not_tried_again(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        upstream.answer(json_answer(1), (b"HTTP/1.1 2", Reset()), json_answer(2))
        client.post(upstream.url, KEY, b"{}").read_all(10)
        failure(client, upstream.url)
        assert len(upstream.requests) == 2

    def test_junk_behind_an_answer_is_not_the_next_answer(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        smuggled = b"".join(step for step in json_answer("smuggled") if isinstance(step, bytes))
        first = b"".join(step for step in json_answer(1) if isinstance(step, bytes))
        upstream.answer((first + smuggled,), json_answer(2))
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"1"
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"2"


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_reused_connection_that_dies_while_a_body_is_sent_is_tried_once_more(
    make_client: Callable[..., UpstreamClient], tmp_path: Path, secure: bool
) -> None:
    context, authority = server_tls(tmp_path)
    served = []

    def serve(listener: socket.socket) -> None:
        for further in (1, 0):
            sock, _ = listener.accept()
            if secure:
                sock = context.wrap_socket(sock, server_side=True)
            connection = Connection(0, sock)
            read_request(sock)
            served.append(1)
            connection.run(json_answer(len(served)))
            if further:
                sock.recv(100)
                served.append(0)
            connection.drop(reset=bool(further))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        job = gevent.spawn(serve, listener)
        client = make_client(ca_bundle=authority)
        scheme = "https" if secure else "http"
        url = f"{scheme}://localhost:{listener.getsockname()[1]}/"
        assert client.post(url, KEY, b"{}").read_all(10) == b"1"
        assert client.post(url, KEY, b"x" * 5_000_000).read_all(10) == b"3"
        job.get(timeout=60)
    assert served == [1, 0, 1]


class _Interruption(BaseException):
    """As the watch of a request throws it."""


class TestInterruption:
    @pytest.mark.parametrize(
        "script",
        [
            pytest.param((Sleep(30),), id="while waiting for the head"),
            pytest.param((b"HTTP/1.1 200 OK\r\nA", Sleep(30)), id="inside the head"),
            pytest.param(sse({"a": 1}, Sleep(30)), id="inside a chunked body"),
            pytest.param(answer(b"a", Sleep(30), framing="gzip"), id="inside a gzip body"),
            pytest.param(answer(b"a", Sleep(30), b"b"), id="inside a body with a length"),
        ],
    )
    def test_a_call_can_be_broken_off(
        self, upstream: UpstreamStub, client: UpstreamClient, script: Script
    ) -> None:
        upstream.answer(script, json_answer(1))

        def call() -> str:
            try:
                client.post(upstream.url, KEY, b"{}").read_all(1000)
            except _Interruption:
                return "interrupted"
            return "answered"

        job = gevent.spawn(call)
        assert upstream.wait_for_requests(1)
        gevent.sleep(0.05)
        gevent.kill(job, _Interruption())
        assert job.get() == "interrupted"
        assert upstream.closed.wait(60)
        assert client.post(upstream.url, KEY, b"{}").read_all(10) == b"1"
        assert [request.connection for request in upstream.requests] == [0, 1]

    # urllib3 leaves the closing of a socket that is still connecting to its destructor.
    @pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
    def test_a_connect_can_be_broken_off(self, client: UpstreamClient) -> None:
        def call(url: str) -> str:
            try:
                client.post(url, KEY, b"{}")
            except _Interruption:
                return "interrupted"
            return "answered"

        with deaf_listener() as url:
            before = open_sockets()
            job = gevent.spawn(call, url)
            gevent.sleep(0.05)
            connecting = open_sockets() - before
            assert len(connecting) == 1
            gevent.kill(job, _Interruption())
            assert job.get() == "interrupted"
            assert not connecting & open_sockets()

    def test_a_handshake_can_be_broken_off(self, client: UpstreamClient) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"https://127.0.0.1:{silent.getsockname()[1]}/"

            def call() -> str:
                try:
                    client.post(url, KEY, b"{}")
                except _Interruption:
                    return "interrupted"
                return "answered"

            job = gevent.spawn(call)
            accepted, _ = silent.accept()
            with accepted:
                assert accepted.recv(10_000)
                gevent.kill(job, _Interruption())
                assert job.get() == "interrupted"
                accepted.settimeout(2)
                assert accepted.recv(10) == b""

    def test_close_from_another_greenlet_ends_a_read(
        self, upstream: UpstreamStub, client: UpstreamClient
    ) -> None:
        never = threading.Event()
        upstream.answer(sse({"a": 1}, Wait(never)))
        response = client.post(upstream.url, KEY, b"{}")
        response.read_available()
        gevent.spawn_later(0.05, response.close)
        with pytest.raises(UpstreamError):
            response.read_available()
        assert upstream.closed.wait(60)
        never.set()


def open_sockets() -> set[str]:
    """The kernel's names of all open sockets of this process."""
    names = set()
    for entry in os.scandir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            names.add(os.readlink(entry.path))
    return {name for name in names if name.startswith("socket:")}


@contextlib.contextmanager
def deaf_listener(address: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """A port whose queue of connections is full: a further SYN is never answered."""
    listener = socket.socket()
    listener.bind((address, port))
    listener.listen(0)
    callers = []
    for _ in range(4):
        caller = socket.socket()
        caller.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            caller.connect(listener.getsockname())
        callers.append(caller)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    for sock in (listener, *callers):
        sock.close()


class FarSocket(socket.socket):
    """Whose far side accepts a connection only after a while."""

    def connect(self, address: Any) -> None:
        seconds = self.gettimeout()
        assert seconds is not None
        if seconds < 0.7:
            gevent.sleep(seconds)
            raise TimeoutError("timed out")
        super().connect(address)


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class TestFailures:
    def test_5_connection_refused(self, client: UpstreamClient) -> None:
        port = _closed_port()
        error = failure(client, f"http://localhost:{port}/v1")
        assert (error.status, error.type, error.headers) == (502, "api_error", {})
        assert error.message == (
            f"cannot reach the upstream localhost:{port}: connection refused: "
            "check that it runs, and its base URL"
        )

    def test_a_refused_connection_is_tried_again_quickly(self, client: UpstreamClient) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        stubs: list[UpstreamStub] = []

        def serve() -> None:
            time.sleep(0.1)
            stub = UpstreamStub(port=port)
            stub.answer(json_answer(1))
            stubs.append(stub)

        threading.Thread(target=serve).start()
        response = client.post(f"http://127.0.0.1:{port}/v1", KEY, b"{}")
        assert response.read_all(10) == b"1"
        stubs[0].close()

    def test_5_connect_timeout_is_504(self, make_client: Callable[..., UpstreamClient]) -> None:
        client = make_client(connect_timeout=0.3)
        with deaf_listener() as url:
            started = time.monotonic()
            error = failure(client, url)
        assert isinstance(error, UpstreamTimeout)
        assert (error.status, error.type) == (504, "timeout_error")
        assert "did not accept a connection in time" in error.message
        assert time.monotonic() - started < 8

    def test_5_a_name_server_that_does_not_answer_is_504(
        self, make_client: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = make_client(connect_timeout=0.3)
        with resolver(monkeypatch):
            started = time.monotonic()
            error = failure(client, "http://silent.test/v1")
        assert (error.status, error.type) == (504, "timeout_error")
        assert error.message == "the name of the upstream silent.test could not be resolved in time"
        assert time.monotonic() - started < 8

    def test_a_failed_lookup_is_not_repeated(
        self, client: UpstreamClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with resolver(monkeypatch) as system:
            system.answers["gone.test"] = socket.EAI_NONAME
            failure(client, "http://gone.test/v1")
        assert system.asked == ["gone.test"]

    def test_all_addresses_of_a_name_share_the_connect_timeout(
        self, make_client: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = make_client(connect_timeout=3.0)
        with deaf_listener("0.0.0.0") as url, resolver(monkeypatch) as system:
            system.answers["deaf.test"] = [f"127.0.0.{number}" for number in range(1, 6)]
            started = time.monotonic()
            error = failure(client, url.replace("127.0.0.1", "deaf.test"))
        assert (error.status, error.type) == (504, "timeout_error")
        assert time.monotonic() - started < 9

    def test_the_address_after_one_that_does_not_answer(
        self,
        upstream: UpstreamStub,
        make_client: Callable[..., UpstreamClient],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upstream.answer(json_answer(1))
        client = make_client(connect_timeout=2.0)
        with deaf_listener("127.0.0.2", upstream.port), resolver(monkeypatch) as system:
            system.answers["half.test"] = ["127.0.0.2", "127.0.0.1"]
            response = client.post(f"http://half.test:{upstream.port}/", KEY, b"{}")
        assert response.read_all(10) == b"1"

    def test_addresses_of_which_one_does_not_answer_are_not_tried_again(
        self, make_client: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = make_client(connect_timeout=2.0)
        with deaf_listener() as url, resolver(monkeypatch) as system:
            system.answers["half.test"] = ["127.0.0.1", "127.0.0.9"]
            error = failure(client, url.replace("127.0.0.1", "half.test"))
        # A refusal would be: three times, with three times the connect timeout.
        assert (error.status, error.type) == (504, "timeout_error")

    def test_a_name_with_many_addresses_may_be_far_away(
        self,
        upstream: UpstreamStub,
        make_client: Callable[..., UpstreamClient],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upstream.answer(json_answer(1))
        client = make_client(connect_timeout=3.0)
        with resolver(monkeypatch) as system:
            system.answers["far.test"] = [f"127.0.0.{number}" for number in range(1, 17)]
            monkeypatch.setattr(socket, "socket", FarSocket)
            response = client.post(f"http://far.test:{upstream.port}/", KEY, b"{}")
        assert response.read_all(10) == b"1"

    def test_a_refused_address_leaves_nothing_for_the_garbage_collector(
        self, upstream: UpstreamStub, client: UpstreamClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upstream.answer(json_answer(1))
        with resolver(monkeypatch) as system:
            system.answers["half.test"] = ["127.0.0.9", "127.0.0.1"]
            gc.collect()
            gc.disable()
            try:
                client.post(f"http://half.test:{upstream.port}/", KEY, b"{}").read_all(10)
                left = [each for each in gc.get_objects() if type(each) is ConnectionRefusedError]
            finally:
                gc.enable()
        assert left == []

    def test_5_unknown_host(self, client: UpstreamClient) -> None:
        error = failure(client, "http://no-such-host.invalid/v1")
        assert (error.status, error.headers) == (502, {"x-should-retry": "false"})
        assert error.message == (
            "cannot reach the upstream no-such-host.invalid: its name could not be resolved"
        )

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_5_a_redirect_is_not_followed(
        self, upstream: UpstreamStub, client: UpstreamClient, status: int
    ) -> None:
        location = f"{upstream.origin}/elsewhere?key=sk-secret"
        upstream.answer(json_answer({}, status=status, headers={"Location": location}))
        error = failure(client, upstream.url)
        assert (error.status, error.type) == (502, "api_error")
        assert error.headers == {"x-should-retry": "false"}
        assert f"redirect ({status})" in error.message
        assert len(upstream.requests) == 1

    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            pytest.param(
                (b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 120),
                "more than 100 headers",
                id="headers",
            ),
            pytest.param(
                (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000,), "header line", id="long header"
            ),
            pytest.param(
                (b"HTTP/1.1 100 Continue\r\n\r\n" * 12_000,), "larger than", id="endless 100s"
            ),
            pytest.param((b"SSH-2.0-OpenSSH_9\r\n",), "bad status line", id="another protocol"),
            pytest.param(
                (b"HTTP/1.1 200 OK\r\nContent", Close()), "inside the response head", id="half head"
            ),
            pytest.param(
                (head(200, {"Content-Length": "5, 6"}), b"Hello"),
                "bad Content-Length",
                id="two lengths",
            ),
        ],
    )
    def test_5_not_http(
        self, upstream: UpstreamStub, client: UpstreamClient, script: Script, reason: str
    ) -> None:
        upstream.answer(script)
        error = failure(client, upstream.url)
        assert (error.status, error.type) == (502, "api_error")
        assert "is not valid HTTP" in error.message
        assert reason in error.message

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "api.test/v1",
            "ftp://api.test/",
            "http://",
            "http://[::1/",
            "http://a:b/",
            "http://\u2603..test/",
        ],
    )
    def test_a_bad_url(self, client: UpstreamClient, url: str) -> None:
        error = failure(client, url)
        assert (error.status, error.headers) == (502, {"x-should-retry": "false"})
        assert "URL is not valid" in error.message

    def test_a_host_label_that_is_too_long(self, client: UpstreamClient) -> None:
        assert failure(client, f"http://{'a' * 70}.test/").status == 502


class TestTls:
    @pytest.fixture
    def secure(self, tmp_path: Path) -> Iterator[tuple[UpstreamStub, str]]:
        context, authority = server_tls(tmp_path)
        stub = UpstreamStub(tls=context)
        yield stub, authority
        stub.close()

    def test_a_stream_and_reuse(
        self, secure: tuple[UpstreamStub, str], make_client: Callable[..., UpstreamClient]
    ) -> None:
        stub, authority = secure
        client = make_client(ca_bundle=authority)
        go_on = threading.Event()
        stub.answer(answer(b"x" * 40_000, Wait(go_on), b"end", framing="chunked"), json_answer(1))
        response = client.post(stub.url, KEY, b"{}")
        seen = response.read_available()
        while not response.would_block() or len(seen) < 40_000:
            seen += response.read_available()
        assert seen == b"x" * 40_000
        go_on.set()
        assert pieces(response) == [b"end"]
        assert client.post(stub.url, KEY, b"{}").read_all(10) == b"1"
        assert [request.connection for request in stub.requests] == [0, 0]

    @pytest.mark.parametrize("death", [Close(), Reset()], ids=["closed", "reset"])
    def test_a_dead_reused_connection_is_tried_once_more(
        self,
        secure: tuple[UpstreamStub, str],
        make_client: Callable[..., UpstreamClient],
        death: Step,
    ) -> None:
        stub, authority = secure
        client = make_client(ca_bundle=authority)
        stub.answer(json_answer(1), (death,), json_answer(2))
        assert client.post(stub.url, KEY, b"{}").read_all(10) == b"1"
        assert client.post(stub.url, KEY, b"{}").read_all(10) == b"2"
        assert [request.connection for request in stub.requests] == [0, 0, 1]

    def test_5_an_unknown_authority(
        self, secure: tuple[UpstreamStub, str], client: UpstreamClient
    ) -> None:
        stub, _ = secure
        error = failure(client, stub.url)
        assert (error.status, error.headers) == (502, {"x-should-retry": "false"})
        assert "its TLS certificate is not trusted (" in error.message
        assert len(stub.requests) == 0

    def test_5_another_host_name(
        self, secure: tuple[UpstreamStub, str], make_client: Callable[..., UpstreamClient]
    ) -> None:
        stub, authority = secure
        error = failure(
            make_client(ca_bundle=authority), stub.url.replace("localhost", "127.0.0.1")
        )
        assert error.headers == {"x-should-retry": "false"}
        assert "IP address mismatch" in error.message

    def test_5_no_tls_on_the_other_side(self, client: UpstreamClient) -> None:
        with socket.create_server(("127.0.0.1", 0)) as plain:

            def serve() -> None:
                sock, _ = plain.accept()
                with sock:
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    sock.recv(10_000)

            threading.Thread(target=serve).start()
            error = failure(client, f"https://localhost:{plain.getsockname()[1]}/")
        assert (error.status, error.headers) == (502, {"x-should-retry": "false"})
        assert "the TLS handshake failed (wrong version number)" in error.message

    def test_5_a_handshake_without_end(self, make_client: Callable[..., UpstreamClient]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            client = make_client(connect_timeout=0.3)
            error = failure(client, f"https://127.0.0.1:{silent.getsockname()[1]}/")
        assert (error.status, error.type) == (504, "timeout_error")

    def test_a_folder_of_authorities(
        self, tmp_path: Path, make_client: Callable[..., UpstreamClient]
    ) -> None:
        assert make_client(ca_bundle=str(tmp_path))

    def test_a_missing_authority_file(self, make_client: Callable[..., UpstreamClient]) -> None:
        with pytest.raises(OSError, match="No such file"):
            make_client(ca_bundle="/no/such/file.pem")


def test_a_failure_of_a_kind_never_seen() -> None:
    error = call_fault(requests.ConnectionError("???"), "api.test")
    assert error.message == "cannot reach the upstream api.test: the connection failed"


@responses.activate
def test_canned_replies_of_the_responses_library(client: UpstreamClient) -> None:
    responses.post("https://api.test/v1/chat/completions", json={"id": "x"}, status=201)
    response = client.post("https://api.test/v1/chat/completions", KEY, b"{}")
    assert response.status == 201
    assert not response.would_block()
    assert response.fileno() == -1
    assert response.read_all(100) == b'{"id": "x"}'
    response.close()


def test_many_urls_are_forgotten_again(upstream: UpstreamStub, client: UpstreamClient) -> None:
    upstream.default = json_answer(1)
    for number in range(600):
        client.post(f"{upstream.base_url}/{number}", KEY, b"{}").read_all(10)
    assert len(upstream.connections) == 1


def test_http_chunks_are_joined(upstream: UpstreamStub, client: UpstreamClient) -> None:
    body = b"".join(http_chunk(b"data: %d\n\n" % number) for number in range(50))
    upstream.answer((head(200, {"Transfer-Encoding": "chunked"}) + body + b"0\r\n\r\n",))
    response = client.post(upstream.url, KEY, b"{}")
    assert len(response.read_available().splitlines()) == 100
