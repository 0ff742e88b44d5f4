"""The counters, gauges and histograms, for /metrics, /v1/stats and the counts that machines share.

Rule: a request is counted once, when it is finished; nothing is counted for each delta. Labels are
endpoints, configured names, kinds and a bounded number of names from clients: never a path, a key or
a word of a prompt. A new counter needs a row in ``COUNTERS`` and a line in ``Metrics.note``.
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
from proxy.telemetry.log_writer import DROPPED
from proxy.telemetry.request_record import RequestRecord

PREFIX = "claude_proxy_"
MOST_MODELS = 100
MOST_PROVIDERS = 50
"""Most names that are not configured and still get series of their own, in each worker."""
MOST_CLIENTS = 100
"""Most keys of clients that are counted each."""
MOST_PAIRS = 300
"""Most such pairs of model and provider; each adds up to 100 lines to /metrics."""
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Buckets for whole requests."""
FIRST_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
TOKENS: Mapping[str, str] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}
"""Kinds of tokens, as ``Price`` names them, and their members of a usage."""
ERROR_TYPES = frozenset(TYPE_FOR_STATUS.values())
STARTED = time.time()
"""Start of this service, in seconds since 1970: the time at which the master imported this module."""


MODEL_AND_PROVIDER = ("model", "provider")


# Compared by identity, so that it is a fast dictionary key.
@dataclass(frozen=True, slots=True, eq=False)
class CounterRow:
    """A counter, and where /v1/stats shows its sums."""

    name: str
    """Without the prefix ``claude_proxy_`` and the suffix ``_total``."""
    text: str
    labels: tuple[str, ...]
    section: str
    """The member of /v1/stats that shows it; the member ``models`` combines several sections."""
    by: tuple[str, ...]
    """The labels by which the section sums it."""


REQUESTS = CounterRow(
    "requests",
    "Requests answered.",
    ("route", *MODEL_AND_PROVIDER, "status"),
    "statuses",
    ("status",),
)
ERRORS = CounterRow("errors", "Requests that failed.", ("type",), "errors", ("type",))
TOKENS_USED = CounterRow(
    "tokens", "Tokens used.", ("kind", *MODEL_AND_PROVIDER), "tokens", ("model", "kind")
)
ANSWERS = CounterRow(
    "answers", "Answers with tokens.", (*MODEL_AND_PROVIDER, "usage"), "answers", ("model", "usage")
)
COST = CounterRow(
    "cost", "Cost, in the currency of the prices.", MODEL_AND_PROVIDER, "cost", ("model",)
)
UPSTREAM_ERRORS = CounterRow(
    "upstream_errors",
    "Attempts that failed at an upstream.",
    ("provider", "kind"),
    "upstream_errors",
    ("provider", "kind"),
)
RETRIES = CounterRow(
    "upstream_retries",
    "Attempts after a failed one.",
    ("provider", "kind"),
    "upstream_retries",
    ("kind",),
)
HEALINGS = CounterRow(
    "healings",
    "Refusals that were healed.",
    (*MODEL_AND_PROVIDER, "flag"),
    "healings",
    ("provider", "model", "flag"),
)
CLIENT_REQUESTS = CounterRow(
    "client_requests",
    "Requests by the place of the client's key in AUTH_KEY.",
    ("client",),
    "clients",
    ("client",),
)
LOG_LINES_DROPPED = CounterRow(
    "log_lines_dropped",
    "Log lines of workers that were dropped because the log could not be written in time.",
    ("output",),
    "log_lines_dropped",
    ("output",),
)
COUNTERS = (
    REQUESTS,
    ERRORS,
    TOKENS_USED,
    ANSWERS,
    COST,
    UPSTREAM_ERRORS,
    RETRIES,
    HEALINGS,
    CLIENT_REQUESTS,
    LOG_LINES_DROPPED,
)
GAUGES: Mapping[str, str] = {
    "requests_in_progress": "Requests in progress.",
    "streams_open": "Streams in progress.",
    "workers": "Worker processes.",
}
"""Gauges that are summed over workers; /v1/stats shows each under its name."""
BREAKER_OPEN_UNTIL = f"{PREFIX}breaker_rests_until_timestamp_seconds"
BREAKERS = (
    BREAKER_OPEN_UNTIL,
    "Time of the next probe of a provider whose circuit breaker is open; 0: it is closed.",
    ("provider",),
)
DURATION = (
    f"{PREFIX}request_duration_seconds",
    "Time to the end of the answer.",
    ("route", *MODEL_AND_PROVIDER),
)
FIRST_EVENT = (
    f"{PREFIX}time_to_first_event_seconds",
    "Time to a stream's first event.",
    MODEL_AND_PROVIDER,
)
COUNTER_FOR_EVENT: Mapping[str, CounterRow] = {"error": UPSTREAM_ERRORS, "retry": RETRIES}


@dataclass(slots=True)
class _Series:
    """The series of requests that share route, model, provider and status."""

    requests: Counter
    seconds: Histogram
    first_event: Histogram | None = None


