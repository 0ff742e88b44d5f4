"""Laws over an upstream's answers: any bytes give the client a well-formed answer, and the next
request its own."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

import gevent
import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from tests.api.conftest import message_request
from tests.convert.reply.test_stream_properties import CHUNK, ITEM, JUNK
from tests.fuzz.answers import HANG_SECONDS, assert_error, assert_message, assert_stream
from tests.fuzz.budget import law
from tests.fuzz.foreign_greenlets import ForeignGreenlets
from tests.relay.chat.test_stream_bytes import streams
from tests.upstream_stub import (
    Close,
    Framing,
    Reset,
    Script,
    Step,
    UpstreamStub,
    answer,
    completion,
    head,
    json_answer,
)

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
RIGHT = "The right answer"


@pytest.fixture(autouse=True)
def no_bugs(
    caplog: pytest.LogCaptureFixture, foreign_greenlets: ForeignGreenlets
) -> Iterator[None]:
    """Nothing is logged as a bug of the proxy's own."""
    caplog.set_level(logging.ERROR)
    with caplog.filtering(foreign_greenlets):
        yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= 40] == []


def _event(item: object) -> bytes:
    if isinstance(item, bytes):
        return item
    try:
        return b"data: " + orjson.dumps(item) + b"\n\n"
    except TypeError:
        # Integers beyond 64 bits, and signals, which stand for bytes of their own.
        return b"data: [DONE]\n\n"


TOKENS = st.sampled_from(
    [b"data: ", b"event: error\n", b"\n\n", b"\r\n\r\n", b"\r", b"{", b"}", b"[", b'"', b"\xff",
     b"\xef\xbb\xbf", b": c\n\n", b"data: [DONE]\n\n", b"<html>", b'{"error":{"message":"m"}}',
     b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}', b"\x00", b"\x1f\x8b",
     b"[" * 2000, b"9" * 400, b"event: message_start\n", b'{"type":"error"}', b"null", b" "]
)  # fmt: skip
BODIES = st.one_of(
    st.lists(ITEM.map(_event), max_size=6).map(b"".join),
    streams(),
    st.lists(TOKENS | st.binary(max_size=8), max_size=8).map(b"".join),
    (JUNK | CHUNK).map(_event).map(lambda event: event.removeprefix(b"data: ").strip()),
)
TYPES = st.sampled_from(
    ["application/json", "text/event-stream", "text/html", "", "text/event-stream; charset=x", "é"]
)


@st.composite
def framed_answers(draw: st.DrawFn) -> Script:
    """Any body in any framing, in pieces, sometimes broken off."""
    body = draw(BODIES)
    cuts = sorted(draw(st.sets(st.integers(0, max(len(body), 1)), max_size=3)))
    bounds = [0, *cuts, len(body)]
    pieces: list[Step] = [body[a:b] for a, b in itertools.pairwise(bounds) if b > a]
    framing: Framing = draw(st.sampled_from(["chunked", "length", "close", "gzip"]))
    status = draw(st.sampled_from([200, 200, 200, 200, 201, 204, 302, 400, 404, 429, 500, 503]))
    script = answer(*pieces, status=status, content_type=draw(TYPES), framing=framing)
    if framing == "close":
        return script
    broken = draw(st.sampled_from([None, None, None, None, Close(), Reset()]))
    if broken is None:
        # A body behind a status that has none stays in the connection: the end has to come.
        return (*script, Close()) if status in (204, 302) else script
    return (*script[: draw(st.integers(1, len(script)))], broken)


HEAD_LINES = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200", b"HTTP/1.1 100 Continue", b"HTTP/1.1 999 X", b"ICY 200",
     b"HTTP/2 200", b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 5, 6",
     b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Content-Encoding: gzip",
     b"Content-Encoding: br", b"Retry-After: x\x01y", b" folded", b": no name", b"x" * 3000,
     b"Connection: upgrade", b"Set-Cookie: a\x00b", b"Location: \x0bhttp://x.test/", b"",
     b"Content-Type: text/event-stream", b"X-Should-Retry: \xff\xfe", b"Retry-After: 1e9"]
)  # fmt: skip


@st.composite
def raw_answers(draw: st.DrawFn) -> Script:
    """No HTTP at all, or nearly; always closed at the end."""
    lines = draw(st.lists(HEAD_LINES | st.binary(max_size=12), max_size=6))
    if draw(st.booleans()):
        lines.insert(0, b"HTTP/1.1 200 OK")
    ending = draw(st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n", b""]))
    last: Step = Reset() if draw(st.booleans()) else Close()
    return (b"\r\n".join(lines) + ending + draw(BODIES), last)


@law
@given(st.one_of(framed_answers(), framed_answers(), raw_answers()), st.booleans())
@example((head(200, {"Content-Length": "0"}),), True)
@example((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nsmuggled",), False)
def test_any_bytes_of_an_upstream_give_a_well_formed_answer(
    client: FlaskClient, stub: UpstreamStub, script: Script, streamed: bool
) -> None:
    stub.default = script
    with gevent.Timeout(HANG_SECONDS):
        response = client.post("/v1/messages", json=message_request(stream=streamed))
        assert response.data
    response.close()
    if response.status_code != 200:
        assert_error(response)
    elif streamed:
        assert_stream(response)
    else:
        assert_message(response)
    stub.default = json_answer(completion(RIGHT))
    with gevent.Timeout(HANG_SECONDS):
        message = assert_message(client.post("/v1/messages", json=message_request(), buffered=True))
    assert message["content"] == [{"type": "text", "text": RIGHT}]
