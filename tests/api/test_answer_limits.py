"""Answers of an upstream that are too much: what the client gets."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from config.registry.values import Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.convert.models import LONGEST_ID, MOST_MODELS
from proxy.convert.reply.limits import MOST_CALLS
from proxy.upstream.decode import MOST_MARKS
from tests.api.conftest import message_request
from tests.upstream_stub import UpstreamStub, answer, completion, json_answer

PATH = "/v1/messages"
VALUES = (
    b'{"choices":[{"message":{"content":"x"}}],"type":"message","m":['
    + b"[]," * MOST_MARKS
    + b"0]}"
)
TOO_MANY = f"the upstream's answer is too large: more than {MOST_MARKS} values"


def error_of(response: Any) -> dict[str, Any]:
    error: dict[str, Any] = response.json["error"]
    return error


def test_edge_42a_a_whole_answer_with_too_many_values(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(answer(VALUES))
    response = client.post(PATH, json=message_request())
    assert response.status_code == 502
    assert error_of(response) == {"type": "api_error", "message": TOO_MANY}


@pytest.mark.parametrize("stream", [False, True])
def test_edge_42a_a_whole_answer_with_too_many_calls(
    client: FlaskClient, upstream: UpstreamStub, *, stream: bool
) -> None:
    entry = {"function": {"name": "f", "arguments": "{}"}}
    upstream.answer(json_answer(completion(tool_calls=[entry] * (MOST_CALLS + 1))))
    response = client.post(PATH, json=message_request(stream=stream))
    assert response.status_code == 502
    told = f"the upstream's answer has more than {MOST_CALLS} tool calls"
    assert error_of(response) == {"type": "api_error", "message": told}


def test_edge_42a_an_error_that_is_too_much_to_parse_is_quoted_as_text(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(answer(b'{"error":{"message":"wrong"},"m":[' + VALUES, status=422))
    response = client.post(PATH, json=message_request())
    assert response.status_code == 400
    assert error_of(response)["message"].startswith('{"error":{"message":"wrong"},"m":[{"choices"')


def test_edge_42a_a_native_answer_with_too_many_values(upstream: UpstreamStub) -> None:
    native = Provider(name="n", base_url=upstream.origin, api_keys=("sk-server",), native=True)
    registry = Registry(providers=(native,), default=native, default_is_registered=True)
    app = create_app(Settings(), registry)
    upstream.answer(answer(VALUES))
    response = app.test_client().post(PATH, json=message_request())
    assert (response.status_code, error_of(response)["message"]) == (502, TOO_MANY)
    app.extensions[EXTENSION].close()


def test_edge_42a_models_that_no_request_can_name_are_not_listed(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer({"data": ["m", "x" * (LONGEST_ID + 1), "y" * LONGEST_ID]}))
    listed = client.get("/v1/models").json
    assert listed is not None
    assert [entry["id"] for entry in listed["data"]] == ["m", "y" * LONGEST_ID]


def test_edge_42a_a_list_of_too_many_models(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer({"data": [f"m{n}" for n in range(MOST_MODELS + 1)]}))
    response = client.get("/v1/models")
    assert response.status_code == 502
    assert error_of(response)["message"] == f"the upstream lists more than {MOST_MODELS} models"
