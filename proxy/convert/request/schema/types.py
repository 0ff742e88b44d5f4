"""Schema types: those a schema states, those its keywords imply, those that values have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.convert.schema_values import Schema

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
NUMBERS = frozenset({"number", "integer"})
_NUMBER_KEYWORDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)
KEYWORDS_FOR_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset(
        {
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
            "unevaluatedProperties",
            "dependentRequired",
            "dependentSchemas",
        }
    ),
    "array": frozenset(
        {
            "items",
            "prefixItems",
            "minItems",
            "maxItems",
            "uniqueItems",
            "contains",
            "minContains",
            "maxContains",
            "unevaluatedItems",
        }
    ),
    "string": frozenset(
        {
            "pattern",
            "format",
            "minLength",
            "maxLength",
            "contentEncoding",
            "contentMediaType",
            "contentSchema",
        }
    ),
    "number": _NUMBER_KEYWORDS,
    "integer": _NUMBER_KEYWORDS,
    "boolean": frozenset(),
    "null": frozenset(),
}
"""The keywords that say something of values of a type."""
TYPED_KEYWORDS: frozenset[str] = frozenset().union(*KEYWORDS_FOR_TYPE.values())


def stated_types(schema: Schema) -> tuple[str, ...]:
    """The known types in ``type``, in order."""
    stated = schema.get("type")
    kinds = stated if isinstance(stated, list) else [stated]
    return tuple(kind for kind in kinds if isinstance(kind, str) and kind in TYPES)


def type_of_value(value: object) -> str:
    """The narrowest type of a JSON value."""
    if value is None:
        return "null"
    for kind, name in _NAMES:
        if isinstance(value, kind):
            return name
    return "string"


_NAMES: tuple[tuple[Any, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (dict, "object"),
    (list, "array"),
)


def types_of_values(values: Iterable[object]) -> tuple[str, ...]:
    """The types of ``values``, each once; numbers of both kinds are ``number``."""
    kinds = list(dict.fromkeys(type_of_value(value) for value in values))
    if set(kinds) >= NUMBERS:
        kinds.remove("integer")
    return tuple(kinds)


def is_of_type(value: object, kind: str) -> bool:
    """Whether ``value`` is of the type ``kind``; an integer is a number too."""
    found = type_of_value(value)
    if isinstance(value, float) and value.is_integer() and kind == "integer":
        return True
    return found == kind or (found == "integer" and kind == "number")


def implied_type(schema: Schema) -> str | None:
    """The type that the keywords of ``schema`` speak of; None where they speak of none or several."""
    kinds = [
        kind for kind, keywords in KEYWORDS_FOR_TYPE.items() if not keywords.isdisjoint(schema)
    ]
    if set(kinds) == NUMBERS:
        return "number"
    return kinds[0] if len(kinds) == 1 else None
