"""nginx as shipped in front of gunicorn as shipped."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import trustme

from config.settings import Settings
from proxy.errors import TYPE_FOR_STATUS
from tests.deploy.nginx import Nginx, needs_nginx, nginx_in_front
from tests.live import LiveProxy, free_port, live_proxy
from tests.paths import DEPLOY
from tests.upstream_stub import (
    Recorded,
    Reset,
    Script,
    Sleep,
    UpstreamStub,
    Wait,
    chunk,
    completion,
    head,
    http_chunk,
    json_answer,
    text_stream,
)
from tests.waiting import until

pytestmark = needs_nginx
EVENTS = 1000
ADDED_DELAY = 0.005
STREAMS = 200
REQUEST = {"model": "claude-sonnet-5", "max_tokens": 100}


@pytest.fixture(scope="module")
def far_side() -> Iterator[UpstreamStub]:
    """The upstream of the module's proxy; each test scripts it anew."""
    stub = UpstreamStub()
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def proxy(far_side: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {"OPENAI_BASE_URL": far_side.base_url, "OPENAI_API_KEY": "sk-server"}
    with live_proxy(environ | {"CLAUDE_PROXY_ALLOWED_HOSTS": "localhost"}) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(proxy: LiveProxy) -> Iterator[Nginx]:
    with nginx_in_front(proxy.port) as running:
        yield running


def asked(text: str = "Hi", *, stream: bool = True) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({**REQUEST, "stream": stream, "messages": messages}).encode()


def post(
    port: int, body: bytes, path: str = "/v1/messages", **headers: str
) -> http.client.HTTPResponse:
    """The answer to a POST; its connection ends when its body has been read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    fields |= {"content-type": "application/json", "connection": "close"}
    connection.request("POST", path, body, fields)
    return connection.getresponse()


def get(port: int, path: str, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={n.replace("_", "-"): v for n, v in headers.items()})
    try:
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def raw(port: int, request: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON body of what answers exactly these bytes."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(request)
        response = http.client.HTTPResponse(sock)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, json.loads(response.read())


def texts(response: http.client.HTTPResponse) -> Iterator[tuple[str, float]]:
    """Each text delta of a stream with the time at which it came."""
    for line in response:
        if line.startswith(b"data: ") and b'"text_delta"' in line:
            yield json.loads(line[6:])["delta"]["text"], time.perf_counter()


def test_an_event_arrives_before_the_next_one_exists(far_side: UpstreamStub, nginx: Nginx) -> None:
    gates = [threading.Event() for _ in range(3)]
    steps = [part for i, gate in enumerate(gates) for part in (f"part {i} ", Wait(gate))]
    far_side.answer(text_stream(*steps))
    seen = []
    # The upstream goes on only when the client has what was sent: a buffer would stop both.
    for text, _ in texts(post(nginx.port, asked(), accept_encoding="gzip")):
        seen.append(text)
        gates[len(seen) - 1].set()
    assert seen == ["part 0 ", "part 1 ", "part 2 "]


def test_a_client_that_leaves_ends_the_call_upstream(far_side: UpstreamStub, nginx: Nginx) -> None:
    far_side.answer(text_stream("first", Sleep(20), "never"))
    before = len(far_side.requests)
    response = post(nginx.port, asked())
    assert next(texts(response))[0] == "first"
    connection = far_side.connections[far_side.requests[before].connection]
    assert not connection.closed.is_set()
    response.close()
    assert connection.closed.wait(60)


def test_a_large_body_passes(far_side: UpstreamStub, nginx: Nginx) -> None:
    far_side.answer(json_answer(completion("read it all")))
    text = "x" * 20_000_000
    response = post(nginx.port, asked(text, stream=False))
    assert (response.status, json.loads(response.read())["content"][0]["text"]) == (
        200,
        "read it all",
    )
    assert far_side.requests[-1].json["messages"][-1]["content"] == text


def test_a_body_above_the_limit_is_refused_as_the_proxy_does(
    proxy: LiveProxy, nginx: Nginx
) -> None:
    limit = Settings().max_body_bytes
    assert "client_max_body_size 32m;" in (DEPLOY / "nginx.conf").read_text("utf-8")
    assert limit == 32 * 1024 * 1024
    announced = f"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: {limit + 1}\r\n\r\n"
    answers = [raw(port, announced.encode()) for port in (proxy.port, nginx.port)]
    for _, headers, body in answers:
        assert body.pop("request_id") == headers["request-id"]
    assert answers[0][2] == answers[1][2]
    sent = post(nginx.port, b"x" * (limit + 1))
    assert (sent.status, sent.headers["content-type"]) == (413, "application/json")
    assert json.loads(sent.read())["error"] == answers[0][2]["error"]
    assert answers[0][2]["error"]["type"] == "request_too_large"


def test_a_body_of_the_limit_reaches_the_proxy(nginx: Nginx) -> None:
    response = post(nginx.port, b"x" * Settings().max_body_bytes)
    assert (response.status, json.loads(response.read())["error"]["type"]) == (
        400,
        "invalid_request_error",
    )


def test_many_streams_run_at_the_same_time(far_side: UpstreamStub, nginx: Nginx) -> None:
    all_there = threading.Event()
    before = len(far_side.requests)
    far_side.default = text_stream("one ", Wait(all_there), "two")
    answers: list[list[str]] = []

    def read() -> None:
        answers.append([text for text, _ in texts(post(nginx.port, asked()))])

    try:
        threads = [threading.Thread(target=read) for _ in range(STREAMS)]
        for thread in threads:
            thread.start()
        arrived = far_side.wait_for_requests(before + STREAMS, 60)
        all_there.set()
        for thread in threads:
            thread.join(30)
    finally:
        far_side.default = None
    assert arrived
    assert answers == [["one ", "two"]] * STREAMS


def _paced(_: Recorded) -> Iterator[bytes]:
    """A stream of EVENTS events, each of which says when it was sent."""
    yield head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
    for _number in range(EVENTS):
        time.sleep(0.004)
        event = json.dumps(chunk(content=f"{time.perf_counter()} "))
        yield http_chunk(f"data: {event}\n\n".encode())
    yield http_chunk(f"data: {json.dumps(chunk('stop'))}\n\ndata: [DONE]\n\n".encode())
    yield b"0\r\n\r\n"


def test_a_thousand_events_are_hardly_delayed(
    far_side: UpstreamStub, proxy: LiveProxy, nginx: Nginx
) -> None:
    delays: dict[int, list[float]] = {proxy.port: [], nginx.port: []}

    def read(port: int) -> None:
        for text, moment in texts(post(port, asked())):
            delays[port] += [moment - float(sent) for sent in text.split()]

    # Both run at the same time, so that whatever slows this machine slows both.
    far_side.default = cast("Callable[[Recorded], Script]", _paced)
    try:
        threads = [threading.Thread(target=read, args=[port]) for port in delays]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        far_side.default = None
    assert {port: len(measured) for port, measured in delays.items()} == dict.fromkeys(
        delays, EVENTS
    )
    direct, through = (statistics.median(delays[port]) for port in (proxy.port, nginx.port))
    assert through - direct < ADDED_DELAY


def test_a_request_id_is_the_same_everywhere(
    far_side: UpstreamStub, proxy: LiveProxy, nginx: Nginx
) -> None:
    far_side.answer(*[json_answer(completion())] * 3)
    ids = []
    for sent in ("ticket-4711.a", "bad id {}", None):
        headers = {"x_request_id": sent} if sent else {}
        response = post(nginx.port, asked(stream=False), **headers)
        response.read()
        ids.append(response.headers["x-request-id"])
        assert far_side.requests[-1].headers["x-request-id"] == ids[-1]
        until(lambda: f"x_request_id={ids[-1]}" in proxy.log(), "our line is missing")
        # nginx writes its line after the answer.
        line = f'"x_request_id":"{ids[-1]}"'
        until(lambda: line in nginx.access_log(), "nginx's line is missing")  # noqa: B023
    assert ids[0] == "ticket-4711.a"
    # nginx's own: 16 random bytes.
    assert [len(bytes.fromhex(id)) for id in ids[1:]] == [16, 16]
    assert ids[1] != ids[2]


def test_the_log_holds_no_password_of_a_target(nginx: Nginx) -> None:
    logged = {
        "/https/user:secret@h.test/v1/messages": "/https/***@h.test/v1/messages",
        "/HTTP/user:secret@h.test/v1/models?key=secret": "/HTTP/***@h.test/v1/models",
        "//https://user:secret%40h.test/v1/messages": "//https://***@h.test/v1/messages",
        "/http://secret:p@ss-secret@h.test/a@b": "/http://***@h.test/a@b",
        "/other/claude@20250101?secret": "/other/claude@20250101",
    }

    def ours() -> list[str]:
        lines = [json.loads(line) for line in nginx.access_log().splitlines()]
        return [line["path"] for line in lines if line["x_request_id"] == "with-passwords"]

    for path in logged:
        assert get(nginx.port, path, x_request_id="with-passwords")[0] in (403, 404)
    until(lambda: len(ours()) == len(logged), "a line is missing")
    assert ours() == list(logged.values())
    assert "secret" not in nginx.error_log()


def test_callers_from_outside_do_not_count_as_local(proxy: LiveProxy, nginx: Nginx) -> None:
    assert get(proxy.port, "/v1/stats")[0] == 200
    for path in (
        "/v1/stats",
        "//v1//stats/",
        "/v1/st%61ts",
        "/x/../v1/stats",
        "/metrics",
        "/METRICS/",
    ):
        status, body = get(nginx.port, path)
        assert (path, status, body["error"]["type"]) == (path, 403, "permission_error")


def test_encoded_paths_of_dynamic_routes_pass_unchanged(proxy: LiveProxy, nginx: Nginx) -> None:
    for path in ("/http/localhost/a%2Fb/v1/messages", "/http//localhost/v1/messages"):
        answers = []
        for port in (proxy.port, nginx.port):
            response = post(port, asked())
            response.read()
            response = post(port, asked(), path, authorization="Bearer key-of-client")
            answers.append((response.status, json.loads(response.read())["error"]))
        assert answers[0] == answers[1]
        assert answers[1][0] == 403


def test_dynamic_routes_work(far_side: UpstreamStub, nginx: Nginx) -> None:
    far_side.answer(json_answer(completion()))
    path = f"/http/localhost:{far_side.port}/openai/v1/models/team%20a/big/v1/messages?v=%C3%A4"
    response = post(nginx.port, asked(stream=False), path, authorization="Bearer key-of-client")
    assert (response.status, json.loads(response.read())["type"]) == (200, "message")
    asked_for = far_side.requests[-1]
    assert asked_for.target == "/openai/v1/chat/completions?v=%C3%A4"
    assert asked_for.headers["authorization"] == "Bearer key-of-client"


def test_what_the_process_behind_it_is_sent() -> None:
    behind = UpstreamStub()
    behind.default = json_answer({})
    targets = ("/https/h/a%2Fb//c/./d/../e%20?q=%41", "//", "/%7E", "/https/h:443/x;y=1?")
    with nginx_in_front(behind.port) as nginx:
        for target in targets:
            get(
                nginx.port,
                target,
                x_forwarded_for="10.0.0.1",
                x_forwarded_proto="https",
                x_real_ip="10.0.0.1",
                forwarded="for=10.0.0.1",
                upgrade="h2c",
                connection="upgrade, http2-settings",
                x_api_key="key",
            )
    assert tuple(request.target for request in behind.requests) == targets
    headers = dict(behind.requests[0].headers)
    assert len(bytes.fromhex(headers.pop("x-request-id"))) == 16
    assert headers == {
        "host": f"127.0.0.1:{nginx.port}",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": f"127.0.0.1:{nginx.port}",
        "x-forwarded-proto": "http",
        "x-real-ip": "127.0.0.1",
        "x-api-key": "key",
        "accept-encoding": "identity",
    }
    # Few connections, each of them kept: a worker of nginx has its own.
    assert len(behind.connections) < len(targets) + 1
    behind.close()


def test_headers_of_an_upstream_do_not_steer_nginx() -> None:
    behind = UpstreamStub()
    steering = {"X-Accel-Redirect": "/.error", "X-Accel-Limit-Rate": "1", "X-Large": "x" * 20_000}
    behind.default = json_answer({"long": "y" * 2000}, headers=steering)
    with nginx_in_front(behind.port) as nginx:
        assert get(nginx.port, "/") == (200, {"long": "y" * 2000})
    behind.close()


def test_a_post_is_never_sent_twice() -> None:
    stubs = [UpstreamStub(), UpstreamStub()]
    for stub in stubs:
        stub.default = (Reset(),)
    with nginx_in_front(*(stub.port for stub in stubs)) as nginx:
        response = post(nginx.port, asked())
        assert (response.status, json.loads(response.read())["error"]["type"]) == (502, "api_error")
        assert sum(len(stub.requests) for stub in stubs) == 1
    for stub in stubs:
        stub.close()


def test_a_process_that_is_gone_is_not_noticed(far_side: UpstreamStub, proxy: LiveProxy) -> None:
    with nginx_in_front(free_port(), proxy.port) as nginx:
        for number in range(10):
            far_side.answer(json_answer(completion(f"answer {number}")))
            response = post(nginx.port, asked(stream=False))
            assert json.loads(response.read())["content"][0]["text"] == f"answer {number}"


def test_with_no_process_the_answer_is_one_of_the_api() -> None:
    with nginx_in_front(free_port()) as nginx:
        response = post(nginx.port, asked(), x_request_id="ticket-4711")
        id = response.headers["request-id"]
        assert (response.status, response.headers["content-type"]) == (502, "application/json")
        assert (response.headers["x-request-id"], response.headers["retry-after"]) == (
            "ticket-4711",
            "1",
        )
        assert json.loads(response.read()) == {
            "type": "error",
            "error": {"type": "api_error", "message": "No proxy process answers"},
            "request_id": id,
        }


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"x" * 20_000 + b"\r\n\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/3.9\r\nHost: a\r\n\r\n", 505),
        (b"GET /.error HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    ],
)
def test_what_nginx_refuses_is_refused_in_json(
    nginx: Nginx, request_bytes: bytes, status: int
) -> None:
    answered, headers, body = raw(nginx.port, request_bytes)
    assert (answered, headers["content-type"]) == (status, "application/json")
    assert (body["type"], body["request_id"]) == ("error", headers["request-id"])
    assert body["error"]["type"] == TYPE_FOR_STATUS.get(status, "invalid_request_error")


def test_a_refusal_before_the_body_was_read_arrives(far_side: UpstreamStub) -> None:
    environ = {
        "OPENAI_BASE_URL": far_side.base_url,
        "OPENAI_API_KEY": "sk-server",
        "CLAUDE_PROXY_AUTH_KEY": "the-right-key",
    }
    with live_proxy(environ) as proxy, nginx_in_front(proxy.port) as nginx:
        for _ in range(3):
            response = post(nginx.port, b"x" * 20_000_000, x_api_key="a-wrong-key")
            kind = json.loads(response.read())["error"]["type"]
            assert (response.status, kind) == (401, "authentication_error")


def test_tls_as_the_example_has_it(
    far_side: UpstreamStub, proxy: LiveProxy, tmp_path: Path
) -> None:
    authority = trustme.CA()
    chain, key, trusted = (tmp_path / name for name in ("chain.pem", "key.pem", "authority.pem"))
    issued = authority.issue_cert("localhost")
    chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    authority.cert_pem.write_to_path(trusted)
    context = ssl.create_default_context(cafile=str(trusted))
    certificate = (chain, key)
    with nginx_in_front(proxy.port, snippets=["tls.conf"], certificate=certificate) as nginx:
        far_side.answer(text_stream("over ", "TLS"))
        connection = http.client.HTTPSConnection("localhost", nginx.tls_port, context=context)
        connection.request("POST", "/v1/messages", asked(), {"content-type": "application/json"})
        assert [text for text, _ in texts(connection.getresponse())] == ["over ", "TLS"]
        connection.close()
        redirected = post(nginx.port, asked(), "/v1/messages?beta=true")
        assert (redirected.status, redirected.headers["location"]) == (
            308,
            "https://127.0.0.1/v1/messages?beta=true",
        )


def test_the_rate_limit_as_the_example_has_it(proxy: LiveProxy) -> None:
    with nginx_in_front(proxy.port, snippets=["rate-limit.conf"]) as nginx:
        statuses: list[int] = []
        while 429 not in statuses and len(statuses) < 1000:
            response = raw(nginx.port, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            statuses.append(response[0])
    assert len(statuses) > 40
    status, headers, body = response
    assert (status, headers["retry-after"]) == (429, "1")
    assert body["error"] == {
        "type": "rate_limit_error",
        "message": "Too many requests from this address",
    }
