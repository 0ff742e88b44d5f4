"""The byte level: framing, heads and the buffer, against scripted sockets."""

from __future__ import annotations

import io
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from urllib3.connection import HTTPConnection
from urllib3.util.ssltransport import SSLTransport

from proxy.upstream.chunked_response import EagerResponse
from proxy.upstream.connections import EagerHTTPConnection
from proxy.upstream.reader import SocketReader
from tests.security.growth import work
from tests.upstream_stub import server_tls


class FarSide:
    """A socket whose peer sends these pieces and closes; an exception among them is raised."""

    def __init__(self, pieces: Sequence[bytes | Exception]) -> None:
        self.pieces = list(pieces)
        self.reads = 0
        self.shut = False

    def recv(self, size: int) -> bytes:
        self.reads += 1
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        return io.BytesIO()

    def shutdown(self, _: int) -> None:
        self.shut = True


def opened(*pieces: bytes | Exception) -> tuple[Any, EagerResponse]:
    far: Any = FarSide(pieces)
    response = EagerResponse(far, method="POST")
    response.begin()
    return far, response


def drained(response: EagerResponse, limit: int = -1) -> list[bytes]:
    return list(iter(lambda: response.read1(limit), b""))


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def framed(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def test_all_buffered_chunks_come_in_one_read() -> None:
    far, response = opened(CHUNKED + framed(b"Hel", b"lo ", b"you"))
    assert response.read1() == b"Hello you"
    assert response.isclosed()
    assert far.reads == 1


def test_a_read_takes_one_look_at_the_socket() -> None:
    far, response = opened(CHUNKED, framed(b"one", end=b""), framed(b"two"))
    assert response.read1() == b"one"
    assert far.reads == 2
    assert not response.isclosed()
    assert drained(response) == [b"two"]


def test_a_read_returns_at_most_what_was_asked_for() -> None:
    _, response = opened(CHUNKED + framed(b"Hello", b"World"))
    assert drained(response, 4) == [b"Hell", b"oWor", b"ld"]


def test_nothing_asked_for_is_nothing_read() -> None:
    far, response = opened(CHUNKED, framed(b"x"))
    assert response.read1(0) == b""
    assert far.reads == 1


def test_read_takes_the_whole_body_or_so_many_bytes() -> None:
    _, response = opened(CHUNKED + framed(b"Hello", b"World"))
    assert response.read(7) == b"HelloWo"
    assert response.read() == b"rld"
    assert response.read() == b""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"5\r\nHello\r\n0\r\n\r\n", id="plain"),
        pytest.param(b"5;name=value\r\nHello\r\n0;last\r\n\r\n", id="chunk extensions"),
        pytest.param(b"0005\r\nHello\r\n000\r\n\r\n", id="leading zeros"),
        pytest.param(b"5 \r\nHello\r\n0\r\n\r\n", id="padded size"),
        pytest.param(b"5\nHello\r\n0\n\n", id="bare line feeds"),
        pytest.param(b"5\r\nHello\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n", id="trailers"),
        pytest.param(b"5\r\nHello\r\n0\r\n", id="closed without the empty line at the end"),
        pytest.param(b"5\r\nHello\r\n0\r\nX-Sum: 1\r\n", id="closed inside the trailers"),
    ],
)
@pytest.mark.parametrize("cut", [1, 2, 3, 100])
def test_framings_of_one_body(body: bytes, cut: int) -> None:
    pieces = [body[i : i + cut] for i in range(0, len(body), cut)]
    _, response = opened(CHUNKED, *pieces)
    assert b"".join(drained(response)) == b"Hello"
    assert response.isclosed()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"-5\r\nHello\r\n", "bad chunk size", id="negative size"),
        pytest.param(b"5_0\r\nHello\r\n", "bad chunk size", id="underscore"),
        pytest.param(b"+5\r\nHello\r\n", "bad chunk size", id="sign"),
        pytest.param(b"\r\nHello\r\n", "bad chunk size", id="no size"),
        pytest.param(b"Hello\r\n", "bad chunk size", id="no framing at all"),
        pytest.param(b"\xff\r\nHello\r\n", "bad chunk size", id="not ASCII"),
        pytest.param(b"5\r\nHelloX\r\n", "bad chunk framing", id="data longer than its size"),
        pytest.param(b"5" * 70_000, "chunk size line too long", id="endless size line"),
        pytest.param(b"0\r\n" + b"a: b\r\n" * 20_000, "trailers too long", id="endless trailers"),
    ],
)
def test_bad_framing_is_an_error(body: bytes, reason: str) -> None:
    _, response = opened(CHUNKED, body)
    with pytest.raises(HTTPException, match=reason):
        drained(response)


