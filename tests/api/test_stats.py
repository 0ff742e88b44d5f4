"""What a worker counts, and who may see it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from config.registry import Price
from proxy.logs import AccessRecord
from proxy.stats import MOST_MODELS, Stats, cost_of
from tests.api.conftest import KEY, Connect, message_request
from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream

USAGE = {
    "input_tokens": 1_000_000,
    "cache_read_input_tokens": 2_000_000,
    "cache_creation_input_tokens": 3_000_000,
    "output_tokens": 4_000_000,
    "output_tokens_details": {"thinking_tokens": 5},
}
RECORD = AccessRecord(
    request_id="req_1",
    correlation_id="req_1",
    method="POST",
    path="/v1/messages",
    status=200,
    client_model="claude-x",
    upstream_model="up",
    usage=USAGE,
)


@pytest.mark.parametrize(
    ("price", "cost"),
    [
        pytest.param(Price(), 0.0, id="no price"),
        pytest.param(Price(input=1.0, output=10.0), 41.0, id="input and output"),
        pytest.param(Price(1.0, 10.0, 0.1, 1.25), 44.95, id="cached tokens have their own"),
    ],
)
def test_cost(price: Price, cost: float) -> None:
    assert cost_of(USAGE, price) == pytest.approx(cost)


def test_counters() -> None:
    stats = Stats()
    stats.note(replace(RECORD, price=Price(input=2.0)))
    stats.note(replace(RECORD, status=529, usage=None, error="overloaded_error: later"))
    stats.note(replace(RECORD, client_model="", usage=None, status=404, error="x: y"))
    counted = stats.snapshot()
    assert counted.pop("since")
    up = {
        "requests": 1,
        "estimated": 0,
        "input_tokens": 1_000_000,
        "output_tokens": 4_000_000,
        "cache_read_tokens": 2_000_000,
        "cache_write_tokens": 3_000_000,
        "reasoning_tokens": 5,
        "cost": 2.0,
    }
    assert counted == {
        "requests": 3,
        "statuses": {"200": 1, "404": 1, "529": 1},
        "errors": {"overloaded_error": 1, "x": 1},
        "total": up,
        "models": {"up": up},
    }


def test_names_that_clients_make_up_do_not_fill_the_memory() -> None:
    stats = Stats()
    for number in range(MOST_MODELS + 50):
        stats.note(replace(RECORD, upstream_model=f"m{number}"))
    models = stats.snapshot()["models"]
    assert len(models) == MOST_MODELS + 1
    assert models["other"]["requests"] == 50


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
        {
            "base_url": upstream.url,
            "model": "middle-model",
            "flags": {"unsupported": ["temperature"]},
            "healings": 1,
        }
    ]
    assert body["providers"] == {"localhost": {"breaker": "closed"}}


@pytest.mark.parametrize(
    ("settings", "environ", "headers", "status"),
    [
        pytest.param({}, {}, {}, 200, id="loopback, no key in force"),
        pytest.param({}, {"REMOTE_ADDR": "10.1.2.3"}, {}, 403, id="from elsewhere"),
        pytest.param({}, {}, {"x-forwarded-for": "1.2.3.4"}, 403, id="from elsewhere by nginx"),
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
    settings: dict[str, object],
    environ: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    response = connect(**settings).get("/v1/stats", environ_overrides=environ, headers=headers)
    assert response.status_code == status
