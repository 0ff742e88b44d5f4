"""Runs the attempts to answer one call until one succeeds or no other may follow.

Rule: ``proxy.failures.policy`` decides what follows a failure. This module executes the decision, reports
to the circuit breaker, and logs one WARNING for each failed attempt that another follows, without keys or
prompts (docs/features.md "Failover"). No attempt follows after the client disconnected.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Generator, Sequence
from time import monotonic
from typing import TypeVar

from proxy.concurrency import run_off_loop
from proxy.errors import ClientGone, InvalidRequest, UpstreamError, release_frames
from proxy.failures.complaints import LONGEST_TEXT
from proxy.failures.policy import FINAL, PASSED_OVER, Attempt, Plan, Verdict, failure_kind, judge
from proxy.failures.quotations import own_words
from proxy.providers.routing import Route
from proxy.relay.call import Call
from proxy.telemetry.logs import error_words

log = logging.getLogger(__name__)

T = TypeVar("T")
RouteAttempt = Attempt[Route]
Failure = UpstreamError | InvalidRequest


def with_failover(call: Call, answer: Callable[[], T]) -> T:
    """What ``answer`` returns for the first attempt that succeeds.

    ``answer`` sends ``call`` with its present route and key, which differ between attempts. If all
    fail, the first ``UpstreamError`` is raised, else the first ``InvalidRequest``.
    """
    plan = Plan(
        call.candidates,
        max_retries=call.settings.max_retries,
        deadline=lambda: call.deadline,
        now=monotonic,
        dice=random.random,
    ).attempts()
    attempt = next(plan)
    failures: list[tuple[RouteAttempt, Failure]] = []
    try:
        while True:
            try:
                return _tried(call, attempt, answer)
            except (UpstreamError, InvalidRequest) as error:
                failures.append((attempt, error))
                if isinstance(error, UpstreamError):
                    call.record.record_event("error", failure_kind(error))
                following = _following(plan, _verdict(call, attempt, error))
                release_frames(error)
            if following is None:
                raise _reported(call, attempt, failures)
            _prepare_for(call, following)
            _log_next(call, attempt, following, failures[-1][1])
            attempt = following
    finally:
        # An error refers to this frame by its traceback: a cycle, which would keep the request in memory.
        failures.clear()


def _reported(
    call: Call, last: RouteAttempt, failures: Sequence[tuple[RouteAttempt, Failure]]
) -> Failure:
    """The failure that is reported to the client; ``call`` gets the route of its attempt."""
    answered = [failed for failed in failures if isinstance(failed[1], UpstreamError)]
    first, failure = (answered or failures)[0]
    if first is not last:
        call.begin_attempt(first.candidate.target, first.key, first.outcome)
    return failure


def _tried(call: Call, attempt: RouteAttempt, answer: Callable[[], T]) -> T:
    outcome = attempt.outcome
    try:
        call.begin_attempt(attempt.candidate.target, attempt.key, outcome)
        if attempt.wait:
            _pause(call, attempt.wait)
        result = answer()
        if not outcome.open_ended:
            outcome.report(False, monotonic())
    except UpstreamError:
        # ``_verdict`` reports it to the breaker.
        raise
    except BaseException:
        outcome.report(None, monotonic())
        raise
    return result


def _pause(call: Call, seconds: float) -> None:
    if call.record.tap is not None:
        call.record.tap.pause(call.exchange, seconds)
    else:
        call.exchange.pause(seconds)


def _verdict(call: Call, attempt: RouteAttempt, error: Failure) -> Verdict:
    """What may follow ``error``; reports to the circuit breaker whether the provider failed."""
    candidate = attempt.candidate
    if isinstance(error, InvalidRequest):
        # If the requested model cannot process the request, the client gets this error.
        return FINAL if candidate is call.candidates[0] else PASSED_OVER
    provider = candidate.target.provider
    verdict = judge(
        error,
        own_key=bool(provider.api_keys),
        now=time.time(),
        quotes_request=lambda: len(candidate.keys.keys) > 1 and _quotes_request(call, error),
    )
    if attempt.outcome.report(verdict.provider_failed, monotonic()):
        seconds = (candidate.breaker.open_until or 0.0) - monotonic()
        log.warning("circuit breaker opened for %s; next probe in %.0f s", provider.name, seconds)
    return verdict


def _quotes_request(call: Call, error: UpstreamError) -> bool:
    text = error.text[:LONGEST_TEXT].lower()
    return run_off_loop(own_words, text, call.request) != text


def _following(
    plan: Generator[RouteAttempt, Verdict, None], verdict: Verdict
) -> RouteAttempt | None:
    try:
        return plan.send(verdict)
    except StopIteration:
        return None


def _prepare_for(call: Call, following: RouteAttempt) -> None:
    """End the failed attempt before ``following`` begins; raises ``ClientGone``."""
    try:
        call.exchange.raise_if_gone()
    except ClientGone:
        # ``following`` may be the breaker's only probe; without a report no other request may probe.
        following.outcome.report(None, monotonic())
        raise
    call.exchange.close()


def _log_next(call: Call, failed: RouteAttempt, following: RouteAttempt, error: Failure) -> None:
    """Log and count what failed, how, and what is tried instead."""
    reason, request_id = error_words(error), call.record.request_id
    failed_at, next_at = failed.candidate, following.candidate
    if failed_at is not next_at:
        call.record.record_event("retry", "failover")
        log.warning(
            "failover request_id=%s: %s failed (%s), trying %s",
            request_id,
            _name(failed_at.target),
            reason,
            _name(next_at.target),
        )
    elif failed.key != following.key:
        call.record.record_event("retry", "key")
        log.warning(
            "failover request_id=%s: key %d of %s failed (%s), trying key %d",
            request_id,
            failed_at.keys.position(failed.key),
            failed_at.target.provider.name,
            reason,
            failed_at.keys.position(following.key),
        )
    else:
        call.record.record_event("retry", "same")
        log.warning(
            "retry request_id=%s: %s failed (%s), trying again after %.2f s",
            request_id,
            _name(failed_at.target),
            reason,
            following.wait,
        )


def _name(route: Route) -> str:
    return f"{route.provider.name}/{route.model}"
