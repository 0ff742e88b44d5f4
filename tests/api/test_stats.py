"""GET /v1/stats over the application, and who may see it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from proxy.telemetry.cluster_usage import HASH
from tests.api.conftest import KEY, Connect, message_request
from tests.redis_server import redis_server
from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream


def test_requests_are_counted_and_healings_shown(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    refusal = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    upstream.answer(json_answer(refusal, 400), json_answer(completion()), text_stream("x"))
    client.post("/v1/messages", json=message_request(temperature=0.5))
    streamed = client.post("/v1/messages", json=message_request(stream=True))
    assert streamed.data
    streamed.close()
    body = client.get("/v1/stats").json
    assert body is not None
    assert (
        body["models"]["middle-model"].items()
        >= {
            "requests": 2,
            "input_tokens": 20,
            "output_tokens": 10,
        }.items()
    )
    assert body["statuses"] == {"200": 2}
    assert body["healings"] == [
        {"provider": "localhost", "model": "middle-model", "flag": "unsupported", "healings": 1}
    ]
    assert body["scope"] == "this process"
    assert body["requests_in_progress"] == 1
    assert body["providers"] == {"localhost": {"breaker": "closed"}}


@pytest.mark.parametrize("path", ["/v1/stats", "/metrics"])
@pytest.mark.parametrize(
    ("settings", "environ", "headers", "status"),
    [
        pytest.param({}, {}, {}, 200, id="loopback, no key in force"),
        pytest.param({}, {"REMOTE_ADDR": "::ffff:127.0.0.1"}, {}, 200, id="a dual listener"),
        pytest.param({}, {"REMOTE_ADDR": "::ffff:10.1.2.3"}, {}, 403, id="elsewhere, dual"),
        pytest.param({}, {"REMOTE_ADDR": "10.1.2.3"}, {}, 403, id="from elsewhere"),
        pytest.param({}, {}, {"x-forwarded-for": "1.2.3.4"}, 403, id="from elsewhere by nginx"),
        pytest.param({}, {}, {"forwarded": "for=1.2.3.4"}, 403, id="by another server"),
        pytest.param({}, {}, {"x-real-ip": "1.2.3.4"}, 403, id="by one that names the address"),
        pytest.param({}, {}, {"via": "1.1 cache"}, 403, id="by one that names itself"),
        pytest.param(
            {"public_metrics": True}, {"REMOTE_ADDR": "10.1.2.3"}, {}, 200, id="opened to all"
        ),
        pytest.param({"auth_keys": ("front-key",)}, {}, {}, 401, id="a key in force, none shown"),
        pytest.param(
            {"auth_keys": (KEY["x-api-key"],)},
            {"REMOTE_ADDR": "10.1.2.3"},
            KEY,
            200,
            id="a key in force and shown",
        ),
    ],
)
def test_who_may_see_them(
    connect: Connect,
    path: str,
    settings: dict[str, object],
    environ: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    response = connect(**settings).get(path, environ_overrides=environ, headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize("field", ["no JSON", '["statuses"]', '["statuses","200"]'])
def test_a_foreign_field_in_redis_is_left_out(
    connect: Connect, upstream: UpstreamStub, field: str
) -> None:
    upstream.default = json_answer(completion())
    with redis_server() as redis:
        client = connect(redis_url=redis.url)
        redis.client.hset(HASH, mapping={field: "no number", "since": "no time"})
        client.post("/v1/messages", json=message_request(), headers=KEY)
        shown = client.get("/v1/stats")
    assert (shown.status_code, shown.get_json()["scope"]) == (200, "all machines")
    assert shown.get_json()["statuses"] == {"200": 1}


def test_requests_are_counted_by_the_place_of_the_clients_key(
    connect: Connect, upstream: UpstreamStub
) -> None:
    client = connect(auth_keys=("alice-key", "bob-key"))
    upstream.answer(json_answer(completion()), json_answer(completion()))
    for key in ("bob-key", "bob-key", "wrong"):
        client.post("/v1/messages", json=message_request(), headers={"x-api-key": key})
    text = client.get("/v1/stats", headers={"x-api-key": "alice-key"}).text
    body = client.get("/v1/stats", headers={"x-api-key": "alice-key"}).json
    assert body is not None
    assert body["clients"] == {"key 1": 1, "key 2": 2}
    assert "alice" not in text
    assert "bob" not in text
