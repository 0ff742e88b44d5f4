"""The counters read back: as JSON and as Prometheus text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from prometheus_client.parser import text_string_to_metric_families

from config.registry.values import Price
from proxy import __version__
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.stats import exposition, machine_stats, own_counts, totals
from tests.telemetry.test_metrics import RECORD


def counted() -> Metrics:
    metrics = Metrics(providers=["host", "spare"])
    metrics.note(replace(RECORD, price=Price(input=2.0)), 1.0)
    metrics.note(replace(RECORD, provider="spare", estimated=True), 1.0)
    metrics.note(replace(RECORD, status=529, usage=None, error="overloaded_error: later"), 1.0)
    refused = replace(RECORD, status=404, usage=None, upstream_events=[])
    refused.record_event("error", "timeout")
    refused.record_event("retry", "failover")
    refused.record_event("healing", "max_output")
    metrics.note(refused, 1.0)
    return metrics


def test_the_statistics() -> None:
    metrics = counted()
    metrics.request_began()
    metrics.breaker_changed("host", monotonic() + 100)
    metrics.breaker_changed("spare", monotonic() - 1)
    found = machine_stats(metrics)
    since = datetime.fromisoformat(found.pop("since"))
    assert 0 < (datetime.now(UTC) - since).total_seconds() < 3600
    up = {
        "requests": 2,
        "estimated": 1,
        "input_tokens": 2_000_000,
        "output_tokens": 8_000_000,
        "cache_read_tokens": 4_000_000,
        "cache_write_tokens": 6_000_000,
        "reasoning_tokens": 10,
        "cost": 2.0,
    }
    assert found == {
        "scope": "this process",
        "requests": 4,
        "statuses": {"200": 2, "404": 1, "529": 1},
        "errors": {"overloaded_error": 1},
        "total": up,
        "models": {"up": up},
        "healings": [{"provider": "host", "model": "up", "flag": "max_output", "healings": 1}],
        "upstream_errors": {"host": {"timeout": 1}},
        "upstream_retries": {"failover": 1},
        "clients": {},
        "log_lines_dropped": {},
        "workers": 1,
        "requests_in_progress": 1,
        "streams_open": 0,
        "providers": {"host": {"breaker": "open"}, "spare": {"breaker": "half_open"}},
    }


def test_counts_can_be_summed_elsewhere() -> None:
    counts = own_counts(counted())
    twice = totals({key: 2 * number for key, number in counts.items()}, since=0.0)
    assert twice["since"] == "1970-01-01T00:00:00+00:00"
    assert twice["requests"] == 8
    assert twice["models"]["up"]["output_tokens"] == 16_000_000


def test_the_exposition() -> None:
    metrics = counted()
    families = {
        family.name: family
        for family in text_string_to_metric_families(exposition(metrics).decode())
    }
    assert families["claude_proxy_requests"].type == "counter"
    assert families["claude_proxy_request_duration_seconds"].type == "histogram"
    build = families["claude_proxy_build_info"].samples[0]
    assert build.labels["version"] == __version__
    states = families["claude_proxy_breaker_state"].samples
    assert {sample.labels["provider"]: sample.value for sample in states} == {"host": 0, "spare": 0}
    assert families["claude_proxy_start_time_seconds"].samples[0].value > 1_700_000_000
    assert all(family.documentation for family in families.values())


def test_labels_cannot_break_the_exposition() -> None:
    metrics = Metrics()
    name = 'a"b\\c\nd{}'
    metrics.note(replace(RECORD, upstream_model=name), 1.0)
    text = exposition(metrics).decode()
    samples = [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "claude_proxy_requests_total"
    ]
    assert [sample.labels["model"] for sample in samples] == [name]


def test_money_has_no_digits_that_mean_nothing() -> None:
    found = totals({("cost", "a"): 0.1 + 0.2, ("cost", "b"): 0.1}, since=0.0)
    assert found["models"] == {"a": {"cost": 0.3}, "b": {"cost": 0.1}}
    assert found["total"] == {"cost": 0.4}
