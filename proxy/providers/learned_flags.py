"""The profile flags that healing learned, by upstream and model.

Rule: they are valid for an hour, because an upstream may change and a refusal may have been
misinterpreted. A flag that is still needed is learned again from the next refusal, and one that no
longer helps is forgotten (docs/protocol.md 1.5). What one worker learns or forgets, all workers of the
machine know before the answer is sent; with Redis other machines know it seconds later.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

from proxy.providers.flag_board import FlagBoard
from proxy.providers.learned_entry import (
    LONGEST_PAIR,
    NOTHING,
    VALID_SECONDS,
    Entries,
    Learned,
    Pair,
)

CAPACITY = 512
"""Pairs that are stored."""


class LearnedFlags:
    """Learned flags by base URL and model; all flags of a pair expire an hour after its first one.

    Bounded, as clients choose model names: the pair least recently used is removed first, and
    nothing is stored for overlong names. ``clock`` returns seconds since 1970. ``board`` is shared
    with the other workers; None: this worker learns alone.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        capacity: int = CAPACITY,
        board: FlagBoard | None = None,
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._board = board
        self._entries: OrderedDict[Pair, Learned] = OrderedDict()
        self.listen: Callable[[], None] | None = None
        """Called whenever flags are asked for; None if no other machine shares them."""
        self.publish: Callable[[Pair, Learned], None] | None = None
        """Called with each change that this worker makes."""

    def flags_for(self, base_url: str, model: str) -> Mapping[str, object]:
        """The flags to override before the first attempt; empty if nothing was learned."""
        if self._board is not None and self._board.has_changed():
            self._merge(self._board.read(self._clock()))
        if self.listen is not None:
            self.listen()
        entry = self._entries.get((base_url, model))
        if entry is None:
            return NOTHING
        if not entry.is_valid(self._clock()):
            del self._entries[base_url, model]
            return NOTHING
        self._entries.move_to_end((base_url, model))
        return entry.flags

    def learn(
        self,
        base_url: str,
        model: str,
        flags: Mapping[str, object],
        *,
        forget: Collection[str] = (),
    ) -> None:
        """Store ``flags`` with which a retry succeeded, in addition to those of the pair.

        ``forget`` names flags of the pair that no longer help.
        """
        known = self.flags_for(base_url, model)
        kept = {name: value for name, value in known.items() if name not in forget} | dict(flags)
        if kept != known and len(base_url) + len(model) <= LONGEST_PAIR:
            self._change((base_url, model), kept)

    def forget(
        self, base_url: str, model: str, flags: Mapping[str, object] | None = None
    ) -> Mapping[str, object]:
        """Forget the flags of the pair; returns those that were known.

        ``flags``: only these, as far as the pair still has them with these values; None: all.
        """
        known = self.flags_for(base_url, model)
        given = known if flags is None else flags
        both = known.keys() & given.keys()
        forgotten = {name: known[name] for name in both if given[name] == known[name]}
        if forgotten:
            kept = {name: known[name] for name in known if name not in forgotten}
            self._change((base_url, model), kept or NOTHING)
        return forgotten

    def adopt(self, entries: Entries) -> None:
        """Take over what other machines learned or forgot since."""
        if self._merge(entries):
            self._tell_workers()

    def _change(self, pair: Pair, flags: Mapping[str, object]) -> None:
        now, known = self._clock(), self._entries.get(pair)
        until = known.valid_until if known is not None and known.flags else now + VALID_SECONDS
        # Later than what it replaces, also where the clock went back.
        changed = now if known is None else max(now, known.changed + 1e-6)
        self._put(pair, entry := Learned(flags, until, changed))
        self._tell_workers()
        if self.publish is not None:
            self.publish(pair, entry)

    def _tell_workers(self) -> None:
        if self._board is not None:
            # All entries, so that what a killed worker left half written is complete again.
            self._board.write(list(self._entries.items()), self._clock())

    def _merge(self, entries: Entries) -> bool:
        """Store the entries that are later than valid ones; returns whether there was one."""
        now = self._clock()
        later = []
        for pair, entry in entries:
            known = self._entries.get(pair)
            if known is None or entry.changed > known.changed or not known.is_valid(now):
                later.append((pair, entry))
        for pair, entry in later:
            self._put(pair, entry)
        return bool(later)

    def _put(self, pair: Pair, entry: Learned) -> None:
        self._entries[pair] = entry
        self._entries.move_to_end(pair)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