def test_trailers_that_come_byte_by_byte_are_read_once() -> None:
    def read(lines: int) -> Callable[[], object]:
        body = b"5\r\nHello\r\n0\r\n" + b"a:\r\n" * lines + b"\r\n"
        pieces = [body[at : at + 1] for at in range(len(body))]
        return lambda: drained(opened(CHUNKED, *pieces)[1])

    assert read(1)() == [b"H", b"e", b"l", b"l", b"o"]
    assert work(read(800)) < 5 * work(read(200))


@pytest.mark.parametrize(
    "bad", [pytest.param(b"zz\r\n", id="a bad size"), pytest.param(b"", id="a bad line end")]
)
@pytest.mark.parametrize("cut", [1, 100])
def test_what_stands_before_bad_framing_is_read_first(bad: bytes, cut: int) -> None:
    body = b"5\r\nHello\r\n5\r\nWorld" + (b"\r\n" + bad if bad else b"XX")
    _, response = opened(CHUNKED, *[body[i : i + cut] for i in range(0, len(body), cut)])
    read = b""
    while len(read) < 10:
        read += response.read1(100)
    assert read == b"HelloWorld"
    with pytest.raises(HTTPException, match="bad chunk"):
        response.read1(100)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="no chunk"),
        pytest.param(b"5", id="in the size"),
        pytest.param(b"5\r\nHe", id="in the data"),
        pytest.param(b"5\r\nHello", id="before the line end"),
        pytest.param(b"5\r\nHello\r", id="in the line end"),
        pytest.param(b"5\r\nHello\r\n", id="before the last chunk"),
    ],
)
def test_a_truncated_chunked_body_is_an_error(body: bytes) -> None:
    _, response = opened(CHUNKED, body)
    with pytest.raises(IncompleteRead):
        drained(response)


chunks = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
cuts = st.lists(st.integers(1, 30), max_size=20)


