"""Reading request bodies: which bad input gets which error."""

from __future__ import annotations

import gzip
import io
import json
import zlib

import gevent
import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Connect, message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer

JSON = {"content-type": "application/json"}
PLAIN = json.dumps(message_request()).encode()


@pytest.mark.parametrize(
    ("data", "headers", "status", "message"),
    [
        pytest.param(b"{", {}, 400, "The request body is not valid JSON", id="half a JSON"),
        pytest.param(b"", {}, 400, "The request body is not valid JSON", id="nothing"),
        pytest.param(b"[]", {}, 400, "Input should be an object", id="a list"),
        pytest.param(
            b"\xff\xfe", {}, 400, "The request body is not valid JSON", id="invalid UTF-8"
        ),
        pytest.param(b'{"a": NaN}', {}, 400, "The request body is not valid JSON", id="NaN"),
        pytest.param(b"[" * 10000, {}, 400, "The request body is not valid JSON", id="deep"),
        pytest.param(
            PLAIN,
            {"content-type": "text/plain"},
            415,
            "content-type: must be application/json, not 'text/plain'",
            id="wrong content type",
        ),
        pytest.param(
            PLAIN,
            {"content-encoding": "br"},
            415,
            "content-encoding: 'br' is not supported",
            id="unknown content encoding",
        ),
        pytest.param(
            PLAIN,
            {"content-encoding": "gzip"},
            400,
            "content-encoding: the body is not valid gzip",
            id="not gzip",
        ),
        pytest.param(
            gzip.compress(PLAIN)[:-12],
            {"content-encoding": "gzip"},
            400,
            "content-encoding: the gzip body is cut short",
            id="half a gzip",
        ),
        pytest.param(
            gzip.compress(PLAIN) + gzip.compress(PLAIN),
            {"content-encoding": "gzip"},
            400,
            "content-encoding: more follows the end of the gzip body",
            id="edge 25 two gzips",
        ),
        pytest.param(
            gzip.compress(b" " * 4_000_000),
            {"content-encoding": "gzip"},
            413,
            "Request exceeds the maximum allowed number of bytes: 1000000",
            id="a bomb",
        ),
        pytest.param(
            b" " * 1_000_001,
            {},
            413,
            "Request exceeds the maximum allowed number of bytes: 1000000",
            id="too large",
        ),
    ],
)
def test_bad_bodies(
    connect: Connect, data: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    response = connect(max_body_bytes=1_000_000).post(
        "/v1/messages", data=data, headers=JSON | headers
    )
    assert response.status_code == status
    assert response.json is not None
    assert response.json["error"]["message"].startswith(message)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        pytest.param(PLAIN, JSON, id="plain"),
        pytest.param(PLAIN, {}, id="without content type"),
        pytest.param(PLAIN, {"content-type": "application/json; charset=utf-8"}, id="charset"),
        pytest.param(gzip.compress(PLAIN), JSON | {"content-encoding": "gzip"}, id="edge 25 gzip"),
        pytest.param(
            zlib.compress(PLAIN), JSON | {"content-encoding": "deflate"}, id="edge 25 deflate"
        ),
    ],
)
def test_good_bodies(
    client: FlaskClient, upstream: UpstreamStub, data: bytes, headers: dict[str, str]
) -> None:
    upstream.answer(json_answer(completion()))
    assert client.post("/v1/messages", data=data, headers=headers).status_code == 200


class SlowBody(io.BytesIO):
    """A body that never ends and hardly comes."""

    def read(self, size: int | None = -1, /) -> bytes:
        gevent.sleep(0.1)
        return b" "


def test_a_body_that_never_arrives(connect: Connect) -> None:
    response = connect(body_timeout=0.3).post(
        "/v1/messages", input_stream=SlowBody(), headers=JSON, content_length=500
    )
    assert response.status_code == 408
    assert response.json is not None
    assert response.json["error"] == {
        "type": "timeout_error",
        "message": "the request body did not arrive within 0.3 s",
    }


def test_a_body_shorter_than_it_says(client: FlaskClient) -> None:
    response = client.post(
        "/v1/messages",
        input_stream=io.BytesIO(PLAIN),
        headers=JSON,
        environ_overrides={"CONTENT_LENGTH": str(len(PLAIN) + 9)},
    )
    assert response.status_code == 499
    assert response.json is not None
    assert (
        response.json["error"]["message"] == "the client closed the connection inside its request"
    )


def test_a_chunked_body_is_not_cut_in_silence(connect: Connect) -> None:
    response = connect(max_body_bytes=1000).post(
        "/v1/messages",
        input_stream=io.BytesIO(b" " * 5000),
        headers=JSON,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 413
