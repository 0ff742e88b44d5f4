"""Responses on the socket: the bytes of gunicorn's own writer, in fewer writes."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.wsgi import Response
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.server.response_writer import JOINED_BYTES, ResponseWriter

KEEP_ALIVE = SimpleNamespace(keeps_connections=True)


class Wire:
    """The far side of a socket."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.writes.append(data)


def request(method: str, version: tuple[int, int]) -> Any:
    return SimpleNamespace(method=method, version=version, should_close=lambda: version < (1, 1))


@pytest.fixture(autouse=True)
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.5)


def written(response: Response, wire: Wire, headers: dict[str, str], body: list[bytes]) -> bytes:
    response.start_response("200 OK", list(headers.items()))
    for part in body:
        response.write(part)
    response.close()
    return b"".join(wire.writes)


LENGTH = {"Content-Length": "3"}
LARGE = b"x" * (JOINED_BYTES + 1)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("version", [(1, 0), (1, 1)])
@pytest.mark.parametrize(
    ("headers", "body", "writes"),
    [
        pytest.param(LENGTH, [b"abc"], 1, id="whole"),
        pytest.param(LENGTH, [b"", b"abc"], 2, id="an empty part first"),
        pytest.param(LENGTH, [b"abcdef"], 1, id="more than announced"),
        pytest.param({"Content-Length": "0"}, [], 1, id="no body"),
        pytest.param({}, [b"abc", b"def"], 3, id="in chunks"),
        pytest.param({}, [b"", b"abc"], 3, id="chunks, the first one empty"),
        pytest.param({}, [], 2, id="no chunk"),
        pytest.param({"Content-Length": str(len(LARGE))}, [LARGE], 2, id="large"),
        pytest.param({}, [LARGE], 3, id="a large chunk"),
        pytest.param({"X-Name": "caf\xe9", **LENGTH}, [b"abc"], 1, id="latin-1"),
    ],
)
def test_the_bytes_are_gunicorns_own(
    method: str, version: tuple[int, int], headers: dict[str, str], body: list[bytes], writes: int
) -> None:
    plain, joined = Wire(), Wire()  # type: Any, Any
    stock = Response(request(method, version), plain, Config())
    ours = ResponseWriter.adopt(Response(request(method, version), joined, Config()), KEEP_ALIVE)
    assert written(ours, joined, headers, body) == written(stock, plain, headers, body)
    if (method, version) == ("GET", (1, 1)):
        assert len(joined.writes) == writes


SIZES = st.sampled_from([0, 1, 15, 16, JOINED_BYTES - 1, JOINED_BYTES, JOINED_BYTES + 1])
NAMES = st.sampled_from(
    ["X-A", "x-b", "Set-Cookie", "Server", "Date", "Content-Type", "Connection"]
)
VALUES = st.sampled_from(["", "a", "close", "keep-alive", "upgrade", "caf\xe9", "a, b"])


# The clock has one value in all examples.
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
@given(
    method=st.sampled_from(["GET", "GET", "POST", "HEAD"]),
    version=st.sampled_from([(1, 1), (1, 1), (1, 0)]),
    status=st.sampled_from(
        ["200 OK", "200 OK", "404 Odd", "204 No Content", "304 Not Modified", "101 Upgrade"]
    ),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    length=st.none() | st.none() | st.integers(0, 40) | SIZES,
    sizes=st.lists(SIZES, max_size=4),
)
@example("GET", (1, 1), "200 OK", [("Connection", "upgrade")], None, [JOINED_BYTES, 1])
def test_any_response_is_written_as_by_gunicorn(
    method: str,
    version: tuple[int, int],
    status: str,
    headers: list[tuple[str, str]],
    length: int | None,
    sizes: list[int],
) -> None:
    told = headers if length is None else [*headers, ("Content-Length", str(length))]
    sent = []
    for ours in (False, True):
        wire: Any = Wire()
        response = Response(request(method, version), wire, Config())
        if ours:
            response = ResponseWriter.adopt(response, KEEP_ALIVE)
        response.start_response(status, told)
        for number, size in enumerate(sizes):
            response.write(b"%d" % number * size)
        response.close()
        sent.append((b"".join(wire.writes), response.sent, response.should_close()))
    assert sent[0] == sent[1]


def test_the_head_closes_a_connection_that_is_not_kept_alive() -> None:
    wire: Any = Wire()
    full = SimpleNamespace(keeps_connections=False)
    writer = ResponseWriter.adopt(Response(request("GET", (1, 1)), wire, Config()), full)
    assert b"\r\nConnection: close\r\n" in written(writer, wire, LENGTH, [b"abc"])
