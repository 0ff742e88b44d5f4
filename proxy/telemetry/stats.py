"""What was counted, read back: as Prometheus text and as the JSON of /v1/stats.

Rule: nothing is counted here; everything comes out of ``proxy.telemetry.metrics``, of all processes of this
service, or out of the same numbers summed over machines (``proxy.telemetry.cluster_usage``).
"""

from __future__ import annotations

import platform
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from proxy import __version__
from proxy.telemetry import multiprocess
from proxy.telemetry.metrics import STARTED, Metrics

Key = tuple[str, ...]
"""A section of the statistics, and the names of one number in it."""
Counts = dict[Key, float]

SECTIONS: Mapping[str, Key] = {
    "claude_proxy_requests_total": ("statuses", "status"),
    "claude_proxy_errors_total": ("errors", "type"),
    "claude_proxy_answers_total": ("answers", "model", "usage"),
    "claude_proxy_tokens_total": ("tokens", "model", "kind"),
    "claude_proxy_cost_total": ("cost", "model"),
    "claude_proxy_upstream_errors_total": ("upstream_errors", "provider", "kind"),
    "claude_proxy_upstream_retries_total": ("upstream_retries", "kind"),
    "claude_proxy_healings_total": ("healings", "provider", "model", "flag"),
}
"""For each counter its section, and the labels by which it is summed there."""
GAUGES: Mapping[str, str] = {
    "claude_proxy_workers": "workers",
    "claude_proxy_requests_in_progress": "requests_in_progress",
    "claude_proxy_streams_open": "streams_open",
}
RESTS = "claude_proxy_breaker_rests_until_timestamp_seconds"
BREAKER_STATES = ("closed", "half_open", "open")
"""Of the worker that is worst off, by the number that the metric shows."""


def exposition(metrics: Metrics) -> bytes:
    """The metrics of all processes in Prometheus' text format."""
    found = list(multiprocess.of_all_processes(metrics.registry))
    return generate_latest(_Collected([*found, *_derived(metrics, found)]))


def machine_stats(metrics: Metrics) -> dict[str, Any]:
    """The statistics of this service's processes, and how they are now."""
    found = list(multiprocess.of_all_processes(metrics.registry))
    scope = "this machine" if multiprocess.are_shared() else "this process"
    return {"scope": scope, **totals(counts_in(found), STARTED), **_present(metrics, found)}


def own_counts(metrics: Metrics) -> Counts:
    """What was counted in this process's place."""
    return counts_in(multiprocess.counters_of_this_place(metrics.registry))


def counts_in(found: Iterable[Metric]) -> Counts:
    """The numbers of the statistics in ``found``."""
    counts: defaultdict[Key, float] = defaultdict(float)
    for metric in found:
        for sample in metric.samples:
            section = SECTIONS.get(sample.name)
            if section is not None:
                labels = (sample.labels[label] for label in section[1:])
                counts[section[0], *labels] += sample.value
    return dict(counts)


def totals(counts: Counts, since: float) -> dict[str, Any]:
    """``counts`` as the JSON of /v1/stats; ``since``: seconds since 1970."""
    statuses = _section(counts, "statuses")
    models = _models(counts)
    total: Counter[str] = Counter()
    for numbers in models.values():
        total.update(numbers)
    return {
        "since": datetime.fromtimestamp(since, UTC).isoformat(),
        "requests": sum(statuses.values()),
        "statuses": statuses,
        "errors": _section(counts, "errors"),
        "total": dict(total),
        "models": models,
        "healings": _healings(counts),
        "upstream_errors": _by_provider(counts),
        "upstream_retries": _section(counts, "upstream_retries"),
    }


def _section(counts: Counts, section: str) -> dict[str, int]:
    return {key[1]: int(n) for key, n in sorted(counts.items()) if key[0] == section}


def _models(counts: Counts) -> dict[str, dict[str, Any]]:
    """Requests, tokens and, where prices are registered, cost of each model that answered."""
    models: dict[str, dict[str, Any]] = {}
    for key, number in sorted(counts.items()):
        if key[0] == "answers":
            numbers = models.setdefault(key[1], {"requests": 0, "estimated": 0})
            numbers["requests"] += int(number)
            if key[2] == "estimated":
                numbers["estimated"] += int(number)
    for key, number in sorted(counts.items()):
        if key[0] == "tokens":
            models.setdefault(key[1], {})[f"{key[2]}_tokens"] = int(number)
        elif key[0] == "cost":
            models.setdefault(key[1], {})["cost"] = number
    return models


def _healings(counts: Counts) -> list[dict[str, Any]]:
    return [
        {"provider": key[1], "model": key[2], "flag": key[3], "healings": int(number)}
        for key, number in sorted(counts.items())
        if key[0] == "healings"
    ]


def _by_provider(counts: Counts) -> dict[str, dict[str, int]]:
    providers: dict[str, dict[str, int]] = {}
    for key, number in sorted(counts.items()):
        if key[0] == "upstream_errors":
            providers.setdefault(key[1], {})[key[2]] = int(number)
    return providers


def _present(metrics: Metrics, found: Iterable[Metric]) -> dict[str, Any]:
    gauges = dict.fromkeys(GAUGES.values(), 0)
    for metric in found:
        if metric.name in GAUGES:
            gauges[GAUGES[metric.name]] = int(sum(sample.value for sample in metric.samples))
    states = _breaker_states(metrics, found)
    providers = {name: {"breaker": BREAKER_STATES[state]} for name, state in states.items()}
    return {**gauges, "providers": providers}


def _breaker_states(metrics: Metrics, found: Iterable[Metric]) -> dict[str, int]:
    """0 closed, 1 half open, 2 open, for each configured provider and each that rested."""
    now = time.time()
    states = dict.fromkeys(metrics.providers, 0)
    for metric in found:
        if metric.name == RESTS:
            for sample in metric.samples:
                until = sample.value
                states[sample.labels["provider"]] = (until > 0) + (until > now)
    return states


def _derived(metrics: Metrics, found: Sequence[Metric]) -> list[Metric]:
    breakers = GaugeMetricFamily(
        "claude_proxy_breaker_state",
        "Whether a provider rests: 0 closed, 1 half open, 2 open.",
        labels=["provider"],
    )
    for provider, state in _breaker_states(metrics, found).items():
        breakers.add_metric([provider], state)
    build = GaugeMetricFamily(
        "claude_proxy_build_info", "What runs here.", labels=["version", "python"]
    )
    build.add_metric([__version__, platform.python_version()], 1)
    started = GaugeMetricFamily(
        "claude_proxy_start_time_seconds", "When the counters began.", value=STARTED
    )
    return [breakers, build, started]


class _Collected(Collector):
    """Metrics that were collected before."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found
