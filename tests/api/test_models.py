"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Connect
from tests.upstream_stub import UpstreamStub, json_answer

LIST = {
    "object": "list",
    "data": [
        {"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"},
        {"id": "qwen/qwen3", "object": "model", "created": 0, "owned_by": "qwen"},
        {"id": "claude-x", "object": "model"},
    ],
}


def ids(client: FlaskClient, query: str = "", **headers: str) -> list[str]:
    body = client.get(f"/v1/models{query}", headers=headers).json
    assert body is not None
    return [entry["id"] for entry in body["data"]]


def test_7_the_upstreams_list(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(LIST))
    response = client.get("/v1/models")
    body = response.json
    assert body is not None
    assert (body["object"], body["has_more"], body["first_id"], body["last_id"]) == (
        "list",
        False,
        "gpt-4o",
        "claude-x",
    )
    assert (
        body["data"][0].items()
        >= {
            "type": "model",
            "object": "model",
            "id": "gpt-4o",
            "created": 1715367049,
            "created_at": "2024-05-10T18:50:49Z",
            "lifecycle": "active",
            "owned_by": "system",
        }.items()
    )
    assert upstream.requests[0].target == "/v1/models"


def test_7_the_list_is_remembered(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(LIST))
    assert ids(client) == ids(client) == ["gpt-4o", "qwen/qwen3", "claude-x"]
    assert len(upstream.requests) == 1


def test_7_lists_of_different_keys_are_kept_apart(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(LIST), json_answer({"data": [{"id": "other"}]}))
    client = connect(openai_api_key=None)
    assert len(ids(client, **{"x-api-key": "one"})) == 3
    assert ids(client, **{"x-api-key": "two"}) == ["other"]


def test_7_claude_code_sees_names_that_it_lists(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(json_answer(LIST))
    assert ids(client, "?limit=1000", **{"user-agent": "claude-code/2.1.197"}) == [
        "anthropic/gpt-4o",
        "anthropic/qwen/qwen3",
        "claude-x",
    ]


def test_7_pages(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(LIST))
    body = client.get("/v1/models?limit=1").json
    assert body is not None
    assert (body["has_more"], body["last_id"]) == (True, "gpt-4o")
    assert ids(client, "?limit=1&after_id=gpt-4o") == ["qwen/qwen3"]
    assert ids(client, "?before_id=claude-x") == ["gpt-4o", "qwen/qwen3"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?limit=0", "limit: Input should be greater than or equal to 1"),
        ("?limit=1001", "limit: Input should be less than or equal to 1000"),
    ],
)
def test_7_limits(client: FlaskClient, upstream: UpstreamStub, query: str, message: str) -> None:
    upstream.answer(json_answer(LIST))
    response = client.get(f"/v1/models{query}")
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["message"] == message


@pytest.mark.parametrize("path", ["qwen/qwen3", "qwen%2Fqwen3", "anthropic/qwen/qwen3"])
def test_7_one_model(client: FlaskClient, upstream: UpstreamStub, path: str) -> None:
    upstream.answer(json_answer(LIST))
    body = client.get(f"/v1/models/{path}").json
    assert body is not None
    assert body["id"] == "qwen/qwen3"


def test_7_an_unknown_model(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(LIST))
    response = client.get("/v1/models/none")
    assert response.status_code == 404
    assert response.json is not None
    assert response.json["error"] == {"type": "not_found_error", "message": "model: none"}


def test_7_a_failing_upstream(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer({"error": {"message": "bad key"}}, 401))
    assert client.get("/v1/models").status_code == 401
    upstream.answer(json_answer(LIST))
    assert client.get("/v1/models/").status_code == 200
