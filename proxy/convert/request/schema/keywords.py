"""Remove keywords that an upstream does not know."""

from __future__ import annotations

from collections.abc import Collection

from proxy.convert.request.schema.walk import each_schema, rewritten
from proxy.convert.schema_values import Schema


def without_keywords(schema: Schema, keywords: Collection[str]) -> tuple[Schema, set[str]]:
    """``schema`` without ``keywords`` at any depth, and the keywords that were removed."""
    unwanted = frozenset(keywords)
    found: set[str] = set()

    def change(inner: Schema) -> Schema:
        if unwanted.isdisjoint(inner):
            return inner
        found.update(unwanted.intersection(inner))
        return {key: value for key, value in inner.items() if key not in unwanted}

    return rewritten(schema, change), found


def with_keywords_only(schema: Schema, keywords: Collection[str]) -> tuple[Schema, set[str]]:
    """``schema`` with no other than ``keywords`` at any depth, and the keywords that were removed."""
    known = frozenset(keywords)
    found: set[str] = set()

    def change(inner: Schema) -> Schema:
        unknown = inner.keys() - known
        if not unknown:
            return inner
        found.update(unknown)
        return {key: value for key, value in inner.items() if key in known}

    return each_schema(schema, change), found