def pieces_of(body: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(body[:size])
        body = body[size:]
    return [piece for piece in (*pieces, body) if piece]


@given(chunks, cuts, st.sampled_from([b"0\r\n\r\n", b"0;x\r\nA: b\r\n\r\n"]), st.integers(-1, 50))
def test_any_chunking_gives_what_the_standard_library_reads(
    parts: list[bytes], sizes: list[int], end: bytes, limit: int
) -> None:
    body = framed(*parts, end=end)

    class Whole:
        def makefile(self, *_: Any) -> io.BytesIO:
            return io.BytesIO(CHUNKED + body)

    whole: Any = Whole()
    reference = HTTPResponse(whole)
    reference.begin()
    _, response = opened(CHUNKED, *pieces_of(body, sizes))
    read: Callable[[int], bytes] = response.read1 if limit else response.read
    data = b"".join(iter(lambda: read(limit or 7), b""))
    assert data == reference.read() == b"".join(parts)
    assert response.isclosed()


@given(chunks, cuts, st.data())
def test_a_body_cut_anywhere_gives_its_start_and_an_error(
    parts: list[bytes], sizes: list[int], data: st.DataObject
) -> None:
    body = framed(*parts, end=b"")
    kept = body[: data.draw(st.integers(0, len(body)))]
    _, response = opened(CHUNKED, *pieces_of(kept, sizes))
    came: list[bytes] = []
    with pytest.raises(IncompleteRead):
        came.extend(iter(response.read1, b""))
    seen = b"".join(came)
    assert b"".join(parts).startswith(seen)
    # At most one chunk's framing separates what came from what was sent.
    assert len(kept) - len(seen) <= 10 * (len(parts) + 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(LENGTH + b"Hello", id="content length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello", id="until closed"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nHello", id="HTTP/1.0"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED \r\nContent-Length: 3\r\n\r\n"
            + framed(b"Hello"),
            id="chunked in odd spelling beside a content length",
        ),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            + LENGTH
            + b"Hello",
            id="interim answers are skipped",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nHello and more",
            id="a length twice in one line",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK"
            + 2 * b"\r\nTransfer-Encoding: chunked"
            + b"\r\n\r\n"
            + framed(b"Hello"),
            id="the same coding in two lines",
        ),
    ],
)
@pytest.mark.parametrize("cut", [1, 1000])
def test_other_framings(answer: bytes, cut: int) -> None:
    _, response = opened(*[answer[i : i + cut] for i in range(0, len(answer), cut)])
    assert response.status == 200
    data = b""
    while len(data) < 5:
        data += response.read1(100)
    assert data == b"Hello"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Ty"], "inside the response head", id="half head"
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 120],
            "more than 100 headers",
            id="120 headers",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000], "header line", id="endless header line"
        ),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n"] * 20_000, "larger than", id="endless 100s"),
        pytest.param(
            [b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 20_000, "larger than", id="endless 103s"
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\n" + b"Abcdefgh: %b\r\n" % (b"x" * 60_000) * 6],
            "larger than",
            id="few but huge headers",
        ),
        pytest.param([b"220 smtp ready\r\n"], "220", id="another protocol"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
            "transfer encoding",
            id="unknown transfer encoding",
        ),
        pytest.param(
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            ],
            "transfer encoding",
            id="two codings in two lines",
        ),
        pytest.param(
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n"
                b"Content-Length: 3\r\nContent-Length: 2\r\n\r\n"
            ],
            "Content-Length",
            id="two lengths beside a coding that is none",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Length: 5,\x1e5\r\n\r\n"],
            "Content-Length",
            id="a control character in a length",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100 + b"\r\n"],
            "more than 100 headers",
            id="100 headers in one read",
        ),
    ],
)
def test_bad_heads_are_errors(head: list[bytes], reason: str) -> None:
    with pytest.raises(HTTPException, match=reason):
        opened(*head)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param((), id="closed"),
        pytest.param((ConnectionResetError(),), id="reset"),
        pytest.param((BrokenPipeError(),), id="broken pipe"),
    ],
)
def test_a_connection_that_dies_without_a_byte(end: tuple[Exception, ...]) -> None:
    with pytest.raises(RemoteDisconnected):
        opened(*end)


def test_a_reset_after_the_first_byte_stays_a_reset() -> None:
    with pytest.raises(ConnectionResetError) as caught:
        opened(b"HTTP/1.1", ConnectionResetError())
    assert not isinstance(caught.value, RemoteDisconnected)


def test_ready_tells_whether_bytes_are_buffered() -> None:
    _, response = opened(CHUNKED + framed(b"Hello", end=b""), framed(b"World"))
    seen = [response.ready]
    for limit in (2, -1, -1):
        response.read1(limit)
        seen.append(response.ready)
    assert seen == [True, True, False, True]
    assert response.isclosed()


@pytest.mark.parametrize(
    ("extra", "shut"),
    [pytest.param(b"", False, id="none"), pytest.param(b"HTTP/1.1 200 OK\r\n", True, id="some")],
)
def test_bytes_behind_the_body_spoil_the_connection(extra: bytes, shut: bool) -> None:
    far, response = opened(CHUNKED + framed(b"Hello") + extra)
    assert drained(response) == [b"Hello"]
    assert far.shut is shut


def test_an_answer_to_head_has_no_body() -> None:
    far: Any = FarSide([CHUNKED])
    response = EagerResponse(far, method="HEAD")
    response.begin()
    assert response.read1() == b""
    assert response.read() == b""


