"""Whether a client may go on, and what its request takes from its limits.

Rule: a refused request consumes nothing. Requests and tokens are judged before anything of the body
is read, streams as soon as the body says that it wants one; tokens are charged when the answer is
over, so that the request which uses up the rest of a minute's tokens is still answered.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from secrets import token_hex
from time import time

from proxy.access.limits.headers import STREAM_RETRY_SECONDS, Level, Levels, limit_headers, refusal
from proxy.access.limits.store import Store, StoreAway
from proxy.errors import LimitsUnknown

UNKNOWN_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator chose; 0 is no limit."""

    requests: int = 0
    tokens: int = 0
    streams: int = 0
    fail_closed: bool = False
    """Whether requests are refused while the store is away."""

    def __bool__(self) -> bool:
        return bool(self.requests or self.tokens or self.streams)


class Limiter:
    """The limits in force and the store that counts."""

    def __init__(self, limits: Limits, store: Store) -> None:
        self.limits = limits
        self.store = store

    def ticket(self, client: str, *, tokens: bool) -> Ticket:
        """What a request of ``client`` will take; ``tokens``: whether it may use any."""
        return Ticket(self, client, charged=tokens and self.limits.tokens > 0)

    def without_store(self) -> None:
        """Go on, or raise ``LimitsUnknown``, as the operator chose."""
        if self.limits.fail_closed:
            raise LimitsUnknown(
                "the rate limits cannot be checked at the moment: try again later",
                headers={"retry-after": str(UNKNOWN_RETRY_SECONDS)},
            )


class Ticket:
    """What one request took from its client's limits; ``close`` it when the answer is over."""

    def __init__(self, limiter: Limiter, client: str, *, charged: bool) -> None:
        self._limiter = limiter
        self._limits, self._store = limiter.limits, limiter.store
        self._client = client
        self._charged = charged
        self._lease: str | None = None
        self.headers: dict[str, str] = {}
        """Headers of the answer."""

    def take(self) -> None:
        """Count the request; raises ``RateLimited`` or, where that is chosen, ``LimitsUnknown``."""
        try:
            levels, reached = self._taken()
        except StoreAway:
            self._charged = False
            self._limiter.without_store()
            return
        self._tell(levels)
        if reached is not None:
            self._charged = False
            level = levels[reached]
            raise refusal(reached, level.limit, level.reset, self.headers)

    def _taken(self) -> tuple[Levels, str | None]:
        """What is left now, and which limit is reached; a request is counted where none is."""
        limits, store, client = self._limits, self._store, self._client
        levels: dict[str, Level] = {}
        reached = None
        if self._charged:
            levels["tokens"] = store.tokens(client)
            if levels["tokens"].remaining <= 0:
                reached = "tokens"
        if limits.requests:
            if reached is None and not store.take_request(client):
                reached = "requests"
            levels["requests"] = store.requests(client)
        return levels, reached

    def open_stream(self) -> None:
        """Count a stream until ``close``; raises ``RateLimited`` or ``LimitsUnknown``."""
        if not self._limits.streams or self._lease is not None:
            return
        self._lease = token_hex(8)
        try:
            opened = self._store.open_stream(self._client, self._lease)
        except StoreAway:
            # The lease is kept: it counts once the store is back.
            self._limiter.without_store()
            return
        if not opened:
            self._lease = None
            with contextlib.suppress(StoreAway):
                self._give_back()
            raise refusal("streams", self._limits.streams, STREAM_RETRY_SECONDS, self.headers)

    def charge(self, tokens: int) -> None:
        """Count the tokens of the answer; only the first call counts."""
        if self._charged:
            self._charged = False
            if tokens > 0:
                with contextlib.suppress(StoreAway):
                    self._store.charge(self._client, tokens)

    def close(self) -> None:
        """The answer is over, however it ended."""
        lease, self._lease = self._lease, None
        if lease is not None:
            with contextlib.suppress(StoreAway):
                self._store.close_stream(self._client, lease)

    def _give_back(self) -> None:
        if self._limits.requests:
            self._store.give_request_back(self._client)
            self._tell({"requests": self._store.requests(self._client)})

    def _tell(self, levels: Levels) -> None:
        self.headers |= limit_headers(levels, time())
