"""The bill of one request: what the upstream told, and what is owed where it did not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from gevent import GreenletExit

from config.registry.values import Price
from proxy.errors import UpstreamError
from proxy.telemetry.request_record import RequestRecord, total_input

PRICE = Price(input=1.0)


def record(usage: Mapping[str, Any] | None = None) -> RequestRecord:
    made = RequestRecord("req_1", "req_1", "POST", "/v1/messages", usage=usage, price=PRICE)
    made.provider, made.upstream_model = "first", "model-1"
    return made


def never() -> int:
    raise AssertionError("counted what was told")


@pytest.mark.parametrize(
    ("told", "owed", "expected"),
    [
        pytest.param(None, 20, (50, 20, True), id="nothing"),
        pytest.param({"input_tokens": 0, "output_tokens": 0}, 20, (50, 20, True), id="counts of 0"),
        pytest.param({"input_tokens": 7, "output_tokens": 0}, 20, (7, 20, True), id="input"),
        pytest.param({"cache_read_input_tokens": 7}, 20, (7, 20, True), id="cached input"),
        pytest.param({"output_tokens": 3}, 20, (50, 3, True), id="output"),
        pytest.param({"input_tokens": 7, "output_tokens": 3}, 20, (7, 3, False), id="all"),
        pytest.param({"input_tokens": 7, "output_tokens": 0}, 0, (7, 0, False), id="no output"),
    ],
)
def test_what_was_not_told_is_estimated(
    told: dict[str, int] | None, owed: int, expected: tuple[int, int, bool]
) -> None:
    access = record(told)
    access.estimate_usage(lambda: 50, owed)
    before = access.has_pending_estimates
    access.apply_estimates()
    usage = access.usage or {}
    assert (total_input(usage), usage["output_tokens"], access.estimated) == expected
    assert (before, access.has_pending_estimates, access.earlier) == (True, False, ())


def test_a_bill_is_paid_once() -> None:
    access = record()
    access.estimate_usage(lambda: 50, 20)
    access.apply_estimates()
    access.apply_estimates()
    assert access.usage == {"input_tokens": 50, "output_tokens": 20}


def test_an_attempt_that_was_answered_pays_for_those_before() -> None:
    access = record()
    access.estimate_usage(never, 20)
    access.begin_next_attempt()
    access.usage = {"input_tokens": 7, "output_tokens": 0}
    access.estimate_usage(never, 0)
    access.apply_estimates()
    assert access.usage == {"input_tokens": 7, "output_tokens": 0}
    assert (access.earlier, access.estimated) == ((), False)


def test_what_only_an_earlier_attempt_owes_is_counted_under_its_names() -> None:
    access = record()
    access.estimate_usage(lambda: 50, 20)
    access.begin_next_attempt()
    # Two more are refused.
    access.provider, access.upstream_model, access.price = "second", "model-2", None
    access.begin_next_attempt()
    access.apply_estimates()
    assert access.usage is None
    (attempt,) = access.earlier
    assert (attempt.provider, attempt.upstream_model, attempt.price) == ("first", "model-1", PRICE)
    assert attempt.usage == {"input_tokens": 50, "output_tokens": 20}
    assert (attempt.estimated, access.estimated) == (True, False)


def test_of_several_attempts_that_owe_the_last_one_pays() -> None:
    access = record()
    access.estimate_usage(never, 20)
    access.begin_next_attempt()
    access.estimate_usage(lambda: 60, 1)
    access.apply_estimates()
    assert access.usage == {"input_tokens": 60, "output_tokens": 1}
    assert access.earlier == ()


def test_the_calls_of_one_request_are_kept_apart() -> None:
    access = record({"input_tokens": 1, "output_tokens": 2})
    access.begin_next_call()
    access.estimate_usage(lambda: 50, 20)
    access.begin_next_call()
    access.apply_estimates()
    assert [call.usage for call in access.earlier] == [
        {"input_tokens": 1, "output_tokens": 2},
        {"input_tokens": 50, "output_tokens": 20},
    ]
    assert [call.estimated for call in access.earlier] == [False, True]
    assert access.usage is None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(None, (499, None), id="closed"),
        pytest.param(BrokenPipeError(), (499, None), id="no more could be written"),
        pytest.param(GreenletExit(), (499, None), id="never read, at the end of the process"),
        pytest.param(UpstreamError("x"), (499, None), id="told by its own words, if any"),
        pytest.param(SystemExit(1), (200, "broken off"), id="a worker that hung"),
        pytest.param(KeyError("x"), (200, "broken off"), id="a bug"),
    ],
)
def test_who_cut_a_stream_short(error: BaseException | None, told: tuple[int, str | None]) -> None:
    made = record()
    made.status = 200
    # As gunicorn closes what it writes.
    with suppress(BaseException):
        try:
            if error is not None:
                raise error
        finally:
            made.cut_short()
    assert (made.status, made.error) == told
