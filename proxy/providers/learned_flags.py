"""What refusals taught of each upstream and model.

Rule: for an hour. An upstream changes, and what was understood of it may be wrong; who still needs
a lesson gets it again from the next refusal (docs/protocol.md 1.5).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

LESSON_SECONDS = 3600.0
NOTHING: Mapping[str, object] = MappingProxyType({})
LONGEST_PAIR = 1024
"""Characters of a base URL and a model name that are remembered together."""


class LearnedFlags:
    """What healing found out, for each base URL and model, until an hour after its first lesson.

    Bounded: clients choose model names, so the pair least recently used is forgotten first, and
    overlong names are not remembered at all. ``clock`` gives seconds that never go back.
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
        if self._clock() >= entry.until:
            del self._entries[base_url, model]
            return NOTHING
        self._entries.move_to_end((base_url, model))
        return entry.flags

    def learn(self, base_url: str, model: str, flags: Mapping[str, object]) -> None:
        """Remember ``flags``, on top of what was learned before, after the repetition worked."""
        if not flags or len(base_url) + len(model) > LONGEST_PAIR:
            return
        # What is too old goes first.
        self.flags_for(base_url, model)
        new = _Learned(self._clock() + LESSON_SECONDS)
        entry = self._entries.setdefault((base_url, model), new)
        entry.flags = {**entry.flags, **flags}
        entry.healings += 1
        self._entries.move_to_end((base_url, model))
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def rows(self) -> list[dict[str, object]]:
        """What is believed now, for statistics: ``[{"base_url", "model", "flags", "healings"}]``,
        oldest use first.
        """
        now = self._clock()
        return [
            {
                "base_url": base_url,
                "model": model,
                "flags": dict(entry.flags),
                "healings": entry.healings,
            }
            for (base_url, model), entry in self._entries.items()
            if now < entry.until
        ]


@dataclass(slots=True)
class _Learned:
    until: float
    """Moment of the clock from which on it is not believed any more."""
    flags: Mapping[str, object] = field(default_factory=dict)
    healings: int = 0
