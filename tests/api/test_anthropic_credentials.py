"""A client's credential at Anthropic never goes to a Chat upstream (docs/features.md "Modes")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.api.refused_key import WITHHELD
from proxy.app import create_app
from tests.api.conftest import Connect, message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer

TOKEN = "sk-ant-oat01-client"
AS_KEY = {"x-api-key": TOKEN}
AS_BEARER = {"authorization": f"Bearer {TOKEN}"}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "b",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def refused(status: int) -> Any:
    return json_answer({"error": {"message": "no credential"}}, status)


def sent_headers(stub: UpstreamStub) -> list[str]:
    return [value for each in stub.requests for value in each.headers.values()]


@pytest.mark.parametrize("headers", [AS_KEY, AS_BEARER, AS_KEY | AS_BEARER])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages"),
        ("GET", "/v1/models"),
        ("GET", "/test-connection"),
    ],
)
def test_it_stays_here(
    connect: Connect, upstream: UpstreamStub, headers: dict[str, str], method: str, path: str
) -> None:
    upstream.answer(json_answer(completion() | {"data": [{"id": "m"}]}))
    body = message_request() if method == "POST" else None
    client = connect(openai_api_key=None)
    response = client.open(path, method=method, json=body, headers=headers)
    assert response.status_code == 200
    assert len(upstream.requests) == 1
    assert not any(TOKEN in value for value in sent_headers(upstream))


def test_the_other_headers_credential_goes_instead(
    connect: Connect, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer(completion()))
    headers = AS_KEY | {"authorization": "Bearer sk-own"}
    client = connect(openai_api_key=None)
    assert client.post("/v1/messages", json=message_request(), headers=headers).status_code == 200
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-own"


@pytest.mark.parametrize("stream", [False, True])
def test_a_401_names_the_rule(connect: Connect, upstream: UpstreamStub, stream: bool) -> None:
    upstream.answer(refused(401))
    client = connect(openai_api_key=None)
    response = client.post("/v1/messages", json=message_request(stream=stream), headers=AS_KEY)
    assert response.status_code == 401
    assert response.json is not None
    assert response.json["error"]["message"].endswith(WITHHELD)
    assert "no credential" in response.json["error"]["message"]


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        pytest.param({}, AS_KEY, 401, id="the server's key was refused"),
        pytest.param({"openai_api_key": None}, {"x-api-key": "own"}, 401, id="the client's key"),
        pytest.param({"openai_api_key": None}, AS_KEY, 403, id="not permitted"),
        pytest.param({"openai_api_key": None}, AS_KEY, 400, id="another refusal"),
        pytest.param({"openai_api_key": None}, AS_KEY, 500, id="a failure"),
    ],
)
def test_other_refusals_do_not(
    connect: Connect,
    upstream: UpstreamStub,
    settings: dict[str, Any],
    headers: dict[str, str],
    status: int,
) -> None:
    upstream.answer(refused(status))
    client = connect(**settings, max_retries=0)
    response = client.post("/v1/messages", json=message_request(), headers=headers)
    assert WITHHELD not in response.text


@pytest.fixture
def second() -> Iterator[UpstreamStub]:
    stub = UpstreamStub()
    yield stub
    stub.close()


def app_with(first: Provider, other: Provider) -> Flask:
    models = (Model("a", "model-a", first, fallbacks=("b",)), Model("b", "model-b", other))
    registry = Registry((first, other), first, models, from_file=True)
    return create_app(Settings(max_retries=0), registry)


@pytest.mark.parametrize("headers", [AS_KEY, AS_BEARER])
@pytest.mark.parametrize("first_keys", [(), ("key-a",)])
@pytest.mark.parametrize("native", [True, False])
def test_decided_for_each_attempt(
    upstream: UpstreamStub,
    second: UpstreamStub,
    headers: dict[str, str],
    first_keys: tuple[str, ...],
    native: bool,
) -> None:
    upstream.answer(refused(500))
    second.answer(json_answer(MESSAGE if native else completion()))
    first = Provider("first", upstream.base_url, first_keys)
    app = app_with(first, Provider("second", second.base_url, native=native))
    response = app.test_client().post(
        "/v1/messages", json=message_request(model="a"), headers=headers
    )
    app.extensions[EXTENSION].close()
    assert response.status_code == 200
    assert not any(TOKEN in value for value in sent_headers(upstream))
    assert any(TOKEN in value for value in sent_headers(second)) is native


def test_from_a_native_upstream_to_a_chat_one_at_the_same_address(upstream: UpstreamStub) -> None:
    busy = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    upstream.answer(json_answer(busy, 529), json_answer(completion()))
    first = Provider("first", upstream.base_url, native=True)
    app = app_with(first, Provider("second", upstream.base_url))
    response = app.test_client().post(
        "/v1/messages", json=message_request(model="a"), headers=AS_KEY
    )
    app.extensions[EXTENSION].close()
    assert response.status_code == 200
    native, chat = upstream.requests
    assert native.headers["x-api-key"] == TOKEN
    assert not any(TOKEN in value for value in chat.headers.values())
