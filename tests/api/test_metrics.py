"""GET /metrics over the application: what each kind of request is counted as."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import KEY, Connect, message_request
from tests.api.name_service import send
from tests.upstream_stub import (
    Close,
    UpstreamStub,
    Wait,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
)

PATH = "/v1/messages"
Series = dict[tuple[str, ...], float]


def series(client: FlaskClient, name: str, *labels: str) -> Series:
    """The samples called ``name``, by the values of ``labels``."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.name == f"claude_proxy_{name}"
    }


def ask(client: FlaskClient, **fields: Any) -> bytes:
    response = client.post(PATH, json=message_request("the secret prompt", **fields))
    data: bytes = response.data
    response.close()
    return data


def test_routes_and_statuses(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()), text_stream("x"))
    ask(client)
    ask(client, stream=True)
    client.post(PATH, json={"model": "m"})
    for path in ("/.env", "/wp-login.php", "/health"):
        client.get(path)
    client.delete(PATH)
    assert series(client, "requests_total", "route", "model", "provider", "status") == {
        (PATH, "middle-model", "localhost", "200"): 2,
        (PATH, "none", "none", "400"): 1,
        ("unmatched", "none", "none", "404"): 2,
        ("unmatched", "none", "none", "405"): 1,
        ("/health", "none", "none", "200"): 1,
    }
    # The one before is among them now.
    assert series(client, "requests_total", "route")[("/metrics",)] == 1
    assert series(client, "errors_total", "type") == {
        ("invalid_request_error",): 2,
        ("not_found_error",): 2,
    }


def test_tokens_and_first_events(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion()), text_stream("x"))
    ask(client)
    ask(client, stream=True)
    tokens = series(client, "tokens_total", "kind")
    assert (tokens[("input",)], tokens[("output",)]) == (20, 10)
    assert series(client, "answers_total", "model", "usage") == {("middle-model", "counted"): 2}
    assert series(client, "time_to_first_event_seconds_count", "model") == {("middle-model",): 1}
    assert series(client, "request_duration_seconds_count", "route")[(PATH,)] == 2


def test_an_open_stream(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(text_stream("a", "b"))
    response = client.post(PATH, json=message_request(stream=True))
    assert series(client, "streams_open") == {(): 1}
    assert series(client, "requests_in_progress") == {(): 2}
    assert response.data
    response.close()
    response.close()
    assert series(client, "streams_open") == {(): 0}
    assert series(client, "requests_in_progress") == {(): 1}
    assert series(client, "requests_total", "route", "status")[(PATH, "200")] == 1


def test_a_client_that_leaves(client: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(sse(chunk(content="word " * 200), Wait(threading.Event())))
    response = client.post(PATH, json=message_request(stream=True))
    iterator = iter(response.response)
    next(iterator)
    response.close()
    assert series(client, "requests_total", "route", "status")[(PATH, "499")] == 1
    assert series(client, "errors_total", "type") == {}
    assert series(client, "streams_open") == {(): 0}
    assert series(client, "answers_total", "model", "usage") == {("middle-model", "estimated"): 1}
    tokens = series(client, "tokens_total", "kind")
    assert 100 < tokens[("output",)] < 400


def test_a_stream_that_breaks_off_is_an_upstream_error_with_estimated_tokens(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.answer(sse(chunk(content="word " * 200), Close()))
    ask(client, stream=True)
    assert series(client, "requests_total", "route", "status")[(PATH, "200")] == 1
    assert series(client, "errors_total", "type") == {("api_error",): 1}
    assert series(client, "upstream_errors_total", "provider", "kind") == {
        ("localhost", "broken"): 1
    }
    assert series(client, "answers_total", "model", "usage") == {("middle-model", "estimated"): 1}
    tokens = series(client, "tokens_total", "kind")
    assert 100 < tokens[("output",)] < 400
    assert tokens[("input",)] > 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, "server_error"),
        (503, "server_error"),
        (429, "rate_limit"),
        (401, "key"),
        (402, "quota"),
        (404, "refused"),
    ],
)
def test_kinds_of_upstream_errors(
    client: FlaskClient, upstream: UpstreamStub, status: int, kind: str
) -> None:
    upstream.answer(json_answer({"error": {"message": "no"}}, status))
    ask(client)
    assert series(client, "upstream_errors_total", "provider", "kind") == {("localhost", kind): 1}


def test_an_upstream_that_is_not_there(connect: Connect) -> None:
    client = connect(openai_base_url="http://127.0.0.1:9/v1")
    ask(client)
    assert series(client, "upstream_errors_total", "kind") == {("connection",): 1}


