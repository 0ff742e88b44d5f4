"""The upstreams' own lists of models, cached in each worker.

Rule: a list is cached for the upstream and the credential with which it was fetched, so that what one
client's key is shown decides nothing for another; of both only a digest is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

from gevent.event import Event

from config.registry.values import Provider
from proxy.errors import RequestTimeout, UpstreamError

CACHE_SECONDS = 300.0
"""How long a list is shown to clients and decides about models."""
FAILURE_SECONDS = 15.0
"""How long an upstream that failed to list its models is not asked again to decide or to explain."""
CACHED_LISTS = 200

Entry = dict[str, Any]
Fetch = Callable[[], list[Entry]]


@dataclass(slots=True)
class _Held:
    """What is known of one list; times are of the monotonic clock."""

    entries: list[Entry] | None = None
    fetched: float = -inf
    failed: float = -inf
    asking: Event | None = None
    """Set once the call that is under way has ended; None: there is none."""


class ModelList:
    """Cached model entries, one list for each place (``place_of``), for ``seconds`` at most.

    0: nothing is cached, so that each exchange that is recorded has the lists on which it depends.
    """

    def __init__(self, seconds: float = CACHE_SECONDS) -> None:
        self._seconds = seconds
        self._places: dict[bytes, _Held] = {}
        self._told: dict[str, float] = {}

    def entries(self, place: bytes, fetch: Fetch) -> list[Entry]:
        """The entries at ``place``: the cached ones, or what ``fetch`` returns.

        Raises what ``fetch`` raises.
        """
        held = self._places.get(place)
        if held is not None and held.entries is not None and _is_fresh(held, self._seconds):
            return held.entries
        return self._keep(place, fetch())

    def held(self, place: bytes) -> list[Entry] | None:
        """The last entries at ``place``, of any age; None: there are none. No upstream is called."""
        held = self._places.get(place)
        return held.entries if held is not None and self._seconds else None

    def is_news(self, words: str, seconds: float = inf) -> bool:
        """Whether ``words``, which belong to a line of the log, were not passed within ``seconds``."""
        now = monotonic()
        if words in self._told and now - self._told[words] < seconds:
            return False
        if len(self._told) >= CACHED_LISTS:
            del self._told[next(iter(self._told))]
        self._told[words] = now
        return True

    def quietly(
        self,
        place: bytes,
        fetch: Fetch,
        wait: Callable[[Event], object],
        max_age: float = CACHE_SECONDS,
    ) -> list[Entry] | None:
        """As ``entries``; if the list cannot be had the last one, or None.

        Of concurrent calls one fetches and the others ``wait`` for it, which raises ``UpstreamTimeout``
        when the caller's time is over. A failure is remembered for FAILURE_SECONDS. Raises
        ``ClientGone`` and ``RequestTimeout`` as they concern the caller's own request.
        """
        try:
            while True:
                held = self._place(place)
                if _is_fresh(held, min(max_age, self._seconds)) or self._has_failed(held):
                    return held.entries
                if held.asking is None:
                    return self._asked(place, held, fetch)
                # If the client of the other call leaves, the list is still unknown afterwards.
                wait(held.asking)
        except RequestTimeout:
            raise
        except UpstreamError:
            return self.held(place)

    def _has_failed(self, held: _Held) -> bool:
        return monotonic() - held.failed < min(FAILURE_SECONDS, self._seconds)

    def _asked(self, place: bytes, held: _Held, fetch: Fetch) -> list[Entry]:
        asking = held.asking = Event()
        try:
            return self._keep(place, fetch())
        except RequestTimeout:
            raise
        except UpstreamError:
            held.failed = monotonic()
            raise
        finally:
            held.asking = None
            asking.set()

    def _keep(self, place: bytes, entries: list[Entry]) -> list[Entry]:
        # Equal lists are kept once: most upstreams return the same list for every key, and clients can
        # send any number of keys.
        known = (each.entries for each in self._places.values())
        entries = next((each for each in known if each == entries), entries)
        held = self._place(place)
        held.entries, held.fetched, held.failed = entries, monotonic(), -inf
        return entries

    def _place(self, place: bytes) -> _Held:
        held = self._places.get(place)
        if held is None:
            if len(self._places) >= CACHED_LISTS:
                # The oldest one: a client that invents keys does not empty the whole cache.
                del self._places[next(iter(self._places))]
            held = self._places[place] = _Held()
        return held


def place_of(provider: Provider, url: str, key: str | None) -> bytes:
    """The place in the cache of the list at ``url``, as ``provider`` shows it to ``key``.

    All keys of the server for one provider have one place.
    """
    scope = provider.api_keys[0] if provider.api_keys else key or ""
    return hashlib.sha256("\0".join((provider.name, url, scope)).encode()).digest()


def _is_fresh(held: _Held, seconds: float) -> bool:
    return monotonic() - held.fetched < seconds
