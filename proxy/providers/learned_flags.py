"""The cache of profile flags that healing learned, by upstream and model.

Rule: they are valid for an hour, because an upstream may change and a refusal may have been
misinterpreted. A flag that is still needed is learned again from the next refusal (docs/protocol.md
1.5).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

VALID_SECONDS = 3600.0
NOTHING: Mapping[str, object] = MappingProxyType({})
LONGEST_PAIR = 1024
"""Most characters of a base URL and a model name, together, for which flags are stored."""


class LearnedFlags:
    """Learned flags by base URL and model; all flags of a pair expire an hour after its first one.

    Bounded, as clients choose model names: the pair least recently used is removed first, and
    nothing is stored for overlong names. ``clock`` returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float], *, capacity: int = 512) -> None:
        self._clock = clock
        self._capacity = capacity
        self._entries: OrderedDict[tuple[str, str], _Learned] = OrderedDict()

    def flags_for(self, base_url: str, model: str) -> Mapping[str, object]:
        """The flags to override before the first attempt; empty if nothing was learned."""
        entry = self._entries.get((base_url, model))
        if entry is None:
            return NOTHING
        if self._clock() >= entry.valid_until:
            del self._entries[base_url, model]
            return NOTHING
        self._entries.move_to_end((base_url, model))
        return entry.flags

    def learn(self, base_url: str, model: str, flags: Mapping[str, object]) -> None:
        """Store ``flags`` with which a retry succeeded, in addition to those of the pair."""
        if not flags or len(base_url) + len(model) > LONGEST_PAIR:
            return
        # Removes an entry that has expired.
        self.flags_for(base_url, model)
        new = _Learned(self._clock() + VALID_SECONDS)
        entry = self._entries.setdefault((base_url, model), new)
        entry.flags = {**entry.flags, **flags}
        self._entries.move_to_end((base_url, model))
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)


@dataclass(slots=True)
class _Learned:
    valid_until: float
    """Monotonic seconds."""
    flags: Mapping[str, object] = field(default_factory=dict)
