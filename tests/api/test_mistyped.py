"""Paths of clients whose base URL is wrong by a prefix (docs/protocol.md 10.13)."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Connect, message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer

PREFIXES = ["/v1", "", "/v1/v1", "/anthropic", "/anthropic/v1", "/anthropic/v1/v1"]
LIST = json_answer({"data": [{"id": "gpt-4o"}, {"id": "a/b"}]})


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("end", ["", "/", "?beta=true"])
def test_a_message(client: FlaskClient, upstream: UpstreamStub, prefix: str, end: str) -> None:
    upstream.answer(json_answer(completion()))
    response = client.post(f"{prefix}/messages{end}", json=message_request())
    assert response.status_code == 200
    assert upstream.requests[0].target == "/v1/chat/completions"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_count(client: FlaskClient, prefix: str) -> None:
    response = client.post(f"{prefix}/messages/count_tokens", json=message_request())
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["input_tokens"] > 0


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_models(client: FlaskClient, upstream: UpstreamStub, prefix: str) -> None:
    upstream.answer(LIST)
    listed = client.get(f"{prefix}/models").json
    one = client.get(f"{prefix}/models/a/b").json
    assert listed is not None
    assert one is not None
    assert ([entry["id"] for entry in listed["data"]], one["id"]) == (["gpt-4o", "a/b"], "a/b")
    assert client.get(f"{prefix}/models/none").status_code == 404


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/messages"),
        ("POST", "/messages/count_tokens"),
        ("GET", "/models"),
        ("GET", "/models/x"),
    ],
)
def test_the_same_access_rules(
    connect: Connect, upstream: UpstreamStub, prefix: str, method: str, path: str
) -> None:
    client = connect(auth_keys=("front-key",))
    wrong = client.open(f"{prefix}{path}", method=method, headers={"x-api-key": "no"})
    page = client.open(f"{prefix}{path}", method=method, headers={"origin": "https://page.test"})
    other = client.open(f"{prefix}{path}", method="DELETE", headers={"x-api-key": "front-key"})
    assert (wrong.status_code, page.status_code, other.status_code) == (401, 403, 405)
    assert upstream.requests == []


@pytest.mark.parametrize("prefix", PREFIXES)
def test_metrics_name_the_route(client: FlaskClient, upstream: UpstreamStub, prefix: str) -> None:
    upstream.answer(json_answer(completion()))
    client.post(f"{prefix}/messages", json=message_request())
    metrics = client.get("/metrics").text
    assert 'endpoint="/v1/messages"' in metrics or 'route="/v1/messages"' in metrics
    assert prefix == "/v1" or f'"{prefix}/messages"' not in metrics


def test_no_alias_is_listed(client: FlaskClient) -> None:
    service, document = client.get("/").json, client.get("/openapi.json").json
    assert service is not None
    assert document is not None
    assert service["endpoints"]["messages"] == "POST /v1/messages"
    known = {f"{prefix}/messages" for prefix in PREFIXES}
    assert known & document["paths"].keys() == {"/v1/messages"}
