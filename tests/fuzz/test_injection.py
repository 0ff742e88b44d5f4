"""Laws over values: none of them splits an answer, a request to the upstream, or a line of the log.

Rule: bytes go in and out of the real program, and what came out is read by nobody but these tests.
"""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.budget import law
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import Close, UpstreamStub, answer, chunk, completion, json_answer, sse
from tests.waiting import until

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
FORGED = "2026-01-01 00:00:00,000 CRITICAL [1] forged: x"
PIECES = st.sampled_from(
    ["\r\nInjected: 1\r\n\r\n", "\nInjected: 1", "\rInjected: 1", "\r\n Injected: 1", "\x00", "\x0b",
     "\x0c", "\x1b[2J", "\x1c", "\x85", "\u2028", "\x7f", "\t", " ", "a", "é", '"', "\\", "\\n", "{}",
     "%0d%0aInjected:%201", f"\n{FORGED}\n", f"\x85{FORGED}\x85", f"\u2028{FORGED}", "\ud800", "😀",
     '\n{"levelname": "CRITICAL", "name": "forged"}\n', "GET / HTTP/1.1\r\n\r\n", "sk-abc", ", ", ";"]
)  # fmt: skip
VALUE = st.lists(PIECES, min_size=1, max_size=4).map("".join)
NAMES = st.sampled_from(
    ["x-request-id", "origin", "access-control-request-headers", "x-api-key", "authorization",
     "anthropic-beta", "anthropic-version", "user-agent", "traceparent", "accept", "cookie",
     "content-type", "content-encoding", "x-forwarded-for", "referer", "x-stainless-lang", "forwarded"]
)  # fmt: skip
UPSTREAM_NAMES = st.sampled_from(
    ["Retry-After", "X-Request-Id", "Content-Type", "X-Should-Retry", "X-RateLimit-Limit-Tokens",
     "Request-Id", "Location", "WWW-Authenticate", "Anthropic-Organization-Id", "Server", "Warning"]
)  # fmt: skip
ANSWERED = {
    "server", "date", "connection", "transfer-encoding", "content-type", "content-length", "vary",
    "request-id", "x-request-id", "cache-control", "x-accel-buffering", "allow", "retry-after",
    "x-should-retry", "access-control-allow-origin", "access-control-expose-headers",
    "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age",
    "x-claude-proxy-route", "x-claude-proxy-dropped", "x-upstream-request-id",
    "anthropic-ratelimit-tokens-limit",
}  # fmt: skip
"""All that an answer may have in its head."""
ASKED = {
    "host", "content-type", "content-length", "accept", "accept-encoding", "user-agent",
    "authorization", "x-request-id", "traceparent", "tracestate",
}  # fmt: skip
"""All that an upstream is sent in a head."""
ANSWER_SECONDS = 60
HEADER = re.compile(rb"([A-Za-z0-9-]+): ([\t\x20-\x7e\x80-\xff]*)")
TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ \[\d+\] ([\w.]+): .*")
LOGGERS = re.compile(r"(proxy|config|gunicorn|asyncio|root|urllib3|sseclient)(\.\w+)*")
CHECKED: Counter[int] = Counter()
"""Sound answers of the proxy at each port; each has a line in the access log."""


@pytest.fixture(scope="module", params=["text", "json"])
def proxy(request: pytest.FixtureRequest, stub: UpstreamStub) -> Iterator[LiveProxy]:
    """The real program with every body in its log, which is read when all is over."""
    environ = {
        "OPENAI_BASE_URL": stub.base_url,
        "CLAUDE_PROXY_ALLOWED_ORIGINS": "*",
        "CLAUDE_PROXY_LOG_FORMAT": request.param,
        "CLAUDE_PROXY_LOG_LEVEL": "DEBUG",
        "CLAUDE_PROXY_LOG_BODY_MAX_CHARS": "2000",
    }
    with live_proxy(environ) as running:
        # gunicorn lists its settings line by line when it starts.
        begun = len(running.log())
        yield running
        answers = CHECKED[running.port]
        until(lambda: running.log()[begun:].count("proxy.access") >= answers, "a line is missing")
        lines = running.log()[begun:]
    _check_log(lines, request.param, answers=answers)


