"""What is counted of each request, for /metrics, /v1/stats and the counts that machines share.

Rule: one bookkeeping. A request is counted once, where it is logged; nothing is counted for each
delta. Labels are endpoints, configured names, kinds and a bounded number of names that clients made
up: never a path, a key or a word of a prompt.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from config.registry.values import Price
from proxy.errors import TYPE_FOR_STATUS, ClientGone
from proxy.telemetry import multiprocess
from proxy.telemetry.cardinality import OTHER, LabelNames, LabelPairs
from proxy.telemetry.request_record import RequestRecord

MOST_MODELS = 100
MOST_PROVIDERS = 50
"""Names besides the configured ones that a worker gives series of their own."""
MOST_PAIRS = 300
"""Models at providers, one of them or both not configured, likewise: each pair is up to 100 lines
of /metrics."""
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Buckets for whole requests."""
FIRST_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
TOKENS: Mapping[str, str] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}
"""Kinds of tokens, as ``Price`` names them, and where a usage holds them."""
ERROR_TYPES = frozenset(TYPE_FOR_STATUS.values())
STARTED = time.time()
"""When this service started, in seconds since 1970: the master imports this module first."""


@dataclass(slots=True)
class _Series:
    """The series of requests that share route, model, provider and status."""

    requests: Counter
    seconds: Histogram
    first_event: Histogram | None = None


@dataclass(slots=True)
class _UsageSeries:
    """The series of answers that share model, provider and where their counts come from."""

    answers: Counter
    tokens: Mapping[str, Counter]
    cost: Counter | None = None


