"""Counts the requests in progress and reports finished ones to the metrics, the log and the traces.

Rule: every request is reported exactly once to every sink, with or without an error. An exception in a
sink is logged; the other sinks are still called, and the request is not affected.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxy.errors import ClientStalled
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.request_record import BROKEN_OFF, RequestRecord
from proxy.telemetry.uncaught import Logged

_LOGGED = Logged()
log = logging.getLogger(__name__)


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sink:
    """A receiver of the records of finished requests."""

    report: Callable[[RequestRecord], object]
    """Called once for each request, on the event loop: it must not wait for anything."""
    close: Callable[[], object] = _nothing
    """Called when the worker ends; sends what is still queued."""


class Accounting:
    """Reports requests to ``sinks``, in their order; ``metrics`` counts those in progress."""

    def __init__(self, sinks: Sequence[Sink], metrics: Metrics) -> None:
        self._reports = tuple([sink.report for sink in sinks])
        self._closings = tuple([sink.close for sink in sinks])
        self._metrics = metrics

    def begin(self, record: RequestRecord) -> None:
        """Count a request as in progress until it is finished."""
        record.in_progress = True
        self._metrics.request_began()

    def stream(self, record: RequestRecord) -> None:
        """Count the answer as an open stream until the request is finished."""
        record.streaming = True
        self._metrics.stream_opened()

    def finish(self, record: RequestRecord) -> None:
        """Report a finished request; later calls change nothing."""
        if record.accounted:
            return
        record.accounted = True
        with _LOGGED:
            record.apply_estimates()
        for report in self._reports:
            with _LOGGED:
                report(record)
        self._leave(record)

    def end(self, record: RequestRecord) -> None:
        """Finish the request if that was not done before: it was broken off then."""
        if not record.accounted:
            record.status = record.status or 500
            record.error = record.error or BROKEN_OFF
            self.finish(record)
        elif record.error is None and isinstance(stalled := sys.exc_info()[1], ClientStalled):
            # The line of a whole answer is written before the answer is.
            log.warning("answer cut: %s request_id=%s", stalled.strerror, record.request_id)
        self._leave(record)

    def close(self) -> None:
        """Close the sinks at the end of the worker."""
        for close in self._closings:
            with _LOGGED:
                close()

    def _leave(self, record: RequestRecord) -> None:
        if not record.in_progress:
            return
        record.in_progress = False
        self._metrics.request_ended()
        if record.streaming:
            self._metrics.stream_closed()


def end_trace(record: RequestRecord) -> None:
    """The sink of traces: end the spans of the request if it is traced."""
    if record.trace is not None:
        record.trace.end(record)
