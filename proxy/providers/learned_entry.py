"""What healing learned for one upstream and model, and its form in shared memory and in Redis.

Rule: of two entries for the same pair the one changed last applies, also an empty one, so that workers
and machines agree in whatever order they receive changes. What was read is checked flag by flag: it
may come from another version of this program.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile

VALID_SECONDS = 3600.0
LONGEST_VALID = 2 * VALID_SECONDS
"""An entry that would be valid for longer is from a wrong clock, or this clock was set back since."""
LONGEST_PAIR = 1024
"""Most characters of a base URL and a model name, together, for which flags are stored."""
LONGEST_ENTRY = 1 << 14
"""Bytes of an entry, or of a pair, that are read; all flags together take less."""
NOTHING: Mapping[str, object] = MappingProxyType({})
Pair = tuple[str, str]
"""Base URL and model name."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The flags of one pair; without flags: what was known is forgotten."""

    flags: Mapping[str, object]
    valid_until: float
    """Seconds since 1970."""
    changed: float
    """Seconds since 1970."""

    def is_valid(self, now: float) -> bool:
        """Whether it has not expired and cannot be from a wrong clock; ``now``: seconds since 1970."""
        return _is_valid(self.valid_until, now)


Entries = Iterable[tuple[Pair, Learned]]


def encoded_pair(pair: Pair) -> bytes:
    """``pair`` as JSON: ``[BASE_URL, MODEL]``."""
    return orjson.dumps(pair)


def encoded_entry(entry: Learned) -> bytes:
    """``entry`` as JSON: ``[VALID_UNTIL, CHANGED, {FLAG: VALUE}]``."""
    return orjson.dumps([entry.valid_until, entry.changed, dict(entry.flags)])


def decoded_entry(pair: bytes, entry: bytes, now: float) -> tuple[Pair, Learned] | None:
    """The entry in what the two functions above wrote; None for anything else and for expired ones."""
    names, parts = _list_in(pair), _list_in(entry)
    if len(names) != 2 or len(parts) != 3:
        return None
    (base_url, model), (until, changed, flags) = names, parts
    texts = isinstance(base_url, str) and isinstance(model, str)
    if not texts or len(base_url) + len(model) > LONGEST_PAIR:
        return None
    if not _is_time(until) or not _is_time(changed) or not isinstance(flags, dict):
        return None
    if not _is_valid(until, now):
        return None
    # Another machine's clock may be a little ahead, which must not make its entries valid for longer.
    latest = now + VALID_SECONDS
    until, changed = min(until, latest), min(changed, latest)
    return (base_url, model), Learned(_known(flags), until, changed)


def _is_valid(until: float, now: float) -> bool:
    return now < until <= now + LONGEST_VALID


def _list_in(data: bytes) -> list[Any]:
    """The list in ``data``; empty for anything else."""
    try:
        value = orjson.loads(data) if len(data) <= LONGEST_ENTRY else None
    except ValueError:
        return []
    return value if isinstance(value, list) else []


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _known(flags: Mapping[str, Any]) -> dict[str, object]:
    """The flags that this version has, with valid values."""
    known: dict[str, object] = {}
    for name, value in flags.items():
        try:
            known[name] = getattr(overridden(Profile(), {name: value}), name)
        except ValueError:
            continue
    return known
