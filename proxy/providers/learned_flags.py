"""Profile flags that healing learned, for each upstream and model.

Rule: they are valid for an hour. An upstream changes, and a refusal may have been misunderstood; a
flag that is still needed is learned again from the next refusal (docs/protocol.md 1.5).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

VALID_SECONDS = 3600.0
NOTHING: Mapping[str, object] = MappingProxyType({})
LONGEST_PAIR = 1024
"""Characters of a base URL and a model name that are remembered together."""


class LearnedFlags:
    """Learned flags by base URL and model, until an hour after the first one of the pair.

    Bounded, as clients choose model names: the pair least recently used is forgotten first, and
    overlong names are not remembered. ``clock`` returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float], *, capacity: int = 512) -> None:
        self._clock = clock
        self._capacity = capacity
        self._entries: OrderedDict[tuple[str, str], _Learned] = OrderedDict()

    def flags_for(self, base_url: str, model: str) -> Mapping[str, object]:
        """The flags to override before the first attempt; empty when nothing was learned."""
        entry = self._entries.get((base_url, model))
        if entry is None:
            return NOTHING
        if self._clock() >= entry.valid_until:
            del self._entries[base_url, model]
            return NOTHING
        self._entries.move_to_end((base_url, model))
        return entry.flags

    def learn(self, base_url: str, model: str, flags: Mapping[str, object]) -> None:
        """Remember ``flags`` of a repetition that worked, in addition to those known already."""
        if not flags or len(base_url) + len(model) > LONGEST_PAIR:
            return
        # Drops an entry that has expired.
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
    """Moment of the clock."""
    flags: Mapping[str, object] = field(default_factory=dict)
