"""The report of finished requests to their sinks."""

from __future__ import annotations

import logging

import pytest

from proxy.telemetry.accounting import Accounting, Sink
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.request_record import BROKEN_OFF, RequestRecord


def record() -> RequestRecord:
    return RequestRecord("req_1", "req_1", "POST", "/v1/messages", status=200)


def failing(*_: object) -> None:
    raise ZeroDivisionError("secret")


def in_progress(metrics: Metrics) -> dict[str, float]:
    return {
        metric.name.removeprefix("claude_proxy_"): metric.samples[0].value
        for metric in metrics.registry.collect()
        if metric.name.endswith(("_in_progress", "_open"))
    }


def test_a_request_is_reported_once_to_every_sink_in_order() -> None:
    reported: list[tuple[int, RequestRecord]] = []
    sinks = [Sink(lambda each, n=n: reported.append((n, each))) for n in range(3)]  # type: ignore[misc]
    accounting, finished = Accounting(sinks, Metrics()), record()
    accounting.begin(finished)
    accounting.finish(finished)
    accounting.finish(finished)
    accounting.end(finished)
    assert reported == [(0, finished), (1, finished), (2, finished)]
    assert finished.error is None


def test_a_sink_that_fails_keeps_no_other_from_the_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reported: list[RequestRecord] = []
    metrics = Metrics()
    accounting = Accounting([Sink(failing), Sink(reported.append)], metrics)
    finished = record()
    accounting.begin(finished)
    accounting.stream(finished)
    assert in_progress(metrics) == {"requests_in_progress": 1, "streams_open": 1}
    accounting.finish(finished)
    assert reported == [finished]
    assert in_progress(metrics) == {"requests_in_progress": 0, "streams_open": 0}
    assert [each.levelno for each in caplog.records] == [logging.ERROR]


class FailingHandler(logging.Handler):
    """As ``WatchedFileHandler`` whose directory was removed."""

    def emit(self, record: logging.LogRecord) -> None:
        raise FileNotFoundError(record.name)


def test_a_log_that_cannot_be_written_keeps_no_sink_from_the_report() -> None:
    reported: list[RequestRecord] = []
    handler, finished = FailingHandler(), record()
    logging.getLogger().addHandler(handler)
    try:
        Accounting([Sink(failing), Sink(reported.append)], Metrics()).finish(finished)
    finally:
        logging.getLogger().removeHandler(handler)
    assert reported == [finished]


def test_an_estimate_that_fails_does_not_lose_the_request() -> None:
    reported: list[RequestRecord] = []
    finished = record()
    finished.estimate_usage(lambda: 1 // 0, 5)
    Accounting([Sink(reported.append)], Metrics()).finish(finished)
    assert reported == [finished]


def test_a_request_without_a_report_was_broken_off() -> None:
    reported: list[RequestRecord] = []
    accounting, lost = Accounting([Sink(reported.append)], Metrics()), record()
    lost.status = 0
    accounting.begin(lost)
    accounting.end(lost)
    assert (reported, lost.status, lost.error) == ([lost], 500, BROKEN_OFF)


def test_every_sink_is_closed() -> None:
    closed: list[str] = []
    sinks = [Sink(failing, failing), Sink(failing, lambda: closed.append("second"))]
    Accounting(sinks, Metrics()).close()
    assert closed == ["second"]
