"""The encrypted reasoning that upstreams could not decrypt, so that later requests leave it out at once.

Rule: of a content only its SHA-256 is kept, for an hour. A client's history contains it in each later
request, and each would cost a refused call. Each worker learns for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from proxy.providers.learned_entry import VALID_SECONDS

MOST_STATES = 4096


class RefusedStates:
    """A container of the keys (``failures.response_state.state_key``) of refused contents.

    False while it is empty, as almost always. ``clock`` returns seconds. The content added first is
    forgotten first. Conversions in other threads ask it too.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._until)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._until.get(key, 0.0) > self._clock()

    def add(self, keys: Iterable[str]) -> None:
        """Keep ``keys``, whose contents an upstream refused just now."""
        now = self._clock()
        for key in keys:
            self._until.pop(key, None)
            self._until[key] = now + VALID_SECONDS
        while self._until:
            first, until = next(iter(self._until.items()))
            if until > now and len(self._until) <= MOST_STATES:
                return
            del self._until[first]
