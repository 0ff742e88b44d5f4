"""Constants and lists of allowed values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.convert.request.schema.combine import ANNOTATIONS, distinct
from proxy.convert.request.schema.types import (
    TYPED_KEYWORDS,
    is_of_type,
    stated_types,
    types_of_values,
)
from proxy.convert.request.schema.walk import each_schema
from proxy.convert.schema_values import Schema, as_text

_PLAIN = frozenset({"string", "integer", "number"})
"""Types of values that every reader of ``enum`` knows."""


def const_enum(root: Schema) -> Schema:
    """``const`` as an ``enum`` of one value."""

    def change(schema: Schema) -> Schema:
        if "const" not in schema:
            return schema
        value = schema["const"]
        rest = {key: schema[key] for key in schema if key != "const"}
        return {"type": types_of_values([value])[0], **rest, "enum": [value]}

    return each_schema(root, change)


def plain_enums(root: Schema) -> Schema:
    """Each ``enum`` of strings or of numbers only: others become branches or their bare type."""

    def change(schema: Schema) -> Schema:
        values = _values(schema)
        kinds = types_of_values(values)
        if not values or (len(kinds) == 1 and kinds[0] in _PLAIN and "type" in schema):
            return schema
        stated = stated_types(schema)
        kinds = tuple(kind for kind in kinds if not stated or _is_stated(kind, stated))
        branches = [_branch(kind, values) for kind in kinds]
        beside = {key: schema[key] for key in schema if key not in ("enum", "type")}
        if len(branches) > 1:
            kept = {key: value for key, value in beside.items() if key not in TYPED_KEYWORDS}
            return {**kept, "anyOf": branches}
        return {**beside, **(branches[0] if branches else {"type": stated[0]})}

    return each_schema(root, change)


def _values(schema: Schema) -> list[Any]:
    values = schema.get("enum")
    return values if isinstance(values, list) else []


def _is_stated(kind: str, stated: Sequence[str]) -> bool:
    return kind in stated or (kind == "integer" and "number" in stated)


def _branch(kind: str, values: list[Any]) -> dict[str, Any]:
    if kind not in _PLAIN:
        return {"type": kind}
    return {"type": kind, "enum": distinct(v for v in values if is_of_type(v, kind))}


def enum_strings(root: Schema) -> Schema:
    """Each ``enum`` of strings that are not empty (Gemini): other values as their text.

    ``restored`` (proxy/convert/reply/client_values.py) gives the client its own values.
    """
    return each_schema(root, _as_strings)


def _as_strings(schema: Schema) -> Schema:
    values = _values(schema)
    if not values:
        return schema
    texts = [text for text in map(as_text, (v for v in values if v is not None)) if text]
    texts = distinct(texts)
    if texts == values and schema.get("type") == "string":
        return schema
    rest = {key: schema[key] for key in schema if key == "nullable" or key in ANNOTATIONS}
    if isinstance(rest.get("default"), int | float | bool):
        rest["default"] = as_text(rest["default"])
    if None in values:
        rest["nullable"] = True
    return {"type": "string", **rest, **({"enum": texts} if texts else {})}


def enums_told(root: Schema) -> Schema:
    """As ``enum_strings``, for schemas of answers, which nothing translates back.

    Values that are no strings are told in the description; the type stays.
    """

    def change(schema: Schema) -> Schema:
        values = _values(schema)
        if not values or all(isinstance(value, str) and value for value in values):
            return schema
        rest = {key: schema[key] for key in schema if key != "enum"}
        told = f"One of: {', '.join(as_text(value) for value in values)}."
        description = schema.get("description")
        before = f"{description}\n" if isinstance(description, str) and description else ""
        return {**rest, "description": before + told}

    return each_schema(root, change)
