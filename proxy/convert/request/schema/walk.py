"""Walk through a JSON Schema and change the schemas in it.

Rule: the client's schema is not modified. It is returned itself if it needs no change; otherwise only
the objects on the path to a change are copied. Names of properties and values are not keywords.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from proxy.convert.schema_values import Schema

NAMED_SCHEMAS = frozenset(
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
    if key not in NAMED_SCHEMAS:
        return rewritten(value, change)
    named = {
        name: rewritten(schema, change) if isinstance(schema, dict) else schema
        for name, schema in value.items()
    }
    return named if _differ(named.values(), value.values()) else value


def _differ(new: Iterable[Any], old: Iterable[Any]) -> bool:
    return any(one is not other for one, other in zip(new, old, strict=True))


ONE = frozenset(
    {
        "items",
        "additionalProperties",
        "additionalItems",
        "contains",
        "propertyNames",
        "not",
        "if",
        "then",
        "else",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    }
)
"""Keywords whose value is one schema."""
MANY = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
"""Keywords whose value is a list of schemas."""
_PLACES = ONE | MANY | NAMED_SCHEMAS
"""Keywords whose value is a schema, a list of schemas or schemas by name (draft 2020-12)."""


def each_schema(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """As ``rewritten``, but only where draft 2020-12 says that a schema stands.

    For changes that add to a schema: what stands at unknown keywords is left as it is.
    """

    def deeply(inner: Schema) -> Schema:
        return change(members_changed(inner, deeply))

    return deeply(schema)


def schemas_in(schema: Schema) -> Iterator[Schema]:
    """``schema`` and every schema in it, where draft 2020-12 says that one stands."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        yield each
        for key in _PLACES.intersection(each):
            value = each[key]
            held = value.values() if isinstance(value, dict) and key in NAMED_SCHEMAS else [value]
            held = value if isinstance(value, list) and key in MANY else held
            waiting += [inner for inner in held if isinstance(inner, dict)]


def members_changed(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """``schema`` with ``change`` applied to the schemas that it holds itself, no deeper."""
    differing = None
    for key, value in schema.items():
        new: Any = value
        # Few members hold schemas, so that this is asked first.
        if value.__class__ is dict:
            if key in NAMED_SCHEMAS:
                new = _named_changed(value, change)
            elif key in ONE:
                new = change(value)
        elif value.__class__ is list and key in MANY:
            new = _list_changed(value, change)
        if new is not value:
            differing = {key: new} if differing is None else {**differing, key: new}
    return schema if differing is None else {**schema, **differing}


def _named_changed(schemas: dict[str, Any], change: Callable[[Schema], Schema]) -> dict[str, Any]:
    differing = {}
    for name, schema in schemas.items():
        if schema.__class__ is dict:
            new = change(schema)
            if new is not schema:
                differing[name] = new
    return {**schemas, **differing} if differing else schemas


def _list_changed(schemas: list[Any], change: Callable[[Schema], Schema]) -> list[Any]:
    new = [change(schema) if schema.__class__ is dict else schema for schema in schemas]
    return new if _differ(new, schemas) else schemas
