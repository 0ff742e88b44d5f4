"""What may be tried after an upstream failed, and in which order.

Rule: docs/features.md "Failover": keys of the same provider first, then repetitions, then the next
model; only what is certain to have brought no answer, and nothing that starts after the deadline.
Pure: the clock and the dice are handed in; whoever runs the attempts tells how each of them ended.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

from proxy.errors import RequestTimeout, UpstreamError, UpstreamTimeout
from proxy.failures.classify import INSUFFICIENT_QUOTA
from proxy.providers.circuit_breaker import Breaker, Entry, Outcome
from proxy.providers.key_ring import KeyRing

SHORT_WAIT = 5.0
"""Seconds of ``retry-after`` up to which the same upstream is waited for."""
RETRIED = frozenset({408, 409})
"""Besides every 5xx and a 429 that names a short wait."""
KEY_RESTS = {401: 60.0, 402: 300.0, 403: 0.0, 429: 30.0}
"""Seconds for which a key of the server's rests where the upstream names no time. A 403 may be
about the request, so it only lets another key try."""
KINDS = {401: "key", 402: "quota", 403: "key", 408: "timeout", 429: "rate_limit"}
"""What these statuses are in the metrics; every other is ``refused`` or ``server_error``."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 4.0
"""Seconds between repetitions where the upstream names no time: doubled from one to the next."""

Target = TypeVar("Target")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may follow one failure."""

    retry_after: float | None = None
    """Seconds after which the same upstream may be asked again; None forbids it."""
    key_rest: float | None = None
    """Seconds for which the key rests while another one of the server's is tried; None: neither."""
    next_model: bool = False
    provider_failed: bool | None = None
    """For the breaker: the provider is dead (True), alive (False), or this tells nothing."""
    asked: bool = True
    """False where nothing was sent, because this model cannot carry the request."""


FINAL = Verdict()
PASSED_OVER = Verdict(next_model=True, asked=False)


def judge(error: UpstreamError, *, own_key: bool, now: float) -> Verdict:
    """What may follow ``error``, before anything of an answer left for the client.

    ``own_key``: the server's key was sent, so what is wrong with it is not the client's business.
    ``now``: seconds since 1970, for a ``retry-after`` that is a date.
    """
    if isinstance(error, RequestTimeout):
        return FINAL
    if error.unanswered or isinstance(error, UpstreamTimeout):
        return Verdict(next_model=True, provider_failed=True)
    status = stated_status(error)
    if status is None:
        return FINAL
    wait = told_wait(error, now)
    return Verdict(
        retry_after=_retry_after(status, wait, error),
        key_rest=_key_rest(status, wait) if own_key else None,
        next_model=_next_model(status, wait, own_key),
        provider_failed=True if status >= 500 else None if status == 408 else False,
    )


def stated_status(error: UpstreamError) -> int | None:
    """The HTTP status by which the upstream refused, also inside a 200 answer.

    None for an answer that is broken: its first byte came, so nothing may follow.
    """
    if error.code == INSUFFICIENT_QUOTA:
        return 402
    if error.upstream_status is not None:
        return error.upstream_status
    return error.status if error.quoted else None


def failure_kind(error: UpstreamError) -> str:
    """One word for what an upstream did, for the metrics."""
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    if error.unanswered:
        return "connection"
    status = stated_status(error)
    if status is None:
        return "broken"
    return KINDS.get(status) or ("server_error" if status >= 500 else "refused")


def told_wait(error: UpstreamError, now: float) -> float | None:
    """The seconds that the upstream asks to wait, None where it names none."""
    milliseconds = _number(error.headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = error.headers.get("retry-after", "")
    if not text or (seconds := _number(text)) is not None:
        return seconds if text else None
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def pause(retry_after: float, repetition: int, dice: float) -> float:
    """Seconds before the ``repetition``-th repetition (from 0); ``dice`` is from 0 to 1.

    Never less than the upstream asked for; spread, so that many clients do not come back at once.
    """
    if retry_after > 0:
        return retry_after * (1 + dice / 10)
    return min(LONGEST_PAUSE, math.ldexp(FIRST_PAUSE, repetition)) * (1 + dice) / 2


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,18}(?:\.[0-9]{1,9})?", text) else None


def _retry_after(status: int, wait: float | None, error: UpstreamError) -> float | None:
    if error.headers.get("x-should-retry") == "false" or (wait or 0.0) > SHORT_WAIT:
        return None
    if status == 429:
        return wait
    return wait or 0.0 if status in RETRIED or status >= 500 else None


def _key_rest(status: int, wait: float | None) -> float | None:
    rest = KEY_RESTS.get(status)
    return rest if rest is None or wait is None else max(wait, 0.0)


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
    """One call to make: wait, send, tell its outcome."""

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
        """Each attempt; the verdict on its failure is sent in. There is always a first one."""
        alone, asked = len(self._candidates) == 1, False
        resting = []
        for candidate in self._candidates:
            verdict = yield from self._at(candidate, forced=alone)
            if verdict is None:
                resting.append(candidate)
            elif verdict.asked:
                asked = True
                if not verdict.next_model:
                    return
        if resting and not asked:
            # To refuse without having asked anybody helps nobody.
            yield from self._at(min(resting, key=self._rests_until), forced=True)

    def _at(
        self, candidate: Candidate[Target], *, forced: bool
    ) -> Generator[Attempt[Target], Verdict, Verdict | None]:
        """The attempts at one candidate; the last verdict, None where it was passed over."""
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
        """One attempt with each key that is ready, until the failure is not the key's."""
        keys, verdict = candidate.keys, None
        used: list[str | None] = []
        while True:
            ready = keys.ready(self._now() + wait, used)
            if not ready and (used or not (forced or again)):
                return verdict
            key = ready[0] if ready else keys.soonest()
            if self._attempted and self._now() + wait >= self._deadline:
                return verdict
            entry = candidate.breaker.enter(self._now())
            if entry is None and not forced:
                return verdict
            self._attempted = True
            outcome = Outcome(candidate.breaker, entry or Entry.ORDINARY)
            verdict = yield Attempt(candidate, key, outcome, wait)
            if verdict.key_rest is None:
                return verdict
            keys.rest(key, self._now() + verdict.key_rest)
            used.append(key)
            wait = 0.0

    def _rests_until(self, candidate: Candidate[Target]) -> float:
        now = self._now()
        return max(candidate.breaker.rests_until or now, candidate.keys.ready_at(now))
