"""Whether a store on the network answers, and the log lines when that changes.

Rule: one warning when it fails, one line when it answers again, and no request waits for a store that
failed a moment ago: for ``RETRY_SECONDS`` it is not called, then one request probes it. Waiting for a
free connection does not count as a failure, nor does an error about one client's key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import gevent
from gevent.lock import BoundedSemaphore

from proxy.access.limits.store import ForeignValue, StoreUnavailable

CALL_SECONDS = 1.0
"""Timeout of one call, the name lookup included."""
RETRY_SECONDS = 5.0

T = TypeVar("T")
log = logging.getLogger(__name__)


class NoAnswer(Exception):
    """A call took too long; raised inside the client library, which drops its connection."""


class StoreHealth:
    """The present state of one store.

    ``name`` is its name in the log, ``meanwhile`` the words for what happens to requests while it does
    not answer. ``faults`` are the exceptions of its client; those for which ``is_outage`` returns false
    are about one key. At most ``at_once`` calls run at a time. ``probe`` must succeed before the store
    counts as available, because a store that is full or read-only still answers some calls.
    """

    def __init__(
        self,
        name: str,
        meanwhile: str,
        faults: tuple[type[Exception], ...],
        *,
        is_outage: Callable[[Exception], bool] = lambda _: True,
        at_once: int = 1,
        probe: Callable[[], object] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._name = name
        self._meanwhile = meanwhile
        self._faults: tuple[type[Exception], ...] = (*faults, NoAnswer, OSError)
        self._is_outage = is_outage
        self._clock = clock
        self._probe = probe
        self._free = BoundedSemaphore(at_once)
        self._again: float | None = None
        """The moment from which it may be called again; None while it answers."""

    def call(self, call: Callable[[], T]) -> T:
        """The store's answer.

        Raises ``StoreUnavailable`` or, for an error about one key, ``ForeignValue``.
        """
        self._refuse_while_unavailable()
        with self._free:
            self._refuse_while_unavailable()
            if self._again is not None:
                # This call is the probe; no other runs meanwhile.
                self._again = self._clock() + RETRY_SECONDS
            try:
                with gevent.Timeout(CALL_SECONDS, NoAnswer(f"no answer within {CALL_SECONDS:g} s")):
                    if self._again is not None and self._probe is not None:
                        self._probe()
                    answer = call()
            except self._faults as error:
                if self._is_outage(error):
                    self._note_failure(error)
                    raise StoreUnavailable from error
                self._note_answer()
                raise ForeignValue from error
        self._note_answer()
        return answer

    def _refuse_while_unavailable(self) -> None:
        if self._again is not None and self._clock() < self._again:
            raise StoreUnavailable

    def _note_failure(self, error: Exception) -> None:
        if self._again is None:
            fault = type(error).__name__
            log.warning("%s does not answer (%s): %s", self._name, fault, self._meanwhile)
        self._again = self._clock() + RETRY_SECONDS

    def _note_answer(self) -> None:
        if self._again is not None:
            self._again = None
            log.info("%s answers again: rate limits are in force", self._name)
