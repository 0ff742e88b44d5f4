"""GET /test-connection."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import KEY, Connect
from tests.upstream_stub import UpstreamStub, completion, json_answer


def test_one_small_call(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()))
    response = client.get("/test-connection")
    assert response.status_code == 200
    body = response.json
    assert body is not None
    assert (body["status"], body["model_used"]) == ("success", "small-model")
    assert body["latency_ms"] >= 0
    assert body["timestamp"]
    assert upstream.requests[0].json["max_tokens"] == 5


def test_a_failure_says_what_to_check(
    client: FlaskClient, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answer(json_answer({"error": {"message": "Incorrect key sk-abcdefghijklmnop"}}, 401))
    with caplog.at_level("INFO", "proxy.access"):
        response = client.get("/test-connection?model=claude-opus-4-8")
    assert "error=authentication_error: the upstream answered 401" in caplog.text
    assert response.status_code == 503
    body = response.json
    assert body is not None
    assert (body["status"], body["error_type"]) == ("failed", "authentication_error")
    assert "OPENAI_API_KEY" in body["suggestion"]
    assert "abcdefghijklmnop" not in str(body)
    assert upstream.requests[0].json["model"] == "big-model"


def test_all_models(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(
        json_answer(completion()),
        json_answer({"error": {"message": "no such model"}}, 404),
        json_answer({"data": []}),
        json_answer(completion()),
    )
    response = client.get("/test-connection?all=1")
    assert response.status_code == 503
    body = response.json
    assert body is not None
    assert [(row["model"], row["status"]) for row in body["models"]] == [
        ("big-model", "success"),
        ("middle-model", "failed"),
        ("small-model", "success"),
    ]


def test_the_tokens_of_all_probes_count(
    connect: Connect, upstream: UpstreamStub, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answer(
        json_answer(completion()),
        json_answer(completion()),
        json_answer({"error": {"message": "no such model"}}, 404),
    )
    # Each answer costs ten tokens in and five out.
    proxy = connect(rate_limit_tpm=100)
    with caplog.at_level("INFO", "proxy.access"):
        response = proxy.get("/test-connection?all=1")
    assert response.status_code == 503
    stats = proxy.get("/v1/stats").get_json()
    assert stats["statuses"] == {"503": 1}
    used = {name: (row["requests"], row["input_tokens"]) for name, row in stats["models"].items()}
    assert used == {"big-model": (1, 10), "middle-model": (1, 10)}
    [line] = [record for record in caplog.records if record.name == "proxy.access"]
    facts = vars(line)["access"]
    assert (facts["input_tokens"], facts["output_tokens"]) == (20, 10)
    told = [line.partition(" | Input")[0] for line in vars(line)["more"]]
    assert told == [
        "Token Usage | Model: big-model → big-model",
        "Token Usage | Model: middle-model → middle-model",
    ]
    upstream.answer(json_answer(completion()))
    after = proxy.get("/test-connection")
    assert after.headers["anthropic-ratelimit-tokens-remaining"] == "70"


def test_passthrough_uses_the_callers_key(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()))
    proxy = connect(openai_api_key=None)
    assert proxy.get("/test-connection", headers=KEY).status_code == 200
    assert upstream.requests[0].headers["authorization"] == "Bearer client-key"
    without = proxy.get("/test-connection")
    assert without.status_code == 503
    assert without.json is not None
    assert without.json["error_type"] == "authentication_error"
