"""The failover policy: which attempts may follow a failure of an upstream, and in which order.

Rule: other keys of the same provider first, then retries, then the next model. An attempt follows only
if the failed one certainly returned no part of an answer, and never after the deadline (docs/features.md
"Failover"). Pure: clock and random numbers are arguments. The caller makes the attempts and sends back a
verdict on each failure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from proxy.errors import RequestTimeout, UpstreamError, UpstreamTimeout
from proxy.failures.classify import INSUFFICIENT_QUOTA
from proxy.failures.key_scope import concerns_request
from proxy.failures.response_headers import requested_wait
from proxy.providers.circuit_breaker import Breaker, Entry, Outcome
from proxy.providers.key_ring import KeyRing

SHORT_WAIT = 5.0
"""Longest ``retry-after``, in seconds, after which the same upstream is called again."""
RETRIED_STATUSES = frozenset({408, 409})
"""Statuses that are retried, in addition to every 5xx and a 429 with a short delay."""
COOLDOWN_FOR_STATUS = {401: 60.0, 402: 300.0, 403: 0.0, 429: 30.0}
"""Seconds for which a key of the server is not used, if the upstream states no time. After a 403, which
may be caused by the request, only another key is tried, whatever time the upstream states."""
LONGEST_REST = 300.0
"""Longest rest of a key in seconds, whatever the upstream states. A key that is still refused afterwards
costs one call, which is repeated with the next key at once."""
KIND_FOR_STATUS = {401: "key", 402: "quota", 403: "key", 408: "timeout", 429: "rate_limit"}
"""Metric labels by status; other statuses are ``refused`` or ``server_error``."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 4.0
"""Seconds before a retry if the upstream states no time: from the first to the longest pause, doubled with
each retry."""

Target = TypeVar("Target")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which attempts may follow one failure."""

    retry_after: float | None = None
    """Seconds after which the same upstream may be called again; None: never."""
    key_cooldown: float | None = None
    """Seconds for which the key is not used, while another key of the server is tried; None: neither."""
    next_model: bool = False
    provider_failed: bool | None = None
    """For the circuit breaker: True (failure), False (the provider answered), None (not known)."""
    sent: bool = True
    """False if no request was sent, because this model cannot process it."""


FINAL = Verdict()
PASSED_OVER = Verdict(next_model=True, sent=False)


def judge(
    error: UpstreamError,
    *,
    own_key: bool,
    now: float,
    quotes_request: Callable[[], bool] = lambda: False,
) -> Verdict:
    """What may follow ``error``, if no part of an answer was sent to the client.

    ``own_key``: the server's key was sent, so another key or model may be tried if it is refused.
    ``now``: seconds since 1970, for a ``retry-after`` that is a date. ``quotes_request`` returns whether
    the error's text repeats words of the request; it is called only if a key would rest for that text.
    """
    if isinstance(error, RequestTimeout):
        return FINAL
    if error.unanswered or isinstance(error, UpstreamTimeout):
        return Verdict(next_model=True, provider_failed=True)
    status = stated_status(error)
    if status is None:
        return FINAL
    wait = requested_wait(error.headers, now)
    of_request = concerns_request(error, wait_stated=wait is not None)
    if of_request and status >= 500:
        # Each upstream of this kind would fail in the same way, so it is not a failure of this one.
        return Verdict(next_model=True, provider_failed=False)
    cooldown = _key_cooldown(status, wait) if own_key else None
    if cooldown and (of_request or (_by_words(error) and quotes_request())):
        cooldown = 0.0
    return Verdict(
        retry_after=_retry_after(status, wait, error),
        key_cooldown=cooldown,
        next_model=_next_model(status, wait, own_key),
        provider_failed=True if status >= 500 else None if status == 408 else False,
    )


def stated_status(error: UpstreamError) -> int | None:
    """The HTTP status of the upstream's refusal, which may be inside a 200 answer.

    None for an answer that broke off: it had begun, so no attempt may follow.
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
    """Seconds before the retry number ``repetition`` (from 0); ``dice`` is a random number from 0 to 1.

    Never less than the upstream requests; with jitter, so that clients do not retry all at once.
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
    if not seconds or wait is None:
        return seconds
    return min(wait, LONGEST_REST)


def _by_words(error: UpstreamError) -> bool:
    """Whether the words of ``error``, and not its status, say that the key is refused."""
    return error.upstream_status not in COOLDOWN_FOR_STATUS


def _next_model(status: int, wait: float | None, own_key: bool) -> bool:
    if status == 429:
        return wait is None or wait > SHORT_WAIT
    return status == 408 or status >= 500 or (own_key and status in (401, 402, 403))


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Target]):
    """A model that may answer, with the state of its provider."""

    target: Target
    breaker: Breaker
    keys: KeyRing


@dataclass(frozen=True, slots=True)
class Attempt(Generic[Target]):
    """One call that the caller must make: wait, send, report the outcome."""

    candidate: Candidate[Target]
    key: str | None
    outcome: Outcome
    wait: float = 0.0


class Plan(Generic[Target]):
    """The attempts to answer one request.

    ``now`` reads a monotonic clock in seconds, ``deadline`` returns a time of this clock, which may move,
    and ``dice`` returns a random number from 0 to 1 for each pause.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate[Target]],
        *,
        max_retries: int,
        deadline: Callable[[], float],
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
            # Every request gets at least one upstream call.
            yield from self._at(min(unavailable, key=self._available_at), forced=True)

    def _at(
        self, candidate: Candidate[Target], *, forced: bool
    ) -> Generator[Attempt[Target], Verdict, Verdict | None]:
        """The attempts with one candidate; returns the last verdict, or None if it was skipped."""
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
        """One attempt with each available key, until a failure has another cause than the key."""
        keys, verdict = candidate.keys, None
        used: list[str | None] = []
        while True:
            available = keys.available(self._now() + wait, used)
            if not available and (used or not (forced or again)):
                return verdict
            key = available[0] if available else keys.next_available()
            if self._attempted and self._now() + wait >= self._deadline():
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
