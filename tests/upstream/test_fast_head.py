"""Plain heads are read as ``http.client`` reads them; all others are left to it."""

from __future__ import annotations

import socket
from http.client import HTTPException, HTTPResponse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.upstream.chunked_response import EagerResponse
from proxy.upstream.fast_head import take_head
from proxy.upstream.reader import SocketReader

STATUS_LINES = st.sampled_from(
    ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 404 Not  Found ", "HTTP/1.1 204", "HTTP/1.1 304 ",
     "HTTP/1.0 200 OK", "HTTP/1.1 200\tOK", "HTTP/2 200 OK", "HTTP/1.1 999 Odd", "HTTP/1.1 200 Caf\xe9",
     "HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "ICY 200 OK", ""]
)  # fmt: skip
HEADERS = st.sampled_from(
    ["Content-Length: 5", "content-length:5", "Content-Length: 5, 5", "Content-Length: -1",
     "Content-Length: +5", "Content-Length: 5 ", "Content-Length: 1_0", "Content-Length: ",
     "Content-Length: \u0665", "Transfer-Encoding: chunked", "transfer-encoding: Chunked",
     "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Connection: close",
     "Connection: keep-alive", "Connection: Upgrade, Close", "X-A: b", "X-A:   b c  ", "X_A: b", "X-A:",
     "X-A : b", ": b", "no colon", " folded", "\tfolded", "X-\xc4: b", "X-A: \xe9", "X-A: a\x0bb",
     "X-A: a\x85b", "X-A: a\x00b", "From someone", "Set-Cookie: a=1", "Set-Cookie: b=2"]
)  # fmt: skip
BREAKS = st.sampled_from(["\r\n"] * 8 + ["\n", "\r"])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    lines = [draw(STATUS_LINES), *draw(st.lists(HEADERS, max_size=6))]
    text = "".join(line + draw(BREAKS) for line in lines)
    return (text + "\r\n").encode("latin-1", "replace") + b"hello"


def as_read(kind: type[HTTPResponse], head: bytes, method: str) -> object:
    """What a response of that kind knows once its head was read."""
    near, far = socket.socketpair()
    with near, far:
        far.sendall(head)
        far.shutdown(socket.SHUT_WR)
        response = kind(near, method=method)
        try:
            response.begin()
        except (HTTPException, ConnectionError, ValueError) as error:
            return type(error).__name__
        finally:
            near.close()
        framing = response.chunked, response.length, response.will_close
        told = response.status, response.reason, response.version, response.headers.items()
        return told, framing if not is_misread(response) else None


def is_misread(response: HTTPResponse) -> bool:
    """Where ``http.client`` does not see the framing that a head plainly has."""
    coding = (response.headers.get("transfer-encoding") or "").strip().lower()
    return (
        coding not in ("", "chunked")
        or "," in response.headers.get("content-length", "")
        or (coding == "chunked" and response.status in (204, 304))
    )


@given(heads(), st.sampled_from(["GET", "HEAD"]))
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello", "GET")
@example(b"HTTP/1.1 204\r\n\r\n", "GET")
def test_the_same_as_http_client_reads(head: bytes, method: str) -> None:
    stock = as_read(HTTPResponse, head, method)
    ours = as_read(EagerResponse, head, method)
    # What only this side refuses: a head that ends in the middle, and codings that it cannot undo.
    if ours not in ("HTTPException", "RemoteDisconnected"):
        assert ours == stock


@pytest.mark.parametrize(
    ("head", "taken"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 12\r\n\r\n", True),
        (b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1", False),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100 + b"\r\n", False),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 20_000 + b"\r\n\r\n", False),
    ],
    ids=["length", "refusal", "chunked", "cut", "bare LF", "folded", "interim", "1.0", "both framings",
         "many", "long"],
)  # fmt: skip
def test_what_is_taken(head: bytes, taken: bool) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(head)
        reader = SocketReader(near)
        reader.fill()
        assert (take_head(reader) is not None) is taken
        assert reader.at == (len(head) if taken else 0)
        reader.close()
