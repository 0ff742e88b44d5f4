"""What is counted of a request, and under which labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import monotonic

import pytest

from config.registry.values import Price
from proxy.telemetry.cardinality import LONGEST, NONE, OTHER, LabelNames, LabelPairs
from proxy.telemetry.log_writer import DROPPED
from proxy.telemetry.metrics import MOST_MODELS, MOST_PAIRS, Metrics, cost_of
from proxy.telemetry.request_record import RequestRecord
from proxy.telemetry.stats import exposition

USAGE = {
    "input_tokens": 1_000_000,
    "cache_read_input_tokens": 2_000_000,
    "cache_creation_input_tokens": 3_000_000,
    "output_tokens": 4_000_000,
    "output_tokens_details": {"thinking_tokens": 5},
}
RECORD = RequestRecord(
    request_id="req_1",
    correlation_id="req_1",
    method="POST",
    path="/v1/messages",
    route="/v1/messages",
    status=200,
    client_model="claude-x",
    upstream_model="up",
    provider="host",
    usage=USAGE,
)
WHOM = {"model": "up", "provider": "host"}


def value(metrics: Metrics, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    return metrics.registry.get_sample_value(f"claude_proxy_{name}", dict(labels or {}))


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


def test_a_request() -> None:
    metrics = Metrics()
    metrics.note(replace(RECORD, price=Price(input=2.0), first_event=0.3), 3.0)
    request = {"route": "/v1/messages", **WHOM}
    assert value(metrics, "requests_total", {**request, "status": "200"}) == 1
    assert value(metrics, "request_duration_seconds_sum", request) == 3.0
    assert value(metrics, "request_duration_seconds_bucket", {**request, "le": "2.0"}) == 0
    assert value(metrics, "request_duration_seconds_bucket", {**request, "le": "4.0"}) == 1
    assert value(metrics, "time_to_first_event_seconds_bucket", {**WHOM, "le": "0.25"}) == 0
    assert value(metrics, "time_to_first_event_seconds_bucket", {**WHOM, "le": "0.5"}) == 1
    kinds = ("input", "output", "cache_read", "cache_write", "reasoning")
    tokens = {kind: value(metrics, "tokens_total", {**WHOM, "kind": kind}) for kind in kinds}
    assert tokens == {
        "input": 1_000_000,
        "output": 4_000_000,
        "cache_read": 2_000_000,
        "cache_write": 3_000_000,
        "reasoning": 5,
    }
    assert value(metrics, "answers_total", {**WHOM, "usage": "counted"}) == 1
    assert value(metrics, "cost_total", WHOM) == 2.0


def test_a_request_without_tokens_makes_no_series_of_them() -> None:
    metrics = Metrics()
    metrics.note(replace(RECORD, usage=None, upstream_model="", provider=""), 0.1)
    labels = {"route": "/v1/messages", "model": NONE, "provider": NONE, "status": "200"}
    assert value(metrics, "requests_total", labels) == 1
    names = {sample.name for metric in metrics.registry.collect() for sample in metric.samples}
    assert not names & {"claude_proxy_tokens_total", "claude_proxy_answers_total"}
    assert "claude_proxy_time_to_first_event_seconds_sum" not in names


def test_estimates_are_told_apart() -> None:
    metrics = Metrics()
    metrics.note(replace(RECORD, estimated=True), 1.0)
    assert value(metrics, "answers_total", {**WHOM, "usage": "estimated"}) == 1
    assert value(metrics, "answers_total", {**WHOM, "usage": "counted"}) is None
    assert value(metrics, "tokens_total", {**WHOM, "kind": "output"}) == 4_000_000


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ("overloaded_error: later", 529, "overloaded_error"),
        ("made_up_error: reported by the upstream in its stream", 200, OTHER),
        ("api_error: the client closed the connection", 499, None),
    ],
)
def test_errors(error: str, status: int, kind: str | None) -> None:
    metrics = Metrics()
    metrics.note(replace(RECORD, error=error, status=status, usage=None), 1.0)
    found = {
        sample.labels["type"]
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "claude_proxy_errors_total"
    }
    assert found == ({kind} if kind else set())


def test_what_happened_upstream() -> None:
    metrics = Metrics()
    record = replace(RECORD, upstream_events=[])
    record.record_event("error", "timeout")
    record.record_event("retry", "failover")
    record.record_event("healing", "max_output")
    metrics.note(record, 1.0)
    host = {"provider": "host"}
    assert value(metrics, "upstream_errors_total", {**host, "kind": "timeout"}) == 1
    assert value(metrics, "upstream_retries_total", {**host, "kind": "failover"}) == 1
    assert value(metrics, "healings_total", {**WHOM, "flag": "max_output"}) == 1


def test_dropped_log_lines() -> None:
    metrics = Metrics()
    for output in ("file", "file", "stderr"):
        DROPPED.add(output)
    metrics.note(RECORD, 1.0)
    metrics.note(RECORD, 1.0)
    assert value(metrics, "log_lines_dropped_total", {"output": "file"}) == 2
    assert value(metrics, "log_lines_dropped_total", {"output": "stderr"}) == 1


def test_gauges_go_up_and_down() -> None:
    metrics = Metrics()
    metrics.request_began()
    metrics.request_began()
    metrics.stream_opened()
    assert (value(metrics, "requests_in_progress"), value(metrics, "streams_open")) == (2, 1)
    metrics.stream_closed()
    metrics.request_ended()
    assert (value(metrics, "requests_in_progress"), value(metrics, "streams_open")) == (1, 0)
    assert value(metrics, "workers") == 1


def test_a_breaker() -> None:
    metrics = Metrics(providers=["host"])
    metrics.breaker_changed("host", monotonic() + 30)
    until = value(metrics, "breaker_rests_until_timestamp_seconds", {"provider": "host"})
    assert until is not None
    assert until > 1_700_000_000
    metrics.breaker_changed("host", None)
    assert value(metrics, "breaker_rests_until_timestamp_seconds", {"provider": "host"}) == 0


def test_names_that_clients_make_up_are_bounded() -> None:
    metrics = Metrics(models=["own"])
    for number in range(MOST_MODELS + 50):
        metrics.note(replace(RECORD, upstream_model=f"m{number}"), 1.0)
    metrics.note(replace(RECORD, upstream_model="own"), 1.0)

    def answers(model: str) -> float | None:
        return value(
            metrics, "answers_total", {"model": model, "provider": "host", "usage": "counted"}
        )

    assert answers("m0") == answers(f"m{MOST_MODELS - 1}") == 1
    assert answers(f"m{MOST_MODELS}") is None
    assert answers(OTHER) == 50
    assert answers("own") == 1


def test_label_names() -> None:
    names = LabelNames(["configured"], most=1)
    assert [names.label(name) for name in ("", "a", "b", "a", "configured", "\ud800")] == [
        NONE,
        "a",
        OTHER,
        "a",
        "configured",
        OTHER,
    ]
    assert LabelNames([], most=1).label("x\ud800") == "x?"
    assert LabelNames([], most=1).label("x" * (LONGEST + 1)) == OTHER
    assert LabelNames(["x" * (LONGEST + 1)], most=1).label("x" * (LONGEST + 1)) != OTHER


def test_pairs_of_names() -> None:
    pairs = LabelPairs(LabelNames(["m"], most=9), LabelNames(["p"], most=9), most=2)
    asked = [("m", "p"), ("a", "p"), ("a", "q"), ("b", "q"), ("b", "p"), ("m", "q"), ("a", "q")]
    assert [pairs.labels(*pair) for pair in asked] == [
        ("m", "p"),
        ("a", "p"),
        ("a", "q"),
        (OTHER, OTHER),
        (OTHER, "p"),
        ("m", OTHER),
        ("a", "q"),
    ]


def test_models_at_hosts_that_clients_make_up_are_bounded_together() -> None:
    """A route by path names both: each of them alone has room for thousands of pairs."""
    metrics = Metrics(models=["own"], providers=["mine"])
    for host in range(40):
        for model in range(40):
            record = replace(RECORD, upstream_model=f"m{model}", provider=f"h{host}")
            metrics.note(record, 1.0)
    metrics.note(replace(RECORD, upstream_model="own", provider="mine"), 1.0)
    found = {
        (sample.labels["model"], sample.labels["provider"])
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if "model" in sample.labels
    }
    assert len(found) == MOST_PAIRS + 2
    assert {("own", "mine"), (OTHER, OTHER), ("m0", "h0")} <= found
    assert exposition(metrics).count(b"\n") < 100 * MOST_PAIRS