class Metrics:
    """The counters, gauges and histograms of one worker.

    ``models`` and ``providers`` are the configured names.
    """

    def __init__(self, models: Iterable[str] = (), providers: Iterable[str] = ()) -> None:
        self.registry = registry = CollectorRegistry()
        self.providers = tuple(dict.fromkeys(providers))
        self._models = LabelNames(models, MOST_MODELS)
        self._providers = LabelNames(self.providers, MOST_PROVIDERS)
        self._pairs = LabelPairs(self._models, self._providers, MOST_PAIRS)
        self._series: dict[tuple[str, str, str, int], _Series] = {}
        self._usage: dict[tuple[str, str, bool], _UsageSeries] = {}
        whom = ("model", "provider")

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"claude_proxy_{name}", text, labels, registry=registry)

        def histogram(
            name: str, text: str, labels: Iterable[str], buckets: tuple[float, ...]
        ) -> Histogram:
            full = f"claude_proxy_{name}"
            return Histogram(full, text, labels, registry=registry, buckets=buckets)

        def gauge(name: str, text: str, mode: Any, *labels: str) -> Gauge:
            full = f"claude_proxy_{name}"
            return Gauge(full, text, labels, registry=registry, multiprocess_mode=mode)

        self._requests = counter("requests_total", "Requests answered.", "route", *whom, "status")
        self._errors = counter("errors_total", "Requests that failed.", "type")
        self._seconds = histogram(
            "request_duration_seconds", "Time to the end of the answer.", ("route", *whom), SECONDS
        )
        self._first_event = histogram(
            "time_to_first_event_seconds", "Time to a stream's first event.", whom, FIRST_SECONDS
        )
        self._tokens = counter("tokens_total", "Tokens used.", "kind", *whom)
        self._answers = counter("answers_total", "Answers with tokens.", *whom, "usage")
        self._cost = counter("cost_total", "Cost, in the currency of the prices.", *whom)
        self._upstream_errors = counter(
            "upstream_errors_total", "Attempts that an upstream failed.", "provider", "kind"
        )
        self._retries = counter(
            "upstream_retries_total", "Attempts after a failed one.", "provider", "kind"
        )
        self._healings = counter("healings_total", "Refusals that were healed.", *whom, "flag")
        self._in_progress = gauge("requests_in_progress", "Requests under way.", "livesum")
        self._streams = gauge("streams_open", "Streams under way.", "livesum")
        self._workers = gauge("workers", "Worker processes.", "livesum")
        self._rests = gauge(
            "breaker_rests_until_timestamp_seconds",
            "When a provider is asked again; 0: it does not rest.",
            "livemax",
            "provider",
        )
        if multiprocess.are_shared():
            self._remember_names()
        else:
            self.serving()

    def serving(self) -> None:
        """This process takes requests from now on."""
        self._workers.set(1)

    def begun(self) -> None:
        """A request came in."""
        self._in_progress.inc()

    def left(self) -> None:
        """A request is over, however it ended."""
        self._in_progress.dec()

    def stream_opened(self) -> None:
        """A streamed answer began."""
        self._streams.inc()

    def stream_closed(self) -> None:
        """A streamed answer is over."""
        self._streams.dec()

    def breaker_changed(self, provider: str, rests_until: float | None) -> None:
        """``provider`` rests until that moment of the monotonic clock; None: it is asked."""
        until = 0.0 if rests_until is None else time.time() + rests_until - time.monotonic()
        self._rests.labels(self._providers.label(provider)).set(until)

    def report(self, record: RequestRecord) -> None:
        """The sink of the metrics: count a finished request."""
        self.note(record, time.monotonic() - record.started)

    def note(self, record: RequestRecord, seconds: float) -> None:
        """Count a finished request that took ``seconds``."""
        model, provider = self._whom(record)
        key = (record.route, model, provider, record.status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._series_for(key)
        series.requests.inc()
        series.seconds.observe(seconds)
        if record.first_event is not None:
            if series.first_event is None:
                series.first_event = self._first_event.labels(model, provider)
            series.first_event.observe(record.first_event)
        if record.error is not None and record.status != ClientGone.status:
            kind = record.error.partition(":")[0]
            self._errors.labels(kind if kind in ERROR_TYPES else OTHER).inc()
        for call in record.earlier:
            self._note_usage(call, *self._whom(call))
        self._note_usage(record, model, provider)
        for happening in record.upstream_events:
            self._note_happening(*happening)

    def _series_for(self, key: tuple[str, str, str, int]) -> _Series:
        route, model, provider, status = key
        return _Series(
            self._requests.labels(route, model, provider, status),
            self._seconds.labels(route, model, provider),
        )

    def _whom(self, record: RequestRecord) -> tuple[str, str]:
        """The labels ``model`` and ``provider`` of a call."""
        return self._pairs.labels(record.upstream_model, record.provider)

    def _note_usage(self, record: RequestRecord, model: str, provider: str) -> None:
        usage = record.usage
        if usage is None:
            return
        key = (model, provider, record.estimated)
        series = self._usage.get(key)
        if series is None:
            series = self._usage[key] = self._usage_series(*key)
        series.answers.inc()
        for kind, member in TOKENS.items():
            if tokens := usage.get(member):
                series.tokens[kind].inc(tokens)
        if thoughts := (usage.get("output_tokens_details") or {}).get("thinking_tokens"):
            series.tokens["reasoning"].inc(thoughts)
        if record.price is not None:
            if series.cost is None:
                series.cost = self._cost.labels(model, provider)
            series.cost.inc(cost_of(usage, record.price))

    def _usage_series(self, model: str, provider: str, estimated: bool) -> _UsageSeries:
        source = "estimated" if estimated else "counted"
        return _UsageSeries(
            self._answers.labels(model, provider, source),
            {kind: self._tokens.labels(kind, model, provider) for kind in (*TOKENS, "reasoning")},
        )

    def _note_happening(self, what: str, provider: str, model: str, detail: str) -> None:
        if what == "healing":
            self._healings.labels(*self._pairs.labels(model, provider), detail).inc()
        else:
            counter = self._upstream_errors if what == "error" else self._retries
            counter.labels(self._providers.label(provider), detail).inc()

    def _remember_names(self) -> None:
        """Give the names that predecessors counted under the places that they had."""
        for metric in multiprocess.of_all_processes(self.registry):
            for sample in metric.samples:
                found = sample.labels
                if "model" in found and "provider" in found:
                    self._pairs.labels(found["model"], found["provider"])
                elif "provider" in found:
                    self._providers.label(found["provider"])


def cost_of(usage: Mapping[str, Any], price: Price) -> float:
    """What ``usage`` costs; kinds of tokens without a price cost nothing."""
    return sum(
        (usage.get(member) or 0) * (getattr(price, kind) or 0.0) / 1_000_000
        for kind, member in TOKENS.items()
    )
