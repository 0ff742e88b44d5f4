"""JSON Schemas in the subset that an upstream accepts.

Rule: the client's schema is not modified. It is returned itself if it needs no change; otherwise only
the objects on the path to a change are copied. Names of properties and values are not keywords.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_NAMED_SCHEMAS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
"""Keywords whose value maps names to schemas."""
_VALUES = frozenset({"enum", "const", "default", "example", "examples", "required"})
"""Keywords whose value is no schema."""
_CONTAINERS = (dict, list)


def rewritten(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """``schema`` with ``change`` applied to every schema in it, the innermost first.

    ``change`` returns its argument if that needs no change.
    """
    differing = {}
    for key, value in schema.items():
        if isinstance(value, _CONTAINERS) and key not in _VALUES:
            new = _member(key, value, change)
            if new is not value:
                differing[key] = new
    return change({**schema, **differing} if differing else schema)


def _member(key: str, value: Any, change: Callable[[Schema], Schema]) -> Any:
    if isinstance(value, list):
        items = [rewritten(item, change) if isinstance(item, dict) else item for item in value]
        return items if _differ(items, value) else value
    if key not in _NAMED_SCHEMAS:
        return rewritten(value, change)
    named = {
        name: rewritten(schema, change) if isinstance(schema, dict) else schema
        for name, schema in value.items()
    }
    return named if _differ(named.values(), value.values()) else value


def _differ(new: Iterable[Any], old: Iterable[Any]) -> bool:
    return any(one is not other for one, other in zip(new, old, strict=True))


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


class OpenSchema(Exception):
    """A schema allows members that it does not name, which strict mode does not support."""


def strict_schema(schema: Schema) -> Schema:
    """``schema`` as strict mode requires it: objects closed, every property required.

    A value that is valid for the result is valid for ``schema``. Raises OpenSchema if an object
    allows members that the schema does not name.
    """
    return rewritten(schema, _closed)


def _closed(schema: Schema) -> Schema:
    if schema.get("type") != "object" and "properties" not in schema:
        return schema
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    if not isinstance(properties, dict) or additional not in (None, False):
        raise OpenSchema
    if additional is None and not properties:
        raise OpenSchema
    if additional is False and _all_required(schema, properties):
        return schema
    return {**schema, "additionalProperties": False, "required": list(properties)}


def _all_required(schema: Schema, properties: Mapping[str, Any]) -> bool:
    required = schema.get("required")
    if not isinstance(required, list):
        return not properties
    return {name for name in required if isinstance(name, str)} == properties.keys()
