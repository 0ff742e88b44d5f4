"""What is known of one request, for the log, the counters, the limits and the traces.

Rule: gathered while the request runs, read when it is over. What the upstream told of its bill counts as
told; what it did not live to tell is owed: estimated, and marked so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Protocol

from config.registry.values import Price
from proxy.errors import ClientGone, ProxyError

BROKEN_OFF = "broken off"
"""The error of a request that a bug or a worker that hung has ended."""


class Trace(Protocol):
    """What a trace is told of the request it belongs to."""

    def attempt(self, provider: str, model: str, url: str) -> AbstractContextManager[None]:
        """Around one upstream request, up to the head of its answer."""
        ...

    def end(self, record: RequestRecord) -> None:
        """The answer is over."""
        ...


@dataclass(frozen=True, slots=True)
class PendingEstimate:
    """The bill of an attempt that was not told: estimates, and whose tokens they are."""

    count_input: Callable[[], int]
    """Asked when the answer is over; long requests are counted in a thread."""
    output: int
    provider: str
    model: str
    price: Price | None


@dataclass(slots=True)
class RequestRecord:
    """What the access line and the token line of one request tell."""

    request_id: str
    correlation_id: str
    method: str
    path: str
    started: float = field(default_factory=monotonic)
    status: int = 0
    client_model: str = ""
    upstream_model: str = ""
    provider: str = ""
    stop_reason: str | None = None
    stream: bool = False
    first_event: float | None = None
    """Seconds from the request to the first event of its stream."""
    error: str | None = None
    usage: Mapping[str, Any] | None = None
    estimated: bool = False
    """Whether a count in ``usage`` is not the upstream's."""
    dropped: str = ""
    price: Price | None = None
    """What the model's tokens cost, where that is registered."""
    oddities: str = ""
    """What was odd in the upstream's stream, such as ``undecodable=2``."""
    quiet: bool = False
    """Probes are logged at DEBUG."""
    trace: Trace | None = None
    """Where the request is traced."""
    route: str = "unmatched"
    """The endpoint as the URL map has it: what is counted instead of a path."""
    upstream_events: list[tuple[str, str, str, str]] = field(default_factory=list)
    """What happened upstream: ``error``, ``retry`` or ``healing``, provider, model, which kind."""
    in_progress: bool = False
    streaming: bool = False
    accounted: bool = False
    earlier: tuple[RequestRecord, ...] = ()
    """What the calls before the last one used, where one request makes several."""

    pending: PendingEstimate | None = None
    """What the present attempt is billed for where the upstream does not tell."""
    superseded: PendingEstimate | None = None
    """The same of the last attempt that another followed: one request is counted once."""

    def record_event(self, what: str, kind: str) -> None:
        """Note for the metrics what happened to the present attempt."""
        self.upstream_events.append((what, self.provider, self.upstream_model, kind))

    def saw_event(self) -> None:
        """Note the time of the first event; later calls change nothing."""
        if self.first_event is None:
            self.first_event = monotonic() - self.started

    def estimate_usage(self, count_input: Callable[[], int], output: int) -> None:
        """Note what the present attempt costs where its usage is not told: both are estimates."""
        self.pending = PendingEstimate(
            count_input, output, self.provider, self.upstream_model, self.price
        )

    def cut_short(self) -> None:
        """Note a stream that is closed before its end, by whom: the client left, or we failed.

        The server closes a stream while the error that ended it is under way: none, or one of the
        connection, where the client left.
        """
        error = sys.exc_info()[1]
        if isinstance(error, OSError | ProxyError) or not isinstance(error, Exception | SystemExit):
            self.status = ClientGone.status
        else:
            self.error = BROKEN_OFF

    def begin_next_attempt(self) -> None:
        """Another attempt begins; what this one owes counts only where nobody tells a usage."""
        if self.pending is not None:
            self.superseded, self.pending = self.pending, None

    def begin_next_call(self) -> None:
        """Keep what the call before used; the next one is noted from the beginning."""
        self.apply_estimates()
        if self.usage is not None:
            self.earlier += (replace(self, earlier=()),)
        self.usage, self.estimated = None, False
        self.price = self.stop_reason = None

    @property
    def has_pending_estimates(self) -> bool:
        """Whether ``settle`` may have to estimate, which takes its time."""
        return self.pending is not None or self.superseded is not None

    def apply_estimates(self) -> None:
        """Complete ``usage`` by what is owed, once the answer is over.

        May wait for a thread that counts; to be called before anybody counts the tokens.
        """
        pending, superseded = self.pending, self.superseded
        self.pending = self.superseded = None
        if pending is not None:
            self._apply_estimate(pending)
        elif superseded is not None and not _counts(self.usage):
            # Told under the names of the one who bills it.
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
    """All input tokens of an Anthropic usage object: its three buckets are disjoint."""
    received: int = usage.get("input_tokens") or 0
    received += usage.get("cache_read_input_tokens") or 0
    return received + (usage.get("cache_creation_input_tokens") or 0)
