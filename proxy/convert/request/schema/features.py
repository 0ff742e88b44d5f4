"""What occurs in a schema, found in one pass, so that only the steps that may change it are run.

Rule: a feature is found wherever a step would act on it, and may be found where none would. Besides
the keywords, which stand for themselves, the features are the constants below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.convert.request.schema.types import TYPES
from proxy.convert.request.schema.walk import MANY, NAMED_SCHEMAS, ONE
from proxy.convert.schema_values import Schema

UNTYPED = "*untyped"
"""A schema without ``type``."""
TYPE_LIST = "*types"
"""A ``type`` that is no string."""
NULL = "*null"
NO_ITEMS = "*items"
"""An array without one schema for its items."""
BARE_OBJECT = "*bare"
"""An object without described members."""
MIXED_ENUM = "*enum"
"""An ``enum`` of other than strings that are not empty, or without ``type: string``."""
UNKNOWN_REQUIRED = "*required"
"""A required name that is no property."""
ODD = "*odd"
"""A value that draft 2020-12 may not allow for its keyword."""
FEATURES = frozenset(
    {UNTYPED, TYPE_LIST, NULL, NO_ITEMS, BARE_OBJECT, MIXED_ENUM, UNKNOWN_REQUIRED, ODD}
)

_NUMBERS = (int, float)
_EXPECTED: Mapping[str, tuple[type, ...]] = {
    "type": (str,),
    "description": (str,),
    "title": (str,),
    "format": (str,),
    "pattern": (str,),
    "$ref": (str,),
    "additionalProperties": (bool,),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _NUMBERS
    ),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), (int,)
    ),
    **dict.fromkeys(("properties", "required", "enum", "items", "anyOf", "oneOf", "allOf"), ()),
}
"""Classes of a keyword's value, where that is no object and no list."""


def features_of(root: Schema) -> set[str]:
    """The keywords and features in ``root``."""
    found: set[str] = set()
    waiting: list[Any] = [root]
    while waiting:
        schema = waiting.pop()
        if schema.__class__ is not dict:
            found.add(ODD)
            continue
        found.update(schema)
        _look_at_type(schema, found)
        for key, value in schema.items():
            kind = value.__class__
            if kind is dict:
                _look_at_object(key, value, found, waiting)
            elif kind is list:
                _look_at_list(key, value, schema, found, waiting)
            elif kind not in _EXPECTED.get(key, (kind,)) or (kind is int and value < 0):
                found.add(ODD)
    return found


def _look_at_type(schema: Mapping[str, Any], found: set[str]) -> None:
    kind = schema.get("type")
    if kind == "string":
        return
    if kind == "object":
        if not schema.get("properties"):
            found.add(BARE_OBJECT)
    elif kind == "array":
        if schema.get("items").__class__ is not dict:
            found.add(NO_ITEMS)
    elif kind is None:
        found.add(UNTYPED)
    elif kind.__class__ is not str:
        found.update((TYPE_LIST, NO_ITEMS, NULL, BARE_OBJECT))
    elif kind == "null":
        found.add(NULL)
    elif kind not in TYPES:
        found.add(ODD)


def _look_at_object(key: str, value: dict[str, Any], found: set[str], waiting: list[Any]) -> None:
    if key in NAMED_SCHEMAS:
        waiting += value.values()
        if not value:
            found.add(BARE_OBJECT)
    elif key in ONE:
        waiting.append(value)
    elif key in _EXPECTED:
        found.add(ODD)


def _look_at_list(
    key: str, value: list[Any], schema: Mapping[str, Any], found: set[str], waiting: list[Any]
) -> None:
    if key == "required":
        known = schema.get("properties")
        if known.__class__ is not dict or not all(name in known for name in value if _hashes(name)):
            found.add(UNKNOWN_REQUIRED)
        if len(set(map(str, value))) != len(value) or not all(map(_hashes, value)):
            found.add(ODD)
    elif key == "enum":
        if schema.get("type") != "string" or not all(v.__class__ is str and v for v in value):
            found.add(MIXED_ENUM)
        if not value:
            found.add(ODD)
    elif key in MANY:
        waiting += value
        if not value:
            found.add(ODD)
    elif key in _EXPECTED:
        found.add(ODD)


def _hashes(name: object) -> bool:
    return name.__class__ is str
