"""Decides whether a request is within its client's limits, and counts it.

Rule: a refused request is not counted. Requests and tokens are checked before the body is read, streams
once the body has been read and requests one. Tokens are counted when the answer has ended, so the
request that exceeds the limit of tokens is still answered.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from time import time

from proxy.access.limits.headers import HELD_RETRY_SECONDS, Level, Levels, limit_headers, refusal
from proxy.access.limits.kinds import REQUESTS, TOKENS, Amounts, Kind
from proxy.access.limits.store import Store, StoreUnavailable
from proxy.errors import LimitsUnknown

UNKNOWN_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator configured."""

    amounts: Amounts
    fail_closed: bool = False
    """Whether requests are refused while the store does not answer."""

    def __bool__(self) -> bool:
        return bool(self.amounts)


class Limiter:
    """The limits in force and the store that counts."""

    def __init__(self, limits: Limits, store: Store) -> None:
        self.limits = limits
        self.store = store

    def ticket(self, client: str, *, spends: bool) -> Ticket:
        """The ticket for a request of ``client``; ``spends``: the request may use tokens."""
        return Ticket(self, client, charged=spends and TOKENS in self.limits.amounts)

    def without_store(self) -> None:
        """Raise ``LimitsUnknown`` if requests are refused while the store does not answer."""
        if self.limits.fail_closed:
            raise LimitsUnknown(
                "the rate limits cannot be checked at the moment: try again later",
                headers={"retry-after": str(UNKNOWN_RETRY_SECONDS)},
            )


class Ticket:
    """What one request counts against its client's limits; to be closed when its answer has ended."""

    def __init__(self, limiter: Limiter, client: str, *, charged: bool) -> None:
        self._limiter = limiter
        self._amounts, self._store = limiter.limits.amounts, limiter.store
        self._client = client
        self._charged = charged
        self._leases: dict[Kind, str] = {}
        self.headers: dict[str, str] = {}
        """Rate limit headers of the answer."""

    def begin(self) -> None:
        """Count the request; raises ``RateLimited`` or, where configured, ``LimitsUnknown``."""
        try:
            levels, reached = self._begun()
        except StoreUnavailable:
            self._charged = False
            self._limiter.without_store()
            return
        self._show(levels)
        if reached is not None:
            self._charged = False
            level = levels[reached]
            raise refusal(reached, level.limit, level.reset, self.headers)

    def _begun(self) -> tuple[Levels, Kind | None]:
        """The present levels, and the limit that is reached; if none is, the request is counted."""
        store, client = self._store, self._client
        levels: dict[Kind, Level] = {}
        reached = None
        if self._charged:
            levels[TOKENS] = store.level(TOKENS, client)
            if levels[TOKENS].remaining <= 0:
                reached = TOKENS
        if REQUESTS in self._amounts:
            if reached is None and not store.take(REQUESTS, client):
                reached = REQUESTS
            levels[REQUESTS] = store.level(REQUESTS, client)
        return levels, reached

    def take(self, kind: Kind, cost: int = 1) -> None:
        """Count ``cost`` of another kind; a ``held`` kind is counted once, until ``close``.

        Raises ``RateLimited`` or ``LimitsUnknown``.
        """
        if kind not in self._amounts or kind in self._leases:
            return
        lease = token_hex(8) if kind.window == "held" else ""
        if lease:
            self._leases[kind] = lease
        try:
            taken = self._store.take(kind, self._client, cost, lease)
        except StoreUnavailable:
            # The lease is kept: its renewal counts it once the store answers.
            self._limiter.without_store()
            return
        if not taken:
            self._leases.pop(kind, None)
            self._refuse(kind)

    def charge(self, tokens: int) -> None:
        """Count the tokens of the answer; later calls change nothing."""
        if self._charged:
            self._charged = False
            if tokens > 0:
                with suppress(StoreUnavailable):
                    self._store.take(TOKENS, self._client, tokens)

    def close(self) -> None:
        """Give leases back; to be called when the answer has ended, with or without an error."""
        while self._leases:
            kind, lease = self._leases.popitem()
            with suppress(StoreUnavailable):
                self._store.give_back(kind, self._client, lease)

    def _refuse(self, kind: Kind) -> None:
        """Undo the count of the request and raise ``RateLimited``."""
        seconds: float = HELD_RETRY_SECONDS
        with suppress(StoreUnavailable):
            if REQUESTS in self._amounts:
                self._store.give_back(REQUESTS, self._client)
                self._show({REQUESTS: self._store.level(REQUESTS, self._client)})
            if kind.window != "held":
                seconds = self._store.level(kind, self._client).reset
        raise refusal(kind, self._amounts[kind], seconds, self.headers)

    def _show(self, levels: Levels) -> None:
        self.headers |= limit_headers(levels, time())
