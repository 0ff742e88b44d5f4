"""Whether a store on the network may be asked, and what is said when that changes.

Rule: one warning when it goes, one line when it is back, and no request waits for a store that was
away a moment ago: until ``REST_SECONDS`` are over nobody asks, then one request tries. Waiting for
one's turn is no sign of an outage, and ends with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import gevent
from gevent.lock import BoundedSemaphore

from proxy.access.limits.store import StoreAway

ASK_SECONDS = 1.0
"""Longest that one question may take, the name service included."""
REST_SECONDS = 5.0

T = TypeVar("T")
log = logging.getLogger(__name__)


class NoAnswer(Exception):
    """A question took too long; raised inside the client library, which drops its connection."""


class Outage:
    """The present state of one store.

    ``name`` is what the log calls it, ``meanwhile`` what happens to requests while it is away,
    ``faults`` the exceptions by which its client tells that it is; ``at_once`` questions are asked
    at a time. ``probe`` is asked before the store counts as back: one that is full or read-only still
    answers some questions.
    """

    def __init__(
        self,
        name: str,
        meanwhile: str,
        faults: tuple[type[Exception], ...],
        *,
        at_once: int = 1,
        probe: Callable[[], object] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._name = name
        self._meanwhile = meanwhile
        self._faults: tuple[type[Exception], ...] = (*faults, NoAnswer, OSError)
        self._clock = clock
        self._probe = probe
        self._turns = BoundedSemaphore(at_once)
        self._again: float | None = None
        """When it may be asked again; None while it answers."""

    def ask(self, question: Callable[[], T]) -> T:
        """The store's answer; raises ``StoreAway``."""
        self._refuse_while_away()
        with self._turns:
            self._refuse_while_away()
            if self._again is not None:
                # This one tries; nobody else does meanwhile.
                self._again = self._clock() + REST_SECONDS
            try:
                with gevent.Timeout(ASK_SECONDS, NoAnswer(f"no answer within {ASK_SECONDS:g} s")):
                    if self._again is not None and self._probe is not None:
                        self._probe()
                    answer = question()
            except self._faults as error:
                self._went(error)
                raise StoreAway from error
        if self._again is not None:
            self._again = None
            log.info("%s is back: rate limits are in force again", self._name)
        return answer

    def _refuse_while_away(self) -> None:
        if self._again is not None and self._clock() < self._again:
            raise StoreAway

    def _went(self, error: Exception) -> None:
        if self._again is None:
            log.warning("%s is away (%s): %s", self._name, type(error).__name__, self._meanwhile)
        self._again = self._clock() + REST_SECONDS
