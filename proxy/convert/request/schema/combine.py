"""Two or more schemas as one: all of them (``both``) or any of them (``either``).

Rule: where no schema can say exactly the same, the result allows more, never less, except that a
property has one schema wherever its name occurs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from proxy.convert.schema_values import Schema

ANNOTATIONS = frozenset(
    {"title", "description", "default", "example", "examples", "$comment", "deprecated"}
)
"""Keywords that tell and do not restrict."""
DOCUMENT = frozenset({"$schema", "$id", "$defs", "definitions"})
"""Keywords of a whole document."""


def both(one: Schema, other: Schema) -> dict[str, Any]:
    """The schema of values that fit ``one`` and ``other``; annotations of ``one`` have priority."""
    merged = {**other, **one}
    for key in one.keys() & other.keys():
        rule = _RULES.get(key)
        if rule is not None and one[key] != other[key]:
            merged[key] = rule(one[key], other[key])
    return merged


def all_of(schemas: Sequence[Schema]) -> dict[str, Any]:
    """``both`` of all ``schemas``, of which there is one at least; the first has priority."""
    merged = list(schemas)
    while len(merged) > 1:
        # In pairs: one after the other would copy the properties of the first for each.
        pairs = zip(merged[::2], merged[1::2], strict=False)
        last = merged[-1:] if len(merged) % 2 else []
        merged = [*(both(one, other) for one, other in pairs), *last]
    return dict(merged[0])


def either(schemas: Sequence[Schema]) -> dict[str, Any]:
    """The object schema whose members are those of any of ``schemas``, all objects.

    Required is what each of them requires.
    """
    found: dict[str, list[Schema]] = {}
    for schema in schemas:
        for name, member in properties_of(schema).items():
            found.setdefault(name, []).append(member)
    result: dict[str, Any] = {
        "type": "object",
        "properties": {name: _any_of(members) for name, members in found.items()},
    }
    required = [required_of(schema) for schema in schemas]
    common = set(required[0]).intersection(*required[1:]) if required else set()
    if common:
        result["required"] = [name for name in distinct(required[0]) if name in common]
    if schemas and all(schema.get("additionalProperties") is False for schema in schemas):
        result["additionalProperties"] = False
    return result


def properties_of(schema: Schema) -> Mapping[str, Schema]:
    """The described members; none where ``properties`` is no object of schemas."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: member for name, member in properties.items() if isinstance(member, dict)}


def required_of(schema: Schema) -> list[str]:
    """The required names; none where ``required`` is no list."""
    required = schema.get("required")
    return (
        [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    )


def distinct(values: Iterable[Any]) -> list[Any]:
    """``values`` without repetitions; 1, 1.0 and true are different."""
    kept: dict[Any, Any] = {}
    for value in values:
        kept.setdefault(_key(value), value)
    return list(kept.values())


def _key(value: Any) -> Any:
    """What is equal for equal JSON values, and hashable."""
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return value.__class__, value


def _any_of(schemas: list[Schema]) -> Schema:
    schemas = distinct(schemas)
    if len(schemas) == 1:
        return schemas[0]
    if all(_is_enum(schema) and schema.get("type") == schemas[0].get("type") for schema in schemas):
        values = distinct(value for schema in schemas for value in _enum(schema))
        rest = {key: value for key, value in schemas[0].items() if key != "const"}
        return {**rest, "enum": values}
    return {"anyOf": schemas}


def _is_enum(schema: Schema) -> bool:
    others = schema.keys() - ANNOTATIONS - {"type", "enum", "const"}
    return not others and ("const" in schema or isinstance(schema.get("enum"), list))


def _enum(schema: Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema["enum"])


def _both_properties(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one
    merged = {**one, **{name: schema for name, schema in other.items() if name not in one}}
    for name in one.keys() & other.keys():
        merged[name] = _both_schemas(one[name], other[name])
    return merged


def _both_schemas(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return both(one, other)
    return one if one is False or other is True else other


def _both_types(one: Any, other: Any) -> Any:
    ours = one if isinstance(one, list) else [one]
    theirs = other if isinstance(other, list) else [other]
    wide = {"integer"} if "number" in theirs else set()
    shared = [kind for kind in ours if kind in theirs or kind in wide]
    if "number" in ours and "integer" in theirs and "integer" not in shared:
        shared.append("integer")
    # Types without a value in common are a mistake in the schema: the outer one stays.
    return shared[0] if len(shared) == 1 else shared or one


def _both_enums(one: Any, other: Any) -> Any:
    if not isinstance(one, list) or not isinstance(other, list):
        return one
    shared = set(map(_key, other))
    return [value for value in one if _key(value) in shared] or one


def _both_required(one: Any, other: Any) -> Any:
    return distinct([*required_of({"required": one}), *required_of({"required": other})])


def _larger(one: Any, other: Any) -> Any:
    return max(one, other) if _numbers(one, other) else one


def _smaller(one: Any, other: Any) -> Any:
    return min(one, other) if _numbers(one, other) else one


def _numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) for value in values)


_RULES: Mapping[str, Callable[[Any, Any], Any]] = {
    "properties": _both_properties,
    "required": _both_required,
    "type": _both_types,
    "enum": _both_enums,
    "items": _both_schemas,
    "additionalProperties": _both_schemas,
    "minimum": _larger,
    "exclusiveMinimum": _larger,
    "minLength": _larger,
    "minItems": _larger,
    "minProperties": _larger,
    "maximum": _smaller,
    "exclusiveMaximum": _smaller,
    "maxLength": _smaller,
    "maxItems": _smaller,
    "maxProperties": _smaller,
}
