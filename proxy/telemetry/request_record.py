"""The record of one request, for the log, the metrics, the limits and the traces.

Rule: filled while the request runs, read when it has ended. Usage that the upstream reported is kept as
reported; usage that it did not report is estimated and marked as an estimate.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Protocol

from config.registry.values import Price
from proxy.errors import ClientGone, ClientStalled, ProxyError

BROKEN_OFF = "broken off"
"""The error of a request that ended because of a bug or because its worker hung."""


class Trace(Protocol):
    """The trace of one request."""

    def attempt(self, provider: str, model: str, url: str) -> AbstractContextManager[None]:
        """The context of one upstream request, up to the head of its answer."""
        ...

    def end(self, record: RequestRecord) -> None:
        """End the trace; to be called when the answer has ended."""
        ...


class Tap(Protocol):
    """What is told of the upstream calls of one request, to record or to replay them.

    ``call`` and ``exchange`` are of ``proxy.relay``.
    """

    def begin_call(self, call: Any) -> None:
        """The call for a validated request was created."""
        ...

    def send(self, call: Any, purpose: str) -> Any:
        """The upstream's answer to ``call``, once its head has been read."""
        ...

    def pause(self, exchange: Any, seconds: float) -> None:
        """Wait before the next attempt."""
        ...


@dataclass(frozen=True, slots=True)
class PendingEstimate:
    """The estimated usage of an attempt whose usage was not reported."""

    count_input: Callable[[], int]
    """Called when the answer has ended; long requests are counted in a thread."""
    output: int
    provider: str
    model: str
    price: Price | None


@dataclass(slots=True)
class RequestRecord:
    """One request, from its first header to the end of its answer."""

    request_id: str
    correlation_id: str
    method: str
    path: str
    started: float = field(default_factory=monotonic)
    status: int = 0
    client_model: str = ""
    upstream_model: str = ""
    provider: str = ""
    api: str = ""
    """The protocol of the present attempt's converted request; empty for native upstreams."""
    stop_reason: str | None = None
    stream: bool = False
    heavy: bool = False
    """Whether the request has so many values that its stages run in a thread."""
    first_event: float | None = None
    """Seconds from the start of the request to the first event of its stream."""
    error: str | None = None
    usage: Mapping[str, Any] | None = None
    estimated: bool = False
    """Whether a count in ``usage`` is an estimate."""
    dropped: str = ""
    price: Price | None = None
    """The registered price of the model's tokens."""
    oddities: str = ""
    """Irregularities of the upstream's stream, such as ``undecodable=2``."""
    client_key: int = 0
    """The place, from 1, of the client's key in AUTH_KEY; 0: none is in force."""
    quiet: bool = False
    """Logged at DEBUG."""
    trace: Trace | None = None
    """None if the request is not traced."""
    tap: Tap | None = None
    """None if the request is neither recorded nor replayed."""
    route: str = "unmatched"
    """The rule of the URL map: the metrics' label in place of a path."""
    upstream_events: list[tuple[str, str, str, str]] = field(default_factory=list)
    """For each event at an upstream: ``error``, ``retry`` or ``healing``; provider; model; kind."""
    in_progress: bool = False
    streaming: bool = False
    accounted: bool = False
    earlier: tuple[RequestRecord, ...] = ()
    """The calls before the last one, if one request makes several."""

    pending: PendingEstimate | None = None
    """The estimate for the present attempt, used if the upstream reports no usage."""
    superseded: PendingEstimate | None = None
    """The estimate for an earlier attempt: of all failed attempts only one is counted."""

    def record_event(self, what: str, kind: str) -> None:
        """Record an event of the present attempt for the metrics."""
        self.upstream_events.append((what, self.provider, self.upstream_model, kind))

    def record_first_event(self) -> None:
        """Record the time of the first event; later calls change nothing."""
        if self.first_event is None:
            self.first_event = monotonic() - self.started

    def estimate_usage(self, count_input: Callable[[], int], output: int) -> None:
        """Set the estimates for the present attempt, in case its usage is not reported."""
        self.pending = PendingEstimate(
            count_input, output, self.provider, self.upstream_model, self.price
        )

    def cut_short(self) -> None:
        """Record why a stream is closed before its end: the client left or did not read, or this proxy
        failed.

        The server closes a stream while it handles the exception that ended it. If the client left,
        there is no exception, or one of the connection.
        """
        error = sys.exc_info()[1]
        if isinstance(error, ClientStalled):
            self.error = error.strerror
        if isinstance(error, OSError | ProxyError) or not isinstance(error, Exception | SystemExit):
            self.status = ClientGone.status
        else:
            self.error = BROKEN_OFF

    def begin_next_attempt(self) -> None:
        """Begin another attempt; the last estimate is used only if no usage is reported later."""
        if self.pending is not None:
            self.superseded, self.pending = self.pending, None

    def begin_next_call(self) -> None:
        """Move the usage of the last call to ``earlier`` and begin another call without usage."""
        self.apply_estimates()
        if self.usage is not None:
            self.earlier += (replace(self, earlier=()),)
        self.usage, self.estimated = None, False
        self.price = self.stop_reason = None

    @property
    def has_pending_estimates(self) -> bool:
        """Whether ``apply_estimates`` may have to estimate, which takes time."""
        return self.pending is not None or self.superseded is not None

    def apply_estimates(self) -> None:
        """Complete ``usage`` with the pending estimates; to be called when the answer has ended.

        May wait for a thread that counts; to be called before ``usage`` is read.
        """
        pending, superseded = self.pending, self.superseded
        self.pending = self.superseded = None
        if pending is not None:
            self._apply_estimate(pending)
        elif superseded is not None and not _counts(self.usage):
            # Counted under the model and provider of that attempt.
            attempt = replace(self, earlier=(), usage=None, price=superseded.price)
            attempt.provider, attempt.upstream_model = superseded.provider, superseded.model
            attempt._apply_estimate(superseded)
            self.earlier += (attempt,)

    def _apply_estimate(self, estimate: PendingEstimate) -> None:
        usage = {"output_tokens": 0, **(self.usage or {})}
        if not total_input(usage):
            usage["input_tokens"] = estimate.count_input()
            self.estimated = True
        if estimate.output and not usage["output_tokens"]:
            usage["output_tokens"] = estimate.output
            self.estimated = True
        self.usage = usage


def _counts(usage: Mapping[str, Any] | None) -> bool:
    return bool(usage and (total_input(usage) or usage.get("output_tokens")))


def total_input(usage: Mapping[str, Any]) -> int:
    """All input tokens of an Anthropic usage object: its three input counts do not overlap."""
    received: int = usage.get("input_tokens") or 0
    received += usage.get("cache_read_input_tokens") or 0
    return received + (usage.get("cache_creation_input_tokens") or 0)