@dataclass(slots=True)
class _UsageSeries:
    """The series of answers that share model, provider and the source of their counts."""

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
        self._counters = {
            row: Counter(f"{PREFIX}{row.name}_total", row.text, row.labels, registry=registry)
            for row in COUNTERS
        }
        self._gauges = {
            name: Gauge(f"{PREFIX}{name}", text, registry=registry, multiprocess_mode="livesum")
            for name, text in GAUGES.items()
        }
        self._seconds = Histogram(*DURATION, registry=registry, buckets=SECONDS)
        self._first_event = Histogram(*FIRST_EVENT, registry=registry, buckets=FIRST_SECONDS)
        self._breakers = Gauge(*BREAKERS, registry=registry, multiprocess_mode="livemax")
        self._dropped = dict(DROPPED.by_kind)
        """The dropped log lines of this process that are counted, by output."""
        self._dropped_lines = DROPPED.lines
        if multiprocess.are_shared():
            self._remember_names()
        else:
            self.serving()

    def serving(self) -> None:
        """Count this process as a worker that accepts requests."""
        self._gauges["workers"].set(1)

    def request_began(self) -> None:
        """Count a request as in progress."""
        self._gauges["requests_in_progress"].inc()

    def request_ended(self) -> None:
        """Count a request as no longer in progress."""
        self._gauges["requests_in_progress"].dec()

    def stream_opened(self) -> None:
        """Count a streamed answer as open."""
        self._gauges["streams_open"].inc()

    def stream_closed(self) -> None:
        """Count a streamed answer as closed."""
        self._gauges["streams_open"].dec()

    def breaker_changed(self, provider: str, open_until: float | None) -> None:
        """The breaker of ``provider`` is open until ``open_until`` (monotonic clock); None: closed."""
        until = 0.0 if open_until is None else time.time() + open_until - time.monotonic()
        self._breakers.labels(self._providers.label(provider)).set(until)

    def report(self, record: RequestRecord) -> None:
        """The sink of the metrics: count a finished request."""
        self.note(record, time.monotonic() - record.started)

    def note(self, record: RequestRecord, seconds: float) -> None:
        """Count a finished request that took ``seconds``."""
        model, provider = self._model_and_provider(record)
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
            self._counters[ERRORS].labels(kind if kind in ERROR_TYPES else OTHER).inc()
        if record.client_key:
            place = record.client_key
            client = f"key {place}" if place <= MOST_CLIENTS else OTHER
            self._counters[CLIENT_REQUESTS].labels(client).inc()
        for call in record.earlier:
            self._note_usage(call, *self._model_and_provider(call))
        self._note_usage(record, model, provider)
        for event in record.upstream_events:
            self._note_upstream_event(*event)
        if self._dropped_lines != DROPPED.lines:
            self._note_dropped_lines()

    def _note_dropped_lines(self) -> None:
        self._dropped_lines = DROPPED.lines
        for output, lines in tuple(DROPPED.by_kind.items()):
            new = lines - self._dropped.get(output, 0)
            self._dropped[output] = lines
            self._counters[LOG_LINES_DROPPED].labels(output).inc(new)

    def _series_for(self, key: tuple[str, str, str, int]) -> _Series:
        route, model, provider, status = key
        return _Series(
            self._counters[REQUESTS].labels(route, model, provider, status),
            self._seconds.labels(route, model, provider),
        )

    def _model_and_provider(self, record: RequestRecord) -> tuple[str, str]:
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
                series.cost = self._counters[COST].labels(model, provider)
            series.cost.inc(cost_of(usage, record.price))

    def _usage_series(self, model: str, provider: str, estimated: bool) -> _UsageSeries:
        source = "estimated" if estimated else "counted"
        tokens = self._counters[TOKENS_USED]
        return _UsageSeries(
            self._counters[ANSWERS].labels(model, provider, source),
            {kind: tokens.labels(kind, model, provider) for kind in (*TOKENS, "reasoning")},
        )

    def _note_upstream_event(self, what: str, provider: str, model: str, detail: str) -> None:
        if what == "healing":
            self._counters[HEALINGS].labels(*self._pairs.labels(model, provider), detail).inc()
        else:
            counter = self._counters[COUNTER_FOR_EVENT[what]]
            counter.labels(self._providers.label(provider), detail).inc()

    def _remember_names(self) -> None:
        """Give the names in the files of earlier workers the same labels again."""
        for metric in multiprocess.of_all_processes(self.registry):
            for sample in metric.samples:
                found = sample.labels
                if "model" in found and "provider" in found:
                    self._pairs.labels(found["model"], found["provider"])
                elif "provider" in found:
                    self._providers.label(found["provider"])


def cost_of(usage: Mapping[str, Any], price: Price) -> float:
    """The cost of ``usage``; kinds of tokens without a price cost nothing."""
    return sum(
        (usage.get(member) or 0) * (getattr(price, kind) or 0.0) / 1_000_000
        for kind, member in TOKENS.items()
    )
