"""Schemas of older drafts, and careless ones, in the form of draft 2020-12.

Rule: what no draft allows is left out, because services that check against the meta-schema refuse the
whole request for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.convert.request.schema.combine import distinct, required_of
from proxy.convert.request.schema.types import TYPES
from proxy.convert.request.schema.walk import each_schema
from proxy.convert.schema_values import Schema, referred

_TYPE_FOR_NAME: Mapping[str, str] = {
    "str": "string",
    "text": "string",
    "date": "string",
    "datetime": "string",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "int": "integer",
    "long": "integer",
    "bool": "boolean",
    "list": "array",
    "tuple": "array",
    "set": "array",
    "dict": "object",
    "map": "object",
    "json": "object",
    "none": "null",
}
"""Names of types in programming languages, which hand-written schemas have."""


def draft_2020(root: Schema) -> Schema:
    """``root`` as the meta-schema of draft 2020-12 requires it, without references to nothing."""

    def known(schema: Schema) -> Schema:
        if "$ref" not in schema or referred(root, schema["$ref"]) is not None:
            return schema
        return {key: value for key, value in schema.items() if key != "$ref"}

    return each_schema(each_schema(each_schema(root, known), _with_members), _modern)


def _with_members(schema: Schema) -> Schema:
    """``schema`` with schemas for members, none of which says of itself that it is required."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not any(map(_is_odd, properties.values())):
        return schema
    names = required_of(schema)
    names += [n for n, m in properties.items() if isinstance(m, dict) and m.get("required") is True]
    members = {n: _member(m) for n, m in properties.items() if isinstance(m, dict | bool)}
    required = {"required": distinct(names)} if names else {}
    return {**schema, "properties": members, **required}


def _is_odd(member: Any) -> bool:
    return not isinstance(member, dict) or isinstance(member.get("required"), bool)


def _member(member: dict[str, Any] | bool) -> dict[str, Any]:
    if isinstance(member, bool):
        return {} if member else {"not": {}}
    if isinstance(member.get("required"), bool):
        return {key: value for key, value in member.items() if key != "required"}
    return member


def _modern(schema: Schema) -> Schema:
    wrong = [
        key for key, is_right in _CHECKS.items() if key in schema and not is_right(schema[key])
    ]
    if not wrong:
        return schema
    changed = dict(schema)
    for key in wrong:
        value = changed.pop(key)
        repair = _REPAIRS.get(key)
        if repair is not None:
            repair(changed, value)
    return changed


def _repair_type(schema: dict[str, Any], value: Any) -> None:
    names = value if isinstance(value, list) else [value]
    words = [name.lower() for name in names if isinstance(name, str)]
    kinds = distinct(_TYPE_FOR_NAME.get(word, word) for word in words)
    kinds = [kind for kind in kinds if kind in TYPES]
    if kinds and len(kinds) == len(words):
        schema["type"] = kinds[0] if len(kinds) == 1 else kinds


def _repair_required(schema: dict[str, Any], value: Any) -> None:
    if isinstance(value, list):
        schema["required"] = distinct(required_of({"required": value}))


def _repair_minimum(schema: dict[str, Any], value: Any) -> None:
    if value is True and "minimum" in schema:
        schema["exclusiveMinimum"] = schema.pop("minimum")


def _repair_maximum(schema: dict[str, Any], value: Any) -> None:
    if value is True and "maximum" in schema:
        schema["exclusiveMaximum"] = schema.pop("maximum")


def _repair_items(schema: dict[str, Any], value: Any) -> None:
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        schema["prefixItems"] = value
        rest = schema.pop("additionalItems", None)
        if isinstance(rest, dict):
            schema["items"] = rest


def _repair_union(keyword: str) -> Callable[[dict[str, Any], Any], None]:
    def repair(schema: dict[str, Any], value: Any) -> None:
        parts = value if isinstance(value, list) else []
        kept = [{} if part is True else part for part in parts if isinstance(part, dict | bool)]
        kept = [part for part in kept if part is not False]
        if kept:
            schema[keyword] = kept

    return repair


_REPAIRS: Mapping[str, Callable[[dict[str, Any], Any], None]] = {
    "type": _repair_type,
    "required": _repair_required,
    "exclusiveMinimum": _repair_minimum,
    "exclusiveMaximum": _repair_maximum,
    "items": _repair_items,
    "anyOf": _repair_union("anyOf"),
    "oneOf": _repair_union("oneOf"),
    "allOf": _repair_union("allOf"),
}


def _is_type(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_type(kind) for kind in value if not isinstance(kind, list))
    return isinstance(value, str) and value in TYPES


def _is_names(value: Any) -> bool:
    names = required_of({"required": value})
    return isinstance(value, list) and names == value and len(set(names)) == len(names)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, dict) for part in value)


def _is_values(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "type": _is_type,
    "enum": _is_values,
    "required": _is_names,
    "properties": _is_object,
    "items": _is_object,
    "anyOf": _is_schemas,
    "oneOf": _is_schemas,
    "allOf": _is_schemas,
    "additionalProperties": _is_schema,
    "description": _is_text,
    "title": _is_text,
    "pattern": _is_text,
    "format": _is_text,
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _is_number
    ),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        _is_count,
    ),
}
"""What the meta-schema requires of a keyword's value, for keywords that schemas often get wrong."""
