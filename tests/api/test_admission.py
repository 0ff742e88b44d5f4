"""A slot is held until the answer is over, and given back once in every ending."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from proxy.access.admission import Admission
from proxy.api.context import EXTENSION
from tests.api.conftest import KEY, Connect, message_request
from tests.upstream_stub import (
    Reset,
    Script,
    UpstreamStub,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
)


class Unread(io.BytesIO):
    """A body that nobody may touch."""

    def __init__(self) -> None:
        super().__init__(b"{...}")

    def read(self, *_: object) -> bytes:
        raise AssertionError("the body was read")

    read1 = readline = read


def admission(client: FlaskClient) -> Admission:
    slots: Admission = client.application.extensions[EXTENSION].admission
    return slots


def open_stream(client: FlaskClient, **fields: Any) -> Any:
    return client.post("/v1/messages", json=message_request(stream=True, **fields), headers=KEY)


def test_beyond_the_bound_requests_are_refused_unread(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(text_stream("one"), json_answer(completion()))
    client = connect(max_concurrency=1, allowed_hosts=("up.test",))
    running = open_stream(client)
    for path in ("/v1/messages", "/v1/messages/count_tokens", "/v1/messages/test_conversion"):
        refused = client.post(
            path,
            content_type="application/json",
            input_stream=Unread(),
        )
        assert refused.status_code == 529
        assert refused.headers["retry-after"] == "5"
        assert refused.json is not None
        assert refused.json["error"]["type"] == "overloaded_error"
        assert refused.json["request_id"] == refused.headers["request-id"]
        refused.close()
    for path in ("/v1/models", "/test-connection", "/https/up.test/v1/models"):
        assert client.get(path, environ_overrides={"RAW_URI": path}).status_code == 529
    assert admission(client).running == 1
    running.close()
    with client.post("/v1/messages", json=message_request()) as answered:
        assert answered.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/healthz",
        "/livez",
        "/readyz",
        "/metrics",
        "/",
        "/status",
        "/v1/stats",
        "/favicon.ico",
        "/openapi.json",
    ],
)
def test_probes_always_get_a_slot(connect: Connect, upstream: UpstreamStub, path: str) -> None:
    upstream.answer(text_stream("one"))
    client = connect(max_concurrency=1)
    with open_stream(client):
        with client.get(path) as answered:
            assert answered.status_code in (200, 204)
        with client.options("/v1/messages") as preflight:
            assert preflight.status_code == 204
    assert admission(client).running == 0


def read(response: Any) -> None:
    assert response.data


def leave(response: Any) -> None:
    next(response.iter_encoded())


def leave_unread(_: Any) -> None:
    """Close it before a byte was asked for."""


@pytest.mark.parametrize(
    ("script", "fields", "use", "status"),
    [
        pytest.param(json_answer(completion()), {}, read, 200, id="a whole answer"),
        pytest.param(text_stream("a", "b"), {"stream": True}, read, 200, id="a whole stream"),
        pytest.param(text_stream("a", "b"), {"stream": True}, leave, 200, id="client gone"),
        pytest.param(text_stream("a"), {"stream": True}, leave_unread, 200, id="gone at once"),
        pytest.param(
            sse(chunk(content="a"), Reset()), {"stream": True}, read, 200, id="a broken stream"
        ),
        pytest.param(
            json_answer(completion()), {"stream": True}, read, 200, id="a stream that was none"
        ),
        pytest.param(json_answer({}, 500), {"stream": True}, read, 500, id="upstream failed"),
        pytest.param(json_answer({}, 404), {}, read, 404, id="upstream refused"),
        pytest.param((Reset(),), {}, read, 502, id="upstream broke off"),
        pytest.param((), {"max_tokens": "x"}, read, 400, id="a bad request"),
    ],
)
def test_the_slot_is_given_back_once(
    client: FlaskClient,
    upstream: UpstreamStub,
    script: Script,
    fields: dict[str, Any],
    use: Callable[[Any], None],
    status: int,
) -> None:
    upstream.answer(script)
    response = client.post("/v1/messages", json=message_request(**fields))
    assert response.status_code == status
    assert admission(client).running == 1
    use(response)
    response.close()
    response.close()
    assert admission(client).running == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/v1/messages"),
        ("HEAD", "/v1/models"),
        ("HEAD", "/v1/nowhere"),
        ("HEAD", "/"),
        ("OPTIONS", "/v1/messages"),
    ],
)
def test_requests_without_a_message_give_it_back_too(
    client: FlaskClient, upstream: UpstreamStub, method: str, path: str
) -> None:
    upstream.answer(json_answer({"data": []}))
    client.open(path, method=method).close()
    assert admission(client).running == 0


def test_without_the_key_there_is_no_slot(connect: Connect) -> None:
    client = connect(auth_keys=("front-key",))
    client.post("/v1/messages", json=message_request())
    assert admission(client).running == 0


def failing(fault: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise fault

    return fail


def test_bugs_give_it_back(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("proxy.api.messages.json_body", failing(RuntimeError()))
        with client.post("/v1/messages", json=message_request()) as answered:
            assert answered.status_code == 500
    assert admission(client).running == 0
    upstream.answer(text_stream("a"))
    with monkeypatch.context() as patch:
        # The stream is open upstream, and its answer fails on the way out.
        patch.setattr("proxy.api.lifecycle.add_limit_headers", failing(RuntimeError()))
        open_stream(client).close()
    assert admission(client).running == 0


def test_a_greenlet_that_is_killed_gives_it_back(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.api.messages.json_body", failing(gevent.GreenletExit()))
    with pytest.raises(gevent.GreenletExit):
        client.post("/v1/messages", json=message_request())
    assert admission(client).running == 0


def test_the_bound_is_what_fits(connect: Connect) -> None:
    assert admission(connect(worker_connections=10)).most == 8
