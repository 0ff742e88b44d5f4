"""The failover policy: what may be tried after an upstream failed, and in which order.

Rule: other keys of the same provider first, then repetitions, then the next model; only after a
failure that certainly brought no answer, and never after the deadline (docs/features.md
"Failover"). Pure: clock and random numbers are passed in, and the caller makes the attempts and sends
back a verdict on each failure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from proxy.errors import RequestTimeout, UpstreamError, UpstreamTimeout
from proxy.failures.classify import INSUFFICIENT_QUOTA
from proxy.failures.response_headers import requested_wait
from proxy.providers.circuit_breaker import Breaker, Entry, Outcome
from proxy.providers.key_ring import KeyRing

SHORT_WAIT = 5.0
"""Seconds of ``retry-after`` up to which the same upstream is repeated."""
RETRIED_STATUSES = frozenset({408, 409})
"""In addition to every 5xx and a 429 that names a short wait."""
COOLDOWN_FOR_STATUS = {401: 60.0, 402: 300.0, 403: 0.0, 429: 30.0}
"""Seconds for which one of the server's keys cools down where the upstream names no time. A 403 may
be about the request, so it only lets another key try."""
KIND_FOR_STATUS = {401: "key", 402: "quota", 403: "key", 408: "timeout", 429: "rate_limit"}
"""Labels in the metrics; other statuses are ``refused`` or ``server_error``."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 4.0
"""Seconds between repetitions where the upstream names no time: doubled with each one."""

Target = TypeVar("Target")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may follow one failure."""

    retry_after: float | None = None
    """Seconds after which the same upstream may be called again; None: not at all."""
    key_cooldown: float | None = None
    """Seconds for which the key cools down while another of the server's is tried; None: neither."""
    next_model: bool = False
    provider_failed: bool | None = None
    """For the circuit breaker: True, False (the provider answered), or None: no evidence."""
    sent: bool = True
    """False where nothing was sent, because this model cannot carry the request."""


FINAL = Verdict()
PASSED_OVER = Verdict(next_model=True, sent=False)


def judge(error: UpstreamError, *, own_key: bool, now: float) -> Verdict:
    """What may follow ``error``, as long as the client has received nothing of an answer.

    ``own_key``: the server's key was sent, so another key or model may be tried when it is refused.
    ``now``: seconds since 1970, for a ``retry-after`` that is a date.
    """
    if isinstance(error, RequestTimeout):
        return FINAL
    if error.unanswered or isinstance(error, UpstreamTimeout):
        return Verdict(next_model=True, provider_failed=True)
    status = stated_status(error)
    if status is None:
        return FINAL
    wait = requested_wait(error.headers, now)
    return Verdict(
        retry_after=_retry_after(status, wait, error),
        key_cooldown=_key_cooldown(status, wait) if own_key else None,
        next_model=_next_model(status, wait, own_key),
        provider_failed=True if status >= 500 else None if status == 408 else False,
    )


def stated_status(error: UpstreamError) -> int | None:
    """The HTTP status of the upstream's refusal, also inside a 200 answer.

    None for a broken answer: its first byte arrived, so nothing may follow.
    """
    if error.code == INSUFFICIENT_QUOTA:
        return 402
    if error.upstream_status is not None:
        return error.upstream_status
    return error.status if error.quoted else None


def failure_kind(error: UpstreamError) -> str:
    """The ``kind`` of a failure in the metrics."""
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    if error.unanswered:
        return "connection"
    status = stated_status(error)
    if status is None:
        return "broken"
    return KIND_FOR_STATUS.get(status) or ("server_error" if status >= 500 else "refused")


def pause(retry_after: float, repetition: int, dice: float) -> float:
    """Seconds before the ``repetition``-th repetition (from 0); ``dice`` is from 0 to 1.

    Never less than the upstream asked for; with jitter, so that clients do not return all at once.
    """
    if retry_after > 0:
        return retry_after * (1 + dice / 10)
    return min(LONGEST_PAUSE, math.ldexp(FIRST_PAUSE, repetition)) * (1 + dice) / 2


