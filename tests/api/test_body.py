"""Reading request bodies: which bad input gets which error."""

from __future__ import annotations

import gzip
import io
import json
import random
import zlib
from collections.abc import Callable

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
            gzip.compress(gzip.compress(PLAIN)),
            {"content-encoding": "gzip, gzip"},
            415,
            "content-encoding: 'gzip, gzip' is not supported",
            id="two content encodings",
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


BLANKS = b" " * 999_000 + PLAIN


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_was_compressed_too_well(
    connect: Connect, upstream: UpstreamStub, coding: str
) -> None:
    """The first megabyte is free of the bound; beyond it the ratio is at most 100."""
    compressors: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
    }
    compress = compressors[coding]
    client = connect(max_body_bytes=8_000_000)
    headers = JSON | {"content-encoding": coding}
    small, large = compress(BLANKS), compress(b" " * 5_000_000 + PLAIN)
    assert len(BLANKS) > 100 * len(small)
    upstream.answer(json_answer(completion()), json_answer(completion()))
    assert client.post("/v1/messages", data=small, headers=headers).status_code == 200
    response = client.post("/v1/messages", data=large, headers=headers)
    assert response.status_code == 413
    assert response.json is not None
    assert response.json["error"] == {
        "type": "request_too_large",
        "message": f"content-encoding: the body is more than 100 times as large as its {coding} form",
    }
    mixed = compress(b" " * 2_000_000 + random.Random(1).randbytes(60_000).hex().encode() + b" ")
    assert client.post("/v1/messages", data=mixed, headers=headers).status_code == 400


VALUES = b"[%b1]" % (b"1," * 2_000_000)
TOO_MANY = "The request body has more than 2000000 values, counting the names of members"


@pytest.mark.parametrize(
    "path",
    ["/v1/messages", "/v1/messages/count_tokens", "/v1/messages/test_conversion"],
)
@pytest.mark.parametrize("native", [False, True])
def test_too_many_values_at_every_endpoint(connect: Connect, path: str, native: bool) -> None:
    client = connect(**({"openai_base_url": "https://api.anthropic.com"} if native else {}))
    response = client.post(path, data=PLAIN[:-1] + b',"u":%b}' % VALUES, headers=JSON)
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"] == {"type": "invalid_request_error", "message": TOO_MANY}


def test_an_unknown_member_is_told_by_name_and_its_value_is_not_sent(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer(completion()))
    response = client.post("/v1/messages", json=message_request(unheard_of={"a": [1]}, blank=[]))
    assert response.headers["x-claude-proxy-dropped"] == "unheard_of"
    assert b"unheard_of" not in upstream.requests[0].body


def test_a_heavy_request_gets_the_same_answer(client: FlaskClient, upstream: UpstreamStub) -> None:
    """Its stages run in a thread."""
    schema = {"type": "object", "properties": {f"p{n}": {"type": "null"} for n in range(30_000)}}
    asked = message_request(tools=[{"name": "t", "input_schema": schema}])
    upstream.answer(json_answer(completion()))
    response = client.post("/v1/messages", json=asked)
    assert response.status_code == 200
    assert upstream.requests[0].json["tools"][0]["function"]["parameters"] == schema
    tokens = client.post("/v1/messages/count_tokens", json=asked)
    assert tokens.json is not None
    assert tokens.json["input_tokens"] > 100_000
    asked["messages"][0]["role"] = "robot"
    response = client.post("/v1/messages", json=asked)
    assert response.status_code == 400


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
