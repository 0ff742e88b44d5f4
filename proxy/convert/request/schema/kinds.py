"""Types and bounds: one type for each schema, items for each array."""

from __future__ import annotations

from typing import Any

from proxy.convert.request.schema.combine import distinct
from proxy.convert.request.schema.types import (
    KEYWORDS_FOR_TYPE,
    NUMBERS,
    TYPED_KEYWORDS,
    implied_type,
    is_of_type,
    stated_types,
    types_of_values,
)
from proxy.convert.request.schema.walk import each_schema
from proxy.convert.schema_values import Schema

ANY_VALUE: tuple[dict[str, Any], ...] = (
    {"type": "string"},
    {"type": "number"},
    {"type": "boolean"},
    {"type": "object"},
    {"type": "array", "items": {"type": "string"}},
)
"""Branches for a schema that allows every value, where each schema needs a type."""
_STRUCTURE = frozenset({"anyOf", "oneOf", "allOf", "$ref", "$dynamicRef", "enum", "const"})


def type_lists(root: Schema) -> Schema:
    """``type: [a, b]`` as ``anyOf`` of one schema for each type."""

    def change(schema: Schema) -> Schema:
        if not isinstance(schema.get("type"), list):
            return schema
        kinds = distinct(stated_types(schema))
        if set(kinds) >= NUMBERS:
            kinds.remove("integer")
        rest = {key: value for key, value in schema.items() if key != "type"}
        if "anyOf" in schema or not kinds:
            return rest
        return {**rest, "type": kinds[0]} if len(kinds) == 1 else _split(rest, kinds)

    return each_schema(root, change)


def _split(schema: Schema, kinds: list[str]) -> Schema:
    kept = {k: v for k, v in schema.items() if k not in TYPED_KEYWORDS and k != "enum"}
    values = schema.get("enum")
    branches = []
    for kind in kinds:
        words = KEYWORDS_FOR_TYPE[kind]
        branch = {"type": kind, **{key: schema[key] for key in schema if key in words}}
        if isinstance(values, list):
            fitting = [value for value in values if is_of_type(value, kind)]
            if not fitting:
                continue
            if kind != "null":
                branch["enum"] = fitting
        branches.append(branch)
    if not branches:
        # No value in ``enum`` has one of the types: a mistake in the schema.
        return {**kept, "type": kinds[0]}
    return {**kept, **branches[0]} if len(branches) == 1 else {**kept, "anyOf": branches}


def typed(root: Schema) -> Schema:
    """Every schema with a type: the one its keywords imply, else a union of types."""
    return each_schema(root, _typed)


def _typed(schema: Schema) -> Schema:
    if "type" in schema:
        return schema
    kind = implied_type(schema)
    if kind is not None:
        return schema if {"anyOf", "oneOf", "allOf"} & schema.keys() else {"type": kind, **schema}
    values = schema.get("enum")
    if isinstance(values, list) and values:
        kinds = types_of_values(values)
        return {"type": kinds[0], **schema} if len(kinds) == 1 else schema
    return schema if _STRUCTURE & schema.keys() else {**schema, "anyOf": list(ANY_VALUE)}


def exclusive_bounds(root: Schema) -> Schema:
    """``exclusiveMinimum`` as ``minimum``: the next integer, or for numbers the bound itself."""

    def change(schema: Schema) -> Schema:
        changed = dict(schema)
        for exclusive, inclusive, step in _BOUNDS:
            bound = changed.pop(exclusive, None)
            if isinstance(bound, bool) or not isinstance(bound, int | float):
                continue
            whole = schema.get("type") == "integer" and float(bound).is_integer()
            bound = int(bound) + step if whole else bound
            other = changed.get(inclusive, bound)
            if isinstance(other, int | float):
                changed[inclusive] = max(bound, other) if step > 0 else min(bound, other)
        return changed if changed.keys() != schema.keys() else schema

    return each_schema(root, change)


_BOUNDS = (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1))


def array_items(root: Schema) -> Schema:
    """Every array with ``items``: those of ``prefixItems``, else any."""

    def change(schema: Schema) -> Schema:
        if "array" not in stated_types(schema) or isinstance(schema.get("items"), dict):
            return schema
        first = schema.get("prefixItems")
        parts = (
            [part for part in first if isinstance(part, dict)] if isinstance(first, list) else []
        )
        parts = distinct(parts)
        items = {"anyOf": parts} if len(parts) > 1 else parts[0] if parts else {}
        return {**schema, "items": items}

    return each_schema(root, change)