def _retry_after(status: int, wait: float | None, error: UpstreamError) -> float | None:
    if error.headers.get("x-should-retry") == "false" or (wait or 0.0) > SHORT_WAIT:
        return None
    if status == 429:
        return wait
    return wait or 0.0 if status in RETRIED_STATUSES or status >= 500 else None


def _key_cooldown(status: int, wait: float | None) -> float | None:
    seconds = COOLDOWN_FOR_STATUS.get(status)
    return seconds if seconds is None or wait is None else wait


def _next_model(status: int, wait: float | None, own_key: bool) -> bool:
    if status == 429:
        return wait is None or wait > SHORT_WAIT
    return status == 408 or status >= 500 or (own_key and status in (401, 402, 403))


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Target]):
    """A model that may answer, and the health of its provider."""

    target: Target
    breaker: Breaker
    keys: KeyRing


@dataclass(frozen=True, slots=True)
class Attempt(Generic[Target]):
    """One call to make: wait, send, report its outcome."""

    candidate: Candidate[Target]
    key: str | None
    outcome: Outcome
    wait: float = 0.0


class Plan(Generic[Target]):
    """The attempts at answering one request.

    ``now`` reads a monotonic clock in seconds, ``deadline`` is a moment of it, ``dice`` gives a
    number from 0 to 1 for every pause.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate[Target]],
        *,
        max_retries: int,
        deadline: float,
        now: Callable[[], float],
        dice: Callable[[], float],
    ) -> None:
        self._candidates = candidates
        self._max_retries = max_retries
        self._deadline = deadline
        self._now = now
        self._dice = dice
        self._attempted = False

    def attempts(self) -> Generator[Attempt[Target], Verdict, None]:
        """Yield each attempt and receive the verdict on its failure; at least one is yielded."""
        alone, sent = len(self._candidates) == 1, False
        unavailable = []
        for candidate in self._candidates:
            verdict = yield from self._at(candidate, forced=alone)
            if verdict is None:
                unavailable.append(candidate)
            elif verdict.sent:
                sent = True
                if not verdict.next_model:
                    return
        if unavailable and not sent:
            # A request is not refused without one upstream call.
            yield from self._at(min(unavailable, key=self._available_at), forced=True)

    def _at(
        self, candidate: Candidate[Target], *, forced: bool
    ) -> Generator[Attempt[Target], Verdict, Verdict | None]:
        """The attempts at one candidate; returns the last verdict, None where it was skipped."""
        verdict = None
        wait = 0.0
        for repetition in range(self._max_retries + 1):
            last = yield from self._round(candidate, wait, forced=forced, again=repetition > 0)
            verdict = last or verdict
            if last is None or last.retry_after is None:
                break
            wait = pause(last.retry_after, repetition, self._dice())
        return verdict

    def _round(
        self, candidate: Candidate[Target], wait: float, *, forced: bool, again: bool
    ) -> Generator[Attempt[Target], Verdict, Verdict | None]:
        """One attempt with each available key, until a failure is not caused by the key."""
        keys, verdict = candidate.keys, None
        used: list[str | None] = []
        while True:
            available = keys.available(self._now() + wait, used)
            if not available and (used or not (forced or again)):
                return verdict
            key = available[0] if available else keys.next_available()
            if self._attempted and self._now() + wait >= self._deadline:
                return verdict
            entry = candidate.breaker.enter(self._now())
            if entry is None and not forced:
                return verdict
            self._attempted = True
            outcome = Outcome(candidate.breaker, entry or Entry.ORDINARY)
            verdict = yield Attempt(candidate, key, outcome, wait)
            if verdict.key_cooldown is None:
                return verdict
            keys.cool_down(key, self._now() + verdict.key_cooldown)
            used.append(key)
            wait = 0.0

    def _available_at(self, candidate: Candidate[Target]) -> float:
        now = self._now()
        return max(candidate.breaker.open_until or now, candidate.keys.available_at(now))