def _check_log(log: str, form: str, *, answers: int) -> None:
    assert log.endswith("\n")
    if form == "json":
        loggers = [json.loads(line)["name"] for line in log.removesuffix("\n").split("\n")]
    else:
        loggers = []
        # By every separator that any reader of lines might know.
        for line in log.removesuffix("\n").splitlines():
            found = TEXT_LINE.fullmatch(line)
            assert found, line
            loggers.append(found[1])
    assert [name for name in loggers if not LOGGERS.fullmatch(name)] == []
    assert loggers.count("proxy.access") >= answers > 0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _exchange(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as sock:
        sock.sendall(sent)
        pieces = []
        try:
            while piece := sock.recv(65536):
                pieces.append(piece)
        except ConnectionResetError:
            # It had not read all that it refused.
            pass
    return b"".join(pieces)


def _request(line: bytes, headers: dict[str, str], body: bytes) -> bytes:
    lines = [
        line,
        b"Host: proxy.test",
        b"Connection: close",
        b"Content-Length: %d" % len(body),
        *(name.encode() + b": " + _bytes(value) for name, value in headers.items()),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _check_answer(data: bytes) -> int:
    """One answer with a sound head, and nothing behind it; its status."""
    head, end, body = data.partition(b"\r\n\r\n")
    assert end, data
    status, *lines = head.split(b"\r\n")
    assert re.fullmatch(rb"HTTP/1\.1 [2-5]\d\d [A-Za-z -]+", status), status
    names = []
    for line in lines:
        found = HEADER.fullmatch(line)
        assert found, line
        names.append(found[1].decode().lower())
    assert set(names) <= ANSWERED
    assert len(names) == len(set(names))
    if b"transfer-encoding: chunked" in head.lower():
        assert body.count(b"0\r\n\r\n") == 1
        assert body.endswith(b"\r\n0\r\n\r\n")
    elif b"content-length" in names:
        [length] = re.findall(rb"(?i)\r\ncontent-length: (\d+)", head)
        assert len(body) == int(length)
    assert b"Injected" not in head or not re.search(rb"(?i)[\r\n]\s*injected", head)
    return int(status[9:12])


@law
@given(
    st.dictionaries(NAMES, VALUE, max_size=4),
    VALUE,
    st.sampled_from(["POST /v1/messages", "POST /v1/messages", "OPTIONS /v1/messages", "GET /v1/models",
                     "GET ", "POST /https/", "GET /v1/models/", "DELETE /v1/messages"]),
)  # fmt: skip
@example({"x-request-id": "a" * 200}, "x", "POST /v1/messages")
def test_no_value_of_a_client_splits_anything(
    proxy: LiveProxy, stub: UpstreamStub, headers: dict[str, str], value: str, line: str
) -> None:
    stub.requests.clear()
    stub.default = json_answer(completion("Hello"))
    said = value.encode("utf-8", "replace").decode()
    body = json.dumps(
        {
            "model": said,
            "max_tokens": 9,
            "messages": [{"role": "user", "content": said}],
            "metadata": {"user_id": said},
        }
    )
    path = b"" if line in ("POST /v1/messages", "OPTIONS /v1/messages") else _bytes(value)
    first = line.encode() + path + b" HTTP/1.1"
    answered = _exchange(proxy.port, _request(first, {"x-api-key": "k"} | headers, body.encode()))
    # A request line that is split makes two requests, or one of HTTP/0.9: so does its sender.
    if not {b"\r", b"\n"} & {path[at : at + 1] for at in range(len(path))}:
        assert len(stub.requests) <= 1
        if not any("\n" in text or "\r" in text for text in headers.values()):
            _check_answer(answered)
    for sent in stub.requests:
        assert set(sent.headers) <= ASKED
        assert sent.target in ("/v1/chat/completions", "/v1/models")


@law
@given(UPSTREAM_NAMES, VALUE, VALUE, st.sampled_from([200, 200, 400, 429, 503]), st.booleans())
def test_no_value_of_an_upstream_splits_anything(
    proxy: LiveProxy, stub: UpstreamStub, name: str, value: str, words: str, status: int, streamed: bool
) -> None:  # fmt: skip
    said = words.encode("utf-8", "replace").decode()
    headers = {name: _bytes(value).decode("latin-1")}
    stub.requests.clear()
    if status != 200:
        error = {"error": {"message": said, "type": said, "code": said, "param": said}}
        stub.default = json_answer(error, status, headers)
    elif streamed:
        stub.default = sse(
            {"id": said, "model": said, **chunk(content=said)},
            {"error": {"message": said, "code": said}},
            headers=headers,
        )
    else:
        whole = completion(said, finish=said) | {"id": said, "model": said}
        stub.default = answer(json.dumps(whole).encode(), headers=headers)
    # A value that ends the head early leaves a body without a length.
    stub.default = (*stub.default, Close())
    body = json.dumps(
        {
            "model": "m",
            "max_tokens": 9,
            "stream": streamed,
            "messages": [{"role": "user", "content": "Hi"}],
        }
    )
    answered = _exchange(
        proxy.port, _request(b"POST /v1/messages HTTP/1.1", {"x-api-key": "k"}, body.encode())
    )
    _check_answer(answered)
    CHECKED[proxy.port] += 1