@pytest.mark.parametrize("status", [b"101 Switching", b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_status_without_a_body_has_none(status: bytes, cut: bool) -> None:
    head = b"HTTP/1.1 %b\r\nTransfer-Encoding: chunked\r\n\r\n" % status
    far, response = opened(head[:30], head[30:]) if cut else opened(head)
    reads = far.reads
    assert (response.chunked, response.will_close, response.ready) == (False, True, True)
    assert response.read1() == b""
    assert response.isclosed()
    assert far.reads == reads, "nobody waits for a chunk"


def test_the_reader_is_a_file() -> None:
    far: Any = FarSide([b"one\ntwo\nth", b"ree"])
    reader = SocketReader(far)
    reader.end_head()
    assert reader.readable()
    assert reader.peek()[:3] == b"one"
    assert reader.readline() == b"one\n"
    assert reader.readline(2) == b"tw"
    assert reader.read(4) == b"o\nth"
    assert reader.peek() == b"ree"
    into = bytearray(8)
    assert reader.readinto(into) == 3
    assert reader.read() == b""
    reader.close()
    reader.close()


def test_tls_inside_tls_has_a_buffer_of_its_own(tmp_path: Path) -> None:
    context, authority = server_tls(tmp_path)
    near, far = socket.socketpair()

    def serve() -> None:
        with context.wrap_socket(far, server_side=True) as secure:
            secure.sendall(b"first")
            secure.sendall(b"second")

    server = threading.Thread(target=serve)
    server.start()
    client = ssl.create_default_context(cafile=authority)
    transport: Any = SSLTransport(near, client, server_hostname="localhost")
    server.join()
    reader = SocketReader(transport)
    assert reader.read1() == b"first"
    assert reader.buffered
    assert reader.read1() == b"second"
    reader.close()
    transport.close()


def test_a_large_body_is_read_in_linear_time() -> None:
    size = 8_000_000
    _, response = opened(CHUNKED, framed(b"x" * size))
    assert sum(len(piece) for piece in drained(response, 65536)) == size


@pytest.mark.parametrize(
    ("held", "ready"),
    [
        pytest.param(b"", False, id="nothing"),
        pytest.param(b"1", False, id="a part of a size line"),
        pytest.param(b"5;ext\r", False, id="a size line but its end"),
        pytest.param(b"5\r\n", True, id="a size line"),
        pytest.param(b"5\r\nHe", True, id="data"),
        pytest.param(b"0\r\n\r\n", True, id="the end"),
    ],
)
def test_half_a_size_line_is_nothing_to_read(held: bytes, ready: bool) -> None:
    _, response = opened(CHUNKED + held)
    assert response.ready is ready


@pytest.mark.parametrize("end", [b"", b"\r", b"\r\n", b"\r\n5"])
def test_the_line_end_behind_a_chunk_is_nothing_to_read(end: bytes) -> None:
    _, response = opened(CHUNKED + b"2\r\nHe" + end)
    assert response.read1() == b"He"
    assert response.ready is False


@given(
    st.dictionaries(
        st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}", fullmatch=True),
        st.from_regex(r"[\t\x20-\x7e\x80-\xff]{0,30}", fullmatch=True),
        max_size=5,
    )
)
def test_headers_are_put_as_the_standard_library_puts_them(headers: dict[str, str]) -> None:
    assume(not {"host", "transfer-encoding"} & {name.lower() for name in headers})
    sent = []
    for kind in (HTTPConnection, EagerHTTPConnection):
        connection: Any = kind("upstream.example", 8080)
        connection.sock = sink = Sink()
        connection.request("POST", "/v1/chat", body=b"{}", headers=headers)
        sent.append(b"".join(sink.data))
    assert sent[0] == sent[1]


class Sink:
    """A socket's far side."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.data.append(bytes(data))

    def settimeout(self, seconds: float | None) -> None:
        """Nothing ever waits here."""