def test_retries(connect: Connect, upstream: UpstreamStub) -> None:
    client = connect(max_retries=1)
    upstream.answer(json_answer({"error": {"message": "no"}}, 500), json_answer(completion()))
    ask(client)
    assert series(client, "upstream_errors_total", "kind") == {("server_error",): 1}
    assert series(client, "upstream_retries_total", "provider", "kind") == {
        ("localhost", "same"): 1
    }
    assert series(client, "errors_total", "type") == {}


def test_healings(client: FlaskClient, upstream: UpstreamStub) -> None:
    refusal = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    upstream.answer(json_answer(refusal, 400), json_answer(completion()))
    ask(client, temperature=0.5)
    assert series(client, "healings_total", "provider", "model", "flag") == {
        ("localhost", "middle-model", "unsupported"): 1
    }
    assert series(client, "upstream_errors_total", "kind") == {}


def test_the_breaker(client: FlaskClient, upstream: UpstreamStub) -> None:
    assert series(client, "breaker_state", "provider") == {("localhost",): 0}
    for _ in range(5):
        upstream.answer(json_answer({"error": {"message": "no"}}, 500))
        ask(client)
    assert series(client, "breaker_state", "provider") == {("localhost",): 2}
    upstream.answer(json_answer(completion()))
    ask(client)
    assert series(client, "breaker_state", "provider") == {("localhost",): 0}


def test_a_dynamic_route_is_one_route(connect: Connect, upstream: UpstreamStub) -> None:
    host = f"localhost:{upstream.port}"
    client = connect(allowed_hosts=(host,), openai_base_url="http://127.0.0.1:9/v1")
    upstream.answer(json_answer(completion()))
    raw = f"/http/{host}/v1/messages"
    assert send(client, raw, json=message_request(), headers=KEY).status_code == 200
    found = series(client, "requests_total", "route", "provider", "status")
    assert list(found) == [("/dynamic/v1/messages", host, "200")]


def test_no_key_and_no_prompt_is_shown(connect: Connect, upstream: UpstreamStub) -> None:
    client = connect(auth_keys=("front-key",), max_retries=1)
    upstream.answer(json_answer({"error": {"message": "sk-server: the secret prompt"}}, 500))
    client.post(PATH, json=message_request("the secret prompt"), headers={"x-api-key": "front-key"})
    text = client.get("/metrics", headers={"authorization": "Bearer front-key"}).text
    assert "claude_proxy_upstream_errors_total{" in text
    for secret in ("secret", "front-key", "sk-server"):
        assert secret not in text


def test_a_request_that_is_broken_off_is_not_under_way_any_more(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off() -> None:
        raise GeneratorExit

    monkeypatch.setitem(client.application.view_functions, "health.health", broken_off)
    with pytest.raises(GeneratorExit):
        client.get("/health")
    assert series(client, "requests_in_progress") == {(): 1}


@pytest.mark.parametrize("path", ["/v1/models", "/test-connection"])
def test_failures_of_other_calls_are_upstream_errors_too(
    client: FlaskClient, upstream: UpstreamStub, path: str
) -> None:
    upstream.default = json_answer({"error": {"message": "no"}}, 500)
    client.get(path)
    assert series(client, "upstream_errors_total", "provider", "kind") == {
        ("localhost", "server_error"): 1
    }


def test_a_list_of_models_counts_for_whoever_lists_them(
    connect: Connect, upstream: UpstreamStub
) -> None:
    client = connect(allowed_hosts=("localhost",), openai_api_key=None)
    listed, refused = json_answer({"data": [{"id": "m"}]}), json_answer({}, 500)
    upstream.answer(listed, refused, listed)
    for _ in range(2):
        send(client, f"/http/localhost:{upstream.port}/v1/models", "GET", headers=KEY)
    # The second one is remembered: nobody is asked.
    for _ in range(2):
        assert client.get("/v1/models", headers=KEY).status_code == 200
    asked = series(client, "requests_total", "route", "provider", "status")
    host = f"localhost:{upstream.port}"
    assert asked == {
        ("/dynamic/v1/models", host, "200"): 1,
        ("/dynamic/v1/models", host, "500"): 1,
        ("/v1/models", "localhost", "200"): 1,
        ("/v1/models", "none", "200"): 1,
    }
    assert series(client, "upstream_errors_total", "provider", "kind") == {
        (host, "server_error"): 1
    }
