"""Schemas in the dialect of a profile, each rewritten once.

Rule: requests of a session bring the same schemas again, parsed anew, so a rewritten schema is kept
by its JSON text and the dialect. The cache is limited in the total size of those texts.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from proxy.convert.request.drops import Drops
from proxy.convert.request.schema.features import FEATURES, features_of
from proxy.convert.request.schema.keywords import with_keywords_only, without_keywords
from proxy.convert.request.schema.steps import STEPS
from proxy.convert.schema_values import Schema
from proxy.providers.profiles.base import Profile
from proxy.providers.profiles.schema_dialects import SchemaStep

CACHE_BYTES = 8 * 1024 * 1024
"""JSON text of the schemas that are kept; the schemas themselves take several times as much."""
LARGEST = 256 * 1024
"""JSON text of the largest schema that is rewritten, twice what services accept."""
MOST_GROWTH = 16
"""Times that a schema may grow beyond 128 KiB: its branches repeat what stood beside them."""
DEEPEST = 60
"""Brackets inside each other, up to which a schema is rewritten; at least every second is a brace."""
_METADATA = frozenset({"$schema", "$id", "$comment", "title"})
"""Keywords that do not restrict what a schema allows."""


class Dialect(NamedTuple):
    """What an upstream accepts of JSON Schema: the flags of a profile."""

    steps: tuple[SchemaStep, ...]
    drop: tuple[str, ...]
    keep: tuple[str, ...]
    for_answers: bool = False
    """Nothing translates values back."""

    def ordered_steps(self) -> tuple[SchemaStep, ...]:
        """The steps in the order in which they are applied."""
        return _ordered(self.steps)

    def known(self) -> frozenset[str]:
        """What ``features_of`` may find where ``keep`` removes nothing."""
        return _known(self.keep)


class Rewritten(NamedTuple):
    """A schema in a dialect and what was done to it."""

    schema: Schema
    steps: tuple[tuple[SchemaStep, bool], ...] = ()
    """The steps that changed it, and whether they gave something up."""
    removed: frozenset[str] = frozenset()
    """The keywords that were removed."""

    @property
    def recoded(self) -> bool:
        """Whether values for it come back in another form than the client's schema says."""
        return any(STEPS[name].recodes for name, _ in self.steps)

    def note(self, drops: Drops, place: str, *, answers: bool = False) -> None:
        """Note all of it as changes of ``place``, such as ``tools.input_schema``.

        ``answers``: the removed keywords are routine, as strict mode adds some of them.
        """
        for name, loses in self.steps:
            if loses:
                drops.degrade(place, name)
            else:
                drops.routine(f"{place}={name}")
        for keyword in self.removed:
            note = drops.routine if answers or keyword in _METADATA else drops.drop
            note(f"{place}.{keyword}")


def dialect_of(profile: Profile, *, for_answers: bool = False) -> Dialect | None:
    """The dialect of ``profile``; None where schemas are sent as they are."""
    if not (profile.schema_steps or profile.schema_drop or profile.schema_keep):
        return None
    return Dialect(profile.schema_steps, profile.schema_drop, profile.schema_keep, for_answers)


def in_dialect(schema: Schema, dialect: Dialect) -> Rewritten:
    """``schema`` rewritten for ``dialect``; its own object where nothing changes.

    The result is shared by requests and must not be changed.
    """
    try:
        text = orjson.dumps(schema)
    except TypeError:
        # Integers above 64 bits and the like, or nested without end.
        return Rewritten(schema)
    if len(text) > LARGEST or (text.count(b"{") > DEEPEST and _depth(schema) > DEEPEST):
        return Rewritten(schema)
    kept = _CACHE.get((text, dialect))
    if kept is None:
        done = rewrite(schema, dialect)
        if len(orjson.dumps(done.schema)) > MOST_GROWTH * len(text) + LARGEST // 2:
            done = Rewritten(schema)
        _CACHE.put((text, dialect), _UNCHANGED if done.schema is schema else done, len(text))
        return done
    return Rewritten(schema) if kept is _UNCHANGED else kept


def rewrite(schema: Schema, dialect: Dialect) -> Rewritten:
    """As ``in_dialect``, without the cache and for any size."""
    changed: list[tuple[SchemaStep, bool]] = []
    features = features_of(schema)
    for name in dialect.ordered_steps():
        step = STEPS[name]
        if step.acts_on and step.acts_on.isdisjoint(features):
            continue
        apply = step.for_answers if dialect.for_answers and step.for_answers else step.rewrite
        new = apply(schema)
        if new is not schema and new != schema:
            changed.append((name, step.loses(schema)))
            schema = new
            features = features_of(schema) if step.adds is None else features | step.adds
    removed: set[str] = set()
    if dialect.keep and not features <= dialect.known():
        schema, removed = with_keywords_only(schema, dialect.keep)
    if dialect.drop:
        schema, dropped = without_keywords(schema, dialect.drop)
        removed |= dropped
    return Rewritten(schema, tuple(changed), frozenset(removed))


@lru_cache(maxsize=256)
def _ordered(steps: tuple[SchemaStep, ...]) -> tuple[SchemaStep, ...]:
    return tuple(name for name in STEPS if name in steps)


@lru_cache(maxsize=256)
def _known(keep: tuple[str, ...]) -> frozenset[str]:
    return frozenset(keep) | FEATURES


def _depth(schema: Schema) -> int:
    """Brackets inside each other in ``schema``."""
    depth = 0
    level: list[Any] = [schema]
    while level and depth <= DEEPEST:
        depth += 1
        held = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [value for values in held for value in values if isinstance(value, dict | list)]
    return depth


class _Cache:
    """The last results, limited by the total size of their keys' texts."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[tuple[bytes, Dialect], Rewritten] = OrderedDict()
        self._size = 0

    def get(self, key: tuple[bytes, Dialect]) -> Rewritten | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: tuple[bytes, Dialect], value: Rewritten, size: int) -> None:
        self._entries[key] = value
        self._size += size
        while self._size > self._limit:
            (text, _), _ = self._entries.popitem(last=False)
            self._size -= len(text)


_UNCHANGED = Rewritten({})
_CACHE = _Cache(CACHE_BYTES)
