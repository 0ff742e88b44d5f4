"""Fuzz target: response heads, read by both readers of the proxy and by two of libraries.

Rule: where this side and another both take a head, they take it for the same, and its body for as
long; a head of the plainest form is always taken.
"""

from __future__ import annotations

import io
import re
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

from proxy.upstream.chunked_response import EagerResponse
from tests.fuzz.input_choices import chosen, cut_at, single_bytes
from tests.fuzz.memory_socket import MemorySocket
from tests.fuzz.plain_chunks import unchunked

BEFORE = (
    b"",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\n" + b"A: b\r\n" * 98,
    b"HTTP/1.1 200 OK\r\nA: " + b"b" * 16_330 + b"\r\n",
    b"HTTP/1.1 20",
)
"""How an answer begins; what follows is the input's. Two are just below a limit."""
_PLAIN = re.compile(rb"HTTP/1\.1 [2-5]\d\d [ -~]*\r\n(?:[A-Za-z]+: [!-~]*\r\n){0,90}\r\n")
_FRAMING = re.compile(rb"(?i)\n(?:content-length|transfer-encoding)")


class Whole:
    """A socket whose peer has sent everything."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._data)


class Head(NamedTuple):
    """What is known once a head was read, and what stands behind it."""

    told: tuple[int, str, int, list[tuple[str, str]]]
    chunked: bool
    length: int | None
    closes: bool
    rest: bytes


def response_head(data: bytes) -> None:
    """One reading of a head, however it is cut: here, by ``http.client`` and by urllib3."""
    choice, places, rest = chosen(data)
    whole, method = BEFORE[choice // 2 % 8] + rest, "HEAD" if choice & 1 else "POST"
    pieces = cut_at(whole, places)
    head = _read(pieces, method)
    assert _read([whole], method) == head
    if len(whole) < 2000:
        assert _read(single_bytes(whole), method) == head
    if isinstance(head, Head):
        _check_stock(head, whole, method)
        _check_body(head, pieces, method, limit=2 if choice & 16 else 65536)
    else:
        found = _PLAIN.match(whole)
        assert not found or _FRAMING.search(found[0]), "refused without a reason"


def _read(pieces: list[bytes], method: str) -> Head | str:
    """The head as this side reads it, or the name of its refusal."""
    far: Any = MemorySocket(pieces)
    response = EagerResponse(far, method=method)
    try:
        response.begin()
    except (HTTPException, ConnectionError, ValueError) as error:
        return type(error).__name__
    reader = response.reader
    rest = reader.held[reader.at :] + far.unsent
    return Head(_told(response), bool(response.chunked), response.length, response.will_close, rest)


def _told(response: HTTPResponse) -> tuple[int, str, int, list[tuple[str, str]]]:
    return response.status, response.reason, response.version, response.headers.items()


def _check_stock(head: Head, whole: bytes, method: str) -> None:
    near: Any = Whole(whole)
    stock = HTTPResponse(near, method=method)
    stock.begin()
    if 100 < stock.status < 200 and stock.status != 101:
        # Taken for the answer there, skipped here.
        return
    assert head.told == _told(stock)
    assert stock.fp.read() == head.rest
    framing = bool(stock.chunked), stock.length, stock.will_close
    assert (head.chunked, head.length, head.closes) == framing or _is_misread(stock)


def _is_misread(stock: HTTPResponse) -> bool:
    """Where ``http.client`` does not see the framing that a head plainly has."""
    coding = stock.headers.get("transfer-encoding", "").lower()
    return (
        # The coding with blanks around it, the length given twice in one line.
        coding.strip() != coding
        or (stock.length is None and "," in stock.headers.get("content-length", ""))
        # Chunks behind a status that has no body.
        or (bool(stock.chunked) and stock.status in (101, 204, 304))
    )


def _check_body(head: Head, pieces: list[bytes], method: str, *, limit: int) -> None:
    """urllib3 finds the body where the head says it is, read by ``limit`` bytes."""
    far: Any = MemorySocket(pieces)
    inner: Any = EagerResponse(far, method=method)
    inner.begin()
    outer = urllib3.HTTPResponse(
        body=inner,
        headers=urllib3.HTTPHeaderDict(inner.headers.items()),
        status=inner.status,
        version=inner.version,
        preload_content=False,
        decode_content=False,
        original_response=inner,
        request_method=method,
    )
    bodyless = method == "HEAD" or head.told[0] in (101, 204, 304)
    if not bodyless:
        assert (bool(outer.chunked), outer.length_remaining) == (head.chunked, head.length)
    found, complete = b"", True
    try:
        while piece := outer.read1(limit, decode_content=False):
            found += piece
    except (HTTPError, HTTPException):
        complete = False
    assert (found, complete) == ((b"", True) if bodyless else _expected(head))


def _expected(head: Head) -> tuple[bytes, bool]:
    if head.chunked:
        body = unchunked(head.rest)
        return body.data, body.ending == "complete"
    if head.length is None:
        return head.rest, True
    return head.rest[: head.length], len(head.rest) >= head.length
