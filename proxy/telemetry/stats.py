"""Reads the metrics: as Prometheus text and as the JSON of /v1/stats.

Rule: nothing is counted here. The numbers come from ``proxy.telemetry.metrics``, summed over all
processes of this service, or over machines (``proxy.telemetry.cluster_usage``).
"""

from __future__ import annotations

import platform
import re
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
from proxy.telemetry.metrics import (
    BREAKER_OPEN_UNTIL,
    COUNTERS,
    GAUGES,
    PREFIX,
    STARTED,
    CounterRow,
    Metrics,
)

Key = tuple[str, ...]
"""A section of the statistics, and the names of one number in it."""
Counts = dict[Key, float]

ROW_FOR_SAMPLE: Mapping[str, CounterRow] = {f"{PREFIX}{row.name}_total": row for row in COUNTERS}
LABELS_OF_SECTION: Mapping[str, int] = {row.section: len(row.by) for row in COUNTERS}
"""How many labels a number of each section has."""
OF_MODELS = frozenset({"answers", "tokens", "cost"})
"""Sections that are shown together for each model."""
MONEY_DIGITS = 6
"""After the point, in /v1/stats: sums of binary fractions end in digits that mean nothing."""
MOST_DIGITS = 20
_DIGITS = re.compile("[0-9]+")
BREAKER_STATES = ("closed", "half_open", "open")
"""Their index is the value of the metric; the worst state of all workers is shown."""


def exposition(metrics: Metrics) -> bytes:
    """The metrics of all processes in Prometheus' text format."""
    found = list(multiprocess.of_all_processes(metrics.registry))
    return generate_latest(_Collected([*found, *_derived(metrics, found)]))


def machine_stats(metrics: Metrics) -> dict[str, Any]:
    """The statistics of this service's processes, and their present state."""
    found = list(multiprocess.of_all_processes(metrics.registry))
    scope = "this machine" if multiprocess.are_shared() else "this process"
    return {"scope": scope, **totals(counts_in(found), STARTED), **_present(metrics, found)}


def own_counts(metrics: Metrics) -> Counts:
    """The counts of this process and of its predecessors in the same place."""
    return counts_in(multiprocess.counters_of_this_place(metrics.registry))


def counts_in(found: Iterable[Metric]) -> Counts:
    """The numbers of the statistics in ``found``."""
    counts: defaultdict[Key, float] = defaultdict(float)
    for metric in found:
        for sample in metric.samples:
            row = ROW_FOR_SAMPLE.get(sample.name)
            if row is not None:
                labels = (sample.labels[label] for label in row.by)
                counts[row.section, *labels] += sample.value
    return dict(counts)


def totals(counts: Counts, since: float) -> dict[str, Any]:
    """``counts`` as the JSON of /v1/stats; ``since``: seconds since 1970."""
    sections = {
        row.section: _section(counts, row.section)
        for row in COUNTERS
        if row.section not in OF_MODELS
    }
    models = _models(counts)
    total: Counter[str] = Counter()
    for numbers in models.values():
        total.update(numbers)
    if "cost" in total:
        total["cost"] = round(total["cost"], MONEY_DIGITS)
    return {
        "since": datetime.fromtimestamp(since, UTC).isoformat(),
        "requests": sum(sections["statuses"].values()),
        "total": dict(total),
        "models": models,
        **sections,
        "healings": _healings(counts),
    }


def _section(counts: Counts, section: str) -> dict[str, Any]:
    """The counts of ``section`` in dictionaries that are nested by label."""
    found: dict[str, Any] = {}
    for (name, *labels), number in sorted(counts.items(), key=_place):
        if name == section:
            inner = found
            for label in labels[:-1]:
                inner = inner.setdefault(label, {})
            inner[labels[-1]] = int(number)
    return found


def _place(item: tuple[Key, float]) -> Key:
    """The sorting key with numbers in the order of their values: "key 10" comes after "key 2"."""
    return tuple(_DIGITS.sub(lambda digits: digits[0].zfill(MOST_DIGITS), name) for name in item[0])


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
            models.setdefault(key[1], {})["cost"] = round(number, MONEY_DIGITS)
    return models


def _healings(counts: Counts) -> list[dict[str, Any]]:
    return [
        {"provider": key[1], "model": key[2], "flag": key[3], "healings": int(number)}
        for key, number in sorted(counts.items())
        if key[0] == "healings"
    ]


def _present(metrics: Metrics, found: Iterable[Metric]) -> dict[str, Any]:
    gauges = dict.fromkeys(GAUGES, 0)
    for metric in found:
        name = metric.name.removeprefix(PREFIX)
        if name in GAUGES:
            gauges[name] = int(sum(sample.value for sample in metric.samples))
    states = _breaker_states(metrics, found)
    providers = {name: {"breaker": BREAKER_STATES[state]} for name, state in states.items()}
    return {**gauges, "providers": providers}


def _breaker_states(metrics: Metrics, found: Iterable[Metric]) -> dict[str, int]:
    """0 closed, 1 half open, 2 open: each configured provider and each whose breaker has opened."""
    now = time.time()
    states = dict.fromkeys(metrics.providers, 0)
    for metric in found:
        if metric.name == BREAKER_OPEN_UNTIL:
            for sample in metric.samples:
                until = sample.value
                states[sample.labels["provider"]] = (until > 0) + (until > now)
    return states


def _derived(metrics: Metrics, found: Sequence[Metric]) -> list[Metric]:
    breakers = GaugeMetricFamily(
        "claude_proxy_breaker_state",
        "Circuit breaker of a provider: 0 closed, 1 half open, 2 open.",
        labels=["provider"],
    )
    for provider, state in _breaker_states(metrics, found).items():
        breakers.add_metric([provider], state)
    build = GaugeMetricFamily(
        "claude_proxy_build_info", "Versions of this service.", labels=["version", "python"]
    )
    build.add_metric([__version__, platform.python_version()], 1)
    started = GaugeMetricFamily(
        "claude_proxy_start_time_seconds", "Start of the counters.", value=STARTED
    )
    return [breakers, build, started]


class _Collected(Collector):
    """A collector that returns metrics collected before."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found
