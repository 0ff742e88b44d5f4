"""Request smuggling: one response for one request, directly and through the shipped nginx.

The payload is a whole second request. It may be answered only where it was one: two sides that read
the same bytes differently would let it through as somebody else's. Ambiguous framing ends the
connection; never does the hidden request reach the upstream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.deploy.nginx import Nginx, needs_nginx, nginx_in_front
from tests.live import LiveProxy, live_proxy
from tests.security.wire import Answer, answers, exchange, kept, request
from tests.upstream_stub import Recorded, UpstreamStub, completion, json_answer

HIDDEN = "hidden-request"
SECRET = "smuggled-key"


def body(text: str) -> bytes:
    message = {"role": "user", "content": text}
    return json.dumps({"model": "claude-sonnet-5", "max_tokens": 5, "messages": [message]}).encode()


OPEN = body("open")
SMUGGLED = request("POST", "/v1/messages", body(HIDDEN), x_api_key=SECRET)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(OPEN), OPEN)


def asked(*fields: str, then: bytes, start: str = "POST /v1/messages HTTP/1.1") -> bytes:
    """A request with exactly these header lines, and what follows them."""
    lines = (start, "Host: proxy", "x-api-key: k", "Content-Type: application/json", *fields)
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + then


def length(of: bytes, more: int = 0) -> str:
    return f"Content-Length: {len(of) + more}"


COMMON = "Transfer-Encoding: chunked"
DESYNC: dict[str, bytes] = {
    # Both framings.
    "CL.TE": asked(length(b"0\r\n\r\n" + SMUGGLED), COMMON, then=b"0\r\n\r\n" + SMUGGLED),
    "TE.CL": asked(COMMON, "Content-Length: 4", then=CHUNKED + SMUGGLED),
    "CL.0 chunked": asked("Content-Length: 0", COMMON, then=CHUNKED + SMUGGLED),
    # Several lengths.
    "two lengths": asked(length(OPEN), length(OPEN, len(SMUGGLED)), then=OPEN + SMUGGLED),
    "two lengths, the long one first": asked(
        length(OPEN, len(SMUGGLED)), length(OPEN), then=OPEN + SMUGGLED
    ),
    "a list of lengths": asked(f"Content-Length: {len(OPEN)}, {len(OPEN)}", then=OPEN + SMUGGLED),
    # Odd lengths.
    "a signed length": asked(f"Content-Length: +{len(OPEN)}", then=OPEN + SMUGGLED),
    "a negative length": asked("Content-Length: -1", then=OPEN + SMUGGLED),
    "a length in hex": asked(f"Content-Length: {len(OPEN):#x}", then=OPEN + SMUGGLED),
    "a length with an underscore": asked("Content-Length: 1_0", then=OPEN + SMUGGLED),
    "a length in other digits": asked("Content-Length: \xb2", then=OPEN + SMUGGLED),
    "an empty length": asked("Content-Length:", then=OPEN + SMUGGLED),
    "a length beyond 64 bits": asked(f"Content-Length: {2**64 + len(OPEN)}", then=OPEN + SMUGGLED),
    "a length with a blank inside": asked("Content-Length: 1 0", then=OPEN + SMUGGLED),
    # Odd codings.
    "chunked twice": asked(COMMON, COMMON, then=CHUNKED + SMUGGLED),
    "chunked, identity": asked("Transfer-Encoding: chunked, identity", then=CHUNKED + SMUGGLED),
    "identity": asked("Transfer-Encoding: identity", length(OPEN), then=OPEN + SMUGGLED),
    "xchunked": asked("Transfer-Encoding: xchunked", length(OPEN), then=OPEN + SMUGGLED),
    "a form feed": asked("Transfer-Encoding: \x0cchunked", length(OPEN), then=OPEN + SMUGGLED),
    "chunked and a parameter": asked(
        "Transfer-Encoding: chunked;q=1", length(OPEN), then=OPEN + SMUGGLED
    ),
    "a quoted coding": asked('Transfer-Encoding: "chunked"', length(OPEN), then=OPEN + SMUGGLED),
    "a vertical tab": asked("Transfer-Encoding: \x0bchunked", length(OPEN), then=OPEN + SMUGGLED),
    "gzip, chunked": asked("Transfer-Encoding: gzip, chunked", then=CHUNKED + SMUGGLED),
    "an empty coding": asked("Transfer-Encoding:", length(OPEN), then=OPEN + SMUGGLED),
    # Odd header lines.
    "a blank before the colon": asked("Transfer-Encoding : chunked", then=CHUNKED + SMUGGLED),
    "a blank before the length's": asked(f"Content-Length : {len(OPEN)}", then=OPEN + SMUGGLED),
    "a folded coding": asked("Transfer-Encoding:\r\n chunked", length(OPEN), then=OPEN + SMUGGLED),
    "a folded first line": asked(then=b"").replace(b"\r\nHost", b"\r\n Host") + SMUGGLED,
    "a folded length": asked("Content-Length:\r\n " + str(len(OPEN)), then=OPEN + SMUGGLED),
    "a folded line that frames": asked(
        "X-A: b\r\n Transfer-Encoding: chunked", length(OPEN), then=OPEN + SMUGGLED
    ),
    "a bare CR in a header": asked(
        f"X-A: b\rContent-Length: {len(OPEN) + len(SMUGGLED)}", length(OPEN), then=OPEN + SMUGGLED
    ),
    "a NUL in a header": asked("X-A: b\0c", length(OPEN), then=OPEN + SMUGGLED),
    "a NUL in a name": asked("X\0A: b", length(OPEN), then=OPEN + SMUGGLED),
    "a line without a colon": asked("X-A", length(OPEN), then=OPEN + SMUGGLED),
    # Odd chunks.
    "a chunk size with 0x": asked(COMMON, then=b"0x" + CHUNKED + SMUGGLED),
    "a signed chunk size": asked(COMMON, then=b"+" + CHUNKED + SMUGGLED),
    "a chunk size of words": asked(COMMON, then=b"zz\r\n" + CHUNKED + SMUGGLED),
    "a chunk size beyond 64 bits": asked(COMMON, then=b"1" + b"0" * 16 + CHUNKED + SMUGGLED),
    "a chunk shorter than it says": asked(
        COMMON, then=b"%x\r\n%b\r\n0\r\n\r\n" % (len(OPEN) + 3, OPEN) + SMUGGLED
    ),
    "a chunk longer than it says": asked(
        COMMON, then=b"%x\r\n%b\r\n0\r\n\r\n" % (len(OPEN) - 3, OPEN) + SMUGGLED
    ),
    "LF after the size": asked(COMMON, then=CHUNKED.replace(b"\r\n", b"\n", 1) + SMUGGLED),
    "a bare LF in an extension": asked(
        COMMON, then=CHUNKED.replace(b"\r\n", b";a=b\nc\r\n", 1) + SMUGGLED
    ),
    "a bare CR after the size": asked(COMMON, then=CHUNKED.replace(b"\r\n", b"\r", 1) + SMUGGLED),
    "a blank before the size": asked(COMMON, then=b" " + CHUNKED + SMUGGLED),
    # Odd request lines.
    "CL and TE in HTTP/1.0": asked(
        length(OPEN), COMMON, then=CHUNKED + SMUGGLED, start="POST /v1/messages HTTP/1.0"
    ),
    "LF after every line": asked(length(OPEN), then=OPEN)
    .replace(b"\r\n", b"\n")
    .replace(OPEN, OPEN + SMUGGLED),
    "HTTP/1.0 chunked": asked(COMMON, then=CHUNKED + SMUGGLED, start="POST /v1/messages HTTP/1.0"),
    "HTTP/2.0": asked(length(OPEN), then=OPEN + SMUGGLED, start="POST /v1/messages HTTP/2.0"),
    "a preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
    "a blank in the target": asked(
        length(OPEN), then=OPEN + SMUGGLED, start="POST /v1/messages HTTP/1.1 x HTTP/1.1"
    ),
    "two hosts": asked("Host: other", length(OPEN), then=OPEN + SMUGGLED),
    "a tunnel": asked(then=SMUGGLED, start="CONNECT localhost:443 HTTP/1.1"),
}
"""What no two servers read alike. Whether the first request is answered may differ; the second is
inside the first one or behind a broken one."""

PIPELINED: dict[str, bytes] = {
    "a length": asked(length(OPEN), then=OPEN),
    "chunks": asked(COMMON, then=CHUNKED),
    "chunks with extensions": asked(COMMON, then=CHUNKED.replace(b"\r\n", b";a=b\r\n", 1)),
    "tabs around the coding": asked("Transfer-Encoding:\t chunked\t ", then=CHUNKED),
    "chunks with long extensions": asked(
        COMMON, then=CHUNKED.replace(b"\r\n", b";a=" + b"b" * 1000 + b"\r\n", 1)
    ),
    "a chunk size with zeros": asked(COMMON, then=b"000" + CHUNKED),
    "chunks with trailers": asked(
        COMMON, then=CHUNKED.removesuffix(b"\r\n") + b"Content-Length: 5\r\nX-Api-Key: t\r\n\r\n"
    ),
    "a coding in capitals": asked("TRANSFER-ENCODING: Chunked", then=CHUNKED),
    "a GET with a body": asked(length(OPEN), then=OPEN, start="GET /health HTTP/1.1"),
    "a GET with chunks": asked(COMMON, then=CHUNKED, start="GET /health HTTP/1.1"),
    "a body that nobody reads": asked(length(OPEN), then=OPEN, start="POST /nowhere HTTP/1.1"),
    "a refused body": asked(length(b"{"), then=b"{"),
    "h2c": asked(
        "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA", then=b""
    ),
    "a websocket": asked("Connection: Upgrade", "Upgrade: websocket", then=b""),
}
"""Well framed: what follows is another request, and answered as one or not at all."""


REFUSED_OTHERWISE = {
    "a length beyond 64 bits": 413,
    "a chunk size beyond 64 bits": 408,
    "xchunked": 501,
    "chunked and a parameter": 501,
    "a quoted coding": 501,
    "an empty coding": 501,
    "a tunnel": 404,
}
"""Directly; everything else is 400."""
REFUSED_BY_NGINX = {
    "chunked, identity": 501,
    "identity": 501,
    "xchunked": 501,
    "a form feed": 501,
    "chunked and a parameter": 501,
    "a quoted coding": 501,
    "a vertical tab": 501,
    "gzip, chunked": 501,
    "an empty coding": 501,
    "HTTP/2.0": 505,
}
READ_BY_NGINX = ("a line without a colon", "LF after the size", "LF after every line")
"""What nginx forgives. It frames anew what it passes on, so both sides see the same two requests."""


@dataclass(frozen=True)
class Place:
    """Where a client connects, and what is behind."""

    port: int
    upstream: UpstreamStub

    def probe(self, raw: bytes) -> tuple[list[Answer], list[str]]:
        """The answers to ``raw``, and the prompts that reached the upstream."""
        before = len(self.upstream.requests)
        seen = answers(exchange(self.port, raw))
        return seen, [prompt(recorded) for recorded in self.upstream.requests[before:]]

    def answers_rightly(self) -> bool:
        """Whether clients that come now get what they asked for, on kept connections too."""
        for number in range(3):
            text = f"bystander {number}"
            raw = request("POST", "/v1/messages", body(text), x_api_key="b")
            seen = self.probe(kept(raw) + SMUGGLED if number == 1 else raw)[0]
            if json.loads(seen[0].body)["content"][0]["text"] != text:
                return False
        return True


def prompt(recorded: Recorded) -> str:
    text: str = recorded.json["messages"][-1]["content"]
    return text


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamStub]:
    stub = UpstreamStub(default=lambda recorded: json_answer(completion(prompt(recorded))))
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def proxy(upstream: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-server",
        "CLAUDE_PROXY_BODY_TIMEOUT": "0.5",
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(proxy: LiveProxy) -> Iterator[Nginx]:
    with nginx_in_front(proxy.port) as running:
        yield running


@pytest.fixture
def directly(upstream: UpstreamStub, proxy: LiveProxy) -> Place:
    return Place(proxy.port, upstream)


@pytest.fixture
def through_nginx(upstream: UpstreamStub, nginx: Nginx) -> Place:
    return Place(nginx.port, upstream)


@pytest.mark.parametrize("name", DESYNC)
def test_ambiguous_framing_ends_the_connection(directly: Place, name: str) -> None:
    seen, prompts = directly.probe(DESYNC[name])
    # The coding's name says nothing about where the body ends: it was read as one.
    if name == "gzip, chunked":
        assert ([answer.status for answer in seen], prompts) == ([200], ["open"])
    else:
        assert [answer.status for answer in seen] == [REFUSED_OTHERWISE.get(name, 400)]
        assert prompts == []
        assert json.loads(seen[0].body)["type"] == "error"
    assert directly.answers_rightly()


@needs_nginx
@pytest.mark.parametrize("name", DESYNC)
def test_nothing_hidden_passes_nginx(through_nginx: Place, name: str) -> None:
    seen, prompts = through_nginx.probe(DESYNC[name])
    statuses = [answer.status for answer in seen]
    if name in READ_BY_NGINX:
        assert (statuses, prompts) == ([200, 200], ["open", HIDDEN])
    else:
        assert (statuses, prompts) == ([REFUSED_BY_NGINX.get(name, 400)], [])
    assert through_nginx.answers_rightly()


@pytest.mark.parametrize("front", ["directly", pytest.param("through_nginx", marks=needs_nginx)])
@pytest.mark.parametrize("name", PIPELINED)
def test_what_follows_a_whole_request_is_one_of_its_own(
    request: pytest.FixtureRequest, front: str, name: str
) -> None:
    place: Place = request.getfixturevalue(front)
    seen, prompts = place.probe(PIPELINED[name] + SMUGGLED)
    if name == "chunks with trailers" and front == "directly":
        # Trailers that frame or authorise are refused.
        assert ([answer.status for answer in seen], prompts) == ([400], [])
        return
    if name == "tabs around the coding" and front == "through_nginx":
        # It knows no tab there, and closes the connection.
        assert ([answer.status for answer in seen], prompts) == ([501], [])
        return
    assert len(seen) == 2
    assert prompts.count(HIDDEN) == 1
    assert json.loads(seen[1].body)["content"][0]["text"] == HIDDEN
    assert place.answers_rightly()


def test_http_0_9_gets_no_second_answer(directly: Place) -> None:
    data = exchange(directly.port, b"GET /health\r\n" + SMUGGLED)
    assert [answer.status for answer in answers(data)] == [400]


@needs_nginx
def test_http_0_9_gets_no_second_answer_from_nginx(through_nginx: Place) -> None:
    before = len(through_nginx.upstream.requests)
    data = exchange(through_nginx.port, b"GET /health\r\n" + SMUGGLED)
    assert b"HTTP/1.1" not in data
    assert len(through_nginx.upstream.requests) == before


INSIDE = length(SMUGGLED)
LEFT: dict[str, tuple[bytes, list[int]]] = {
    "not found": (asked(INSIDE, then=SMUGGLED, start="POST /nowhere HTTP/1.1"), [404, 200]),
    "not found, chunked": (
        asked(
            COMMON,
            then=b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
            start="POST /nowhere HTTP/1.1",
        ),
        [404, 200],
    ),
    "not allowed": (asked(INSIDE, then=SMUGGLED, start="PUT /v1/messages HTTP/1.1"), [405, 200]),
    "a preflight": (asked(INSIDE, then=SMUGGLED, start="OPTIONS / HTTP/1.1"), [204, 200]),
    "an odd encoding": (asked("Content-Encoding: br", INSIDE, then=SMUGGLED), [415, 200]),
    "no gzip": (asked("Content-Encoding: gzip", INSIDE, then=SMUGGLED), [400, 200]),
    "no JSON": (asked(INSIDE, then=SMUGGLED), [400, 200]),
    "expected in vain": (
        asked("Expect: 100-continue", INSIDE, then=SMUGGLED, start="POST /nowhere HTTP/1.1"),
        [404, 200],
    ),
    "too large": (asked("Content-Length: 99999999", then=SMUGGLED * 3), [413]),
    "too late": (asked(length(SMUGGLED, 100), then=SMUGGLED), [408]),
    "too late, chunked": (asked(COMMON, then=b"fff\r\n" + SMUGGLED), [408]),
}
"""Refusals of a request whose body is another one, and the statuses of it and of what follows."""
FOLLOWING = request("GET", "/health")


@pytest.mark.parametrize("name", LEFT)
def test_a_refused_body_is_no_request(directly: Place, name: str) -> None:
    raw, statuses = LEFT[name]
    # What is too late comes to its end only here.
    following = b"" if len(statuses) == 1 else FOLLOWING
    seen, prompts = directly.probe(raw + following)
    assert [answer.status for answer in seen] == statuses
    assert prompts == []
    assert directly.answers_rightly()


NOT_OURS = {
    "a place of its own": ("GET /x/v1/models HTTP/1.1", "SCRIPT-NAME: /x", 404),
    "another host's": ("GET http://elsewhere.test/health HTTP/1.1", "X-A: b", 200),
    "a dynamic one of another host": (
        "GET http://elsewhere.test/http/127.0.0.1:1/v1/models HTTP/1.1",
        "X-A: b",
        404,
    ),
    "a dynamic one, encoded": ("GET /%68ttp/127.0.0.1:1/v1/models HTTP/1.1", "X-A: b", 404),
    "a dynamic one behind two slashes": (
        "GET //http/127.0.0.1:1/v1/models HTTP/1.1",
        "X-A: b",
        404,
    ),
    "a path in a header": ("GET /health HTTP/1.1", "PATH_INFO: /v1/stats", 200),
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_a_target_is_what_the_request_line_says(directly: Place, name: str) -> None:
    start, field, status = NOT_OURS[name]
    seen, prompts = directly.probe(asked(field, "Connection: close", then=b"", start=start))
    assert [answer.status for answer in seen] == [status]
    if status == 200:
        assert json.loads(seen[0].body)["status"] == "healthy"
    assert prompts == []


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("/x/health", "SCRIPT_NAME: /x"),
        ("/x/health", "SCRIPT-NAME: /x"),
        ("/x", "PATH_INFO: /health"),
        ("/x", "PATH-INFO: /health"),
    ],
)
def test_no_header_chooses_another_path(proxy: LiveProxy, target: str, line: str) -> None:
    """A server in front whose rules are for paths would let it through as something else."""
    raw = f"GET {target} HTTP/1.1\r\nHost: proxy\r\n{line}\r\nConnection: close\r\n\r\n"
    (seen,) = answers(exchange(proxy.port, raw.encode()))
    assert seen.status == 404
