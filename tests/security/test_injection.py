"""Words of clients and upstreams that try to become header lines, log lines or pages."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.live import LiveProxy, live_proxy
from tests.security.wire import Answer, answers, exchange, request
from tests.upstream_stub import (
    Close,
    UpstreamStub,
    chunk,
    completion,
    head,
    json_answer,
    sse,
    text_stream,
)

LIMITED = "x-ratelimit-remaining-requests"
FORGED = "2026-01-01 00:00:00,000 INFO [1] proxy.access: GET /forged 200"
CONTROLS = {
    "LF": "\n",
    "CR LF": "\r\n",
    "CR": "\r",
    "vertical tab": "\x0b",
    "escape": "\x1b[2K\r",
    "next line": "\x85",
    "line separator": "\u2028",
    "right to left": "\u202e",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamStub]:
    stub = UpstreamStub()
    yield stub
    stub.close()


@pytest.fixture(scope="module", params=["text", "json"])
def proxy(request: pytest.FixtureRequest, upstream: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-server",
        "LOG_LEVEL": "debug",
        "CLAUDE_PROXY_LOG_FORMAT": request.param,
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture(scope="module")
def native(upstream: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_API_KEY": "sk-server",
        "OPENAI_BASE_URL": upstream.base_url,
        "CLAUDE_PROXY_ALLOWED_HOSTS": "localhost",
        "CLAUDE_PROXY_ALLOWED_ORIGINS": "https://good.test",
    }
    with live_proxy(environ) as running:
        yield running


def asked(text: str = "x", /, **fields: object) -> bytes:
    first = {"role": "user", "content": text}
    value = {"model": "claude-sonnet-5", "max_tokens": 5, "messages": [first], **fields}
    return json.dumps(value).encode()


def ask(proxy: LiveProxy, body: bytes, **headers: str) -> Answer:
    (seen,) = answers(exchange(proxy.port, request("POST", "/v1/messages", body, **headers)))
    return seen


@pytest.mark.parametrize("control", CONTROLS)
def test_no_word_of_a_client_starts_a_line_of_the_log(
    proxy: LiveProxy, upstream: UpstreamStub, control: str
) -> None:
    words = f"a{CONTROLS[control]}{FORGED}"
    refusal = {"error": {"message": words, "code": words, "type": words, "param": words}}
    upstream.answer(
        json_answer(completion(model=words)),
        json_answer(refusal, 400),
        sse(chunk(content="a", finish=words), refusal),
    )
    block = [{"type": words, "text": "x"}]
    bodies = (
        asked(model=f"claude{words}"[:200]),
        asked(),
        asked(stream=True),
        asked(messages=[{"role": "user", "content": block}]),
        asked("x", **{words: 1}),
        asked(messages=[{"role": words, "content": "x"}]),
    )
    for body in bodies:
        ask(proxy, body)
    exchange(proxy.port, request("GET", f"/v1/models/a%0d%0a{FORGED.replace(' ', '%20')}"))
    exchange(proxy.port, request("GET", f"/a%e2%80%a8{FORGED.replace(' ', '%20')}"))
    log = proxy.logged("/forged")
    # JSON has its own way to write controls; what reads it takes a line feed for the end.
    is_json = any(line.startswith('{"') for line in log.split("\n"))
    lines = log.split("\n") if is_json else log.splitlines()
    assert [line for line in lines if line.startswith("2026-01-01")] == []
    assert [c for c in log if c < " " and c != "\n"] == []
    if is_json:
        assert all(json.loads(line)["process"] for line in lines if line.startswith('{"'))
    else:
        assert [c for c in log if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize(
    "value",
    ["a\rx-evil: 1", "a\0b", "a\x0bb", "a\x7fb", "caf\xe9", "a\tb", "a" * 5000],
    ids=repr,
)
@pytest.mark.parametrize("name", ["retry-after", LIMITED, "request-id", "x-request-id"])
def test_no_header_of_an_upstream_becomes_two(
    native: LiveProxy, upstream: UpstreamStub, name: str, value: str
) -> None:
    raw = b'{"error": {"message": "no"}}'
    fields = {name: value, "Content-Type": "application/json", "Content-Length": str(len(raw))}
    base = f"/http/localhost:{upstream.port}"
    for target in ("/v1/messages", f"{base}/v1/messages"):
        upstream.answer((head(429, fields) + raw, Close()))
        sent = request("POST", target, asked(), authorization="Bearer own")
        (seen,) = answers(exchange(native.port, sent))
        assert seen.status in (429, 502)
        assert "x-evil" not in seen.headers
        for values in seen.headers.values():
            assert all(each.isascii() and each.replace("\t", "").isprintable() for each in values)


@pytest.mark.parametrize(
    "fields",
    [
        {"x-request-id": "aaaaaaaa\x0bx-evil: 1"},
        {"x-request-id": "a" * 129},
        {"x-request-id": "\xe9" * 20},
        {"access-control-request-headers": "x-a\tb", "origin": "https://good.test"},
        {"origin": "https://good.test\x0b"},
        {"anthropic-beta": "a\x0bb"},
    ],
    ids=repr,
)
def test_no_header_of_a_client_comes_back_as_another(
    native: LiveProxy, upstream: UpstreamStub, fields: dict[str, str]
) -> None:
    upstream.default = json_answer(completion())
    for method in ("POST", "OPTIONS"):
        sent = request(method, "/v1/messages", asked() if method == "POST" else b"", **fields)
        (seen,) = answers(exchange(native.port, sent))
        assert "x-evil" not in seen.headers
        for values in seen.headers.values():
            assert all(each.isascii() and each.replace("\t", "").isprintable() for each in values)
    upstream.default = None


@pytest.mark.parametrize("key", ["a\x0bb", "k\xe9y", "a b", "k\x7f"])
def test_no_key_injects_a_header_upstream(
    native: LiveProxy, upstream: UpstreamStub, key: str
) -> None:
    before = len(upstream.requests)
    base = f"/http/localhost:{upstream.port}"
    sent = request("POST", f"{base}/v1/messages", asked(), x_api_key=key)
    (seen,) = answers(exchange(native.port, sent))
    assert seen.status in (400, 401)
    assert len(upstream.requests) == before


ORIGINS = [
    ("https://good.test", True),
    ("https://good.test.evil.test", False),
    ("https://evilgood.test", False),
    ("http://good.test", False),
    ("https://good.test:444", False),
    ("https://GOOD.test", False),
    ("null", False),
]


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_cors_is_for_listed_origins_only(
    native: LiveProxy, origin: str, allowed: bool, method: str
) -> None:
    path = "/health" if method == "GET" else "/v1/messages"
    (seen,) = answers(exchange(native.port, request(method, path, origin=origin)))
    named = seen.headers.get("access-control-allow-origin", [])
    assert named == ([origin] if allowed else [])
    assert "access-control-allow-credentials" not in seen.headers
    assert seen.headers["vary"] == ["origin"]


def test_cors_is_off_unless_configured(proxy: LiveProxy) -> None:
    for method in ("GET", "OPTIONS"):
        (seen,) = answers(
            exchange(proxy.port, request(method, "/health", origin="https://good.test"))
        )
        assert [name for name in seen.headers if name.startswith("access-control")] == []


BROWSER = {"User-Agent": "Mozilla/5.0 Chrome/142.0", "Accept-Language": "de"}
FOREIGN = {
    "another page": ("POST", "/v1/messages", {"Sec-Fetch-Site": "cross-site"}),
    "a sandbox": ("POST", "/v1/messages", {"Origin": "null"}),
    "a rebound name": (
        "POST",
        "/v1/messages",
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.test"},
    ),
    "a count": ("POST", "/v1/messages/count_tokens", {"Origin": "https://evil.test"}),
    "a picture": ("GET", "/test-connection", {"Sec-Fetch-Site": "cross-site"}),
    "a picture, head only": ("HEAD", "/test-connection", {"Sec-Fetch-Site": "cross-site"}),
    "a picture, to plain HTTP": ("GET", "/test-connection?all=1", BROWSER),
    "the list of models": ("GET", "/v1/models", {"Origin": "http://evil.test"}),
    "the statistics": ("GET", "/v1/stats", {"Sec-Fetch-Site": "same-site"}),
    "a dynamic route": ("POST", "/http/localhost:{port}/v1/messages", {"Origin": "null"}),
}


@pytest.mark.parametrize("page", FOREIGN)
def test_no_web_page_spends_the_key(native: LiveProxy, upstream: UpstreamStub, page: str) -> None:
    """What a browser sends without asking first."""
    method, path, fields = FOREIGN[page]
    target = path.format(port=upstream.port)
    before = len(upstream.requests)
    body = asked() if method == "POST" else b""
    # A form's type: no browser asks first.
    head_lines = [f"{method} {target} HTTP/1.1", "Host: evil.test", "Content-Type: text/plain"]
    head_lines += [f"{name}: {value}" for name, value in fields.items()]
    head_lines += ["Connection: close", f"Content-Length: {len(body)}", "", ""]
    raw = exchange(native.port, "\r\n".join(head_lines).encode() + body)
    assert raw.startswith(b"HTTP/1.1 403 "), raw
    assert (b"permission_error" in raw) is (method != "HEAD")
    assert len(upstream.requests) == before
    assert b"access-control-allow-origin" not in raw.lower()


def test_a_listed_page_is_served(native: LiveProxy, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("served")))
    fields = {"origin": "https://good.test", "sec_fetch_site": "cross-site"}
    seen = ask(native, asked(), **fields)
    assert seen.status == 200
    assert b"served" in seen.body
    assert seen.headers["access-control-allow-origin"] == ["https://good.test"]


@pytest.mark.parametrize("path", ["/health", "/readyz", "/", "/status", "/openapi.json"])
def test_what_is_open_is_open_to_pages(native: LiveProxy, path: str) -> None:
    sent = request("GET", path, origin="https://evil.test", sec_fetch_site="cross-site")
    (seen,) = answers(exchange(native.port, sent))
    assert seen.status == 200


PAGES = (
    "/console",
    "/?__debugger__=yes&cmd=resource&f=debugger.js",
    "/debug",
    "/debug/pprof/",
    "/static/x.js",
    "/docs",
    "/redoc",
    "/.env",
    "/.git/config",
    "/server-status",
    "/actuator/env",
    "/v1/messages/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
)


@pytest.mark.parametrize("path", PAGES)
def test_there_are_no_debug_pages(proxy: LiveProxy, path: str) -> None:
    (seen,) = answers(exchange(proxy.port, request("GET", path)))
    assert seen.status == (200 if path.startswith("/?") else 404)
    assert seen.headers["content-type"] == ["application/json"]
    assert json.loads(seen.body)
    assert b"Werkzeug" not in seen.body


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "DEBUG", "PUT", "DELETE", "PATCH"])
def test_no_method_tells_what_was_sent(proxy: LiveProxy, method: str) -> None:
    (seen,) = answers(
        exchange(proxy.port, request(method, "/v1/messages", cookie="told-to-nobody"))
    )
    assert seen.status in (400, 405)
    assert b"told-to-nobody" not in seen.body


def test_no_version_is_told(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    upstream.answer(text_stream("x"))
    for seen in (ask(proxy, asked(stream=True)), ask(proxy, b"{")):
        assert seen.headers["server"] == ["gunicorn"]
        assert not {"x-powered-by", "set-cookie", "via"} & set(seen.headers)
