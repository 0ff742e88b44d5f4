"""Arguments for a rewritten schema -> the values that the client's own schema names.

Rule: the client's schema decides. A string that it allows stays a string; else a string that is the
text of one of its values becomes that value, and JSON of an object or array becomes that. So does
JSON where the client's schema allows everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.convert.schema_values import Schema, as_text, referred

MAX_DEPTH = 64
"""Levels of arguments that are read."""
MOST_ALTERNATIVES = 64
"""Schemas that are read for one value."""
_COMBINATIONS = ("anyOf", "oneOf", "allOf")


def restored(text: str, schema: Schema) -> str:
    """The JSON text of a call's arguments with the values of the client's ``schema``.

    ``text`` itself where it needs no change or is no JSON.
    """
    try:
        value = json.loads(text) if text else None
    except ValueError:
        return text
    new = _restored(value, [schema], schema, 0)
    return text if new is value else json.dumps(new, ensure_ascii=False, separators=(",", ":"))


def _restored(value: Any, schemas: list[Schema], root: Schema, depth: int) -> Any:
    if depth > MAX_DEPTH or not schemas:
        return value
    if isinstance(value, str):
        return _from_text(value, list(_alternatives(schemas, root)))
    if isinstance(value, dict):
        alternatives = list(_alternatives(schemas, root))
        new = {
            name: _restored(member, _members(alternatives, name), root, depth + 1)
            for name, member in value.items()
        }
        return new if any(new[name] is not value[name] for name in value) else value
    if isinstance(value, list):
        alternatives = list(_alternatives(schemas, root))
        items = [
            _restored(item, _items(alternatives, place), root, depth + 1)
            for place, item in enumerate(value)
        ]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value


def _alternatives(schemas: list[Schema], root: Schema) -> Iterator[Schema]:
    """``schemas`` and those that they refer to or combine, at most MOST_ALTERNATIVES."""
    waiting, seen = list(schemas), 0
    while waiting and seen < MOST_ALTERNATIVES:
        schema = waiting.pop(0)
        seen += 1
        yield schema
        target = referred(root, schema.get("$ref"))
        if target is not None:
            waiting.append(target)
        for keyword in _COMBINATIONS:
            parts = schema.get(keyword)
            if isinstance(parts, list):
                waiting += [part for part in parts if isinstance(part, Mapping)]


def _members(schemas: list[Schema], name: str) -> list[Schema]:
    found = []
    for schema in schemas:
        properties = schema.get("properties")
        member = properties.get(name) if isinstance(properties, Mapping) else None
        if member is None:
            member = schema.get("additionalProperties")
        if isinstance(member, Mapping):
            found.append(member)
    return found


def _items(schemas: list[Schema], place: int) -> list[Schema]:
    found = []
    for schema in schemas:
        first = schema.get("prefixItems", schema.get("items"))
        item = schema.get("items")
        if isinstance(first, list):
            item = first[place] if place < len(first) else schema.get("additionalItems", item)
        if isinstance(item, Mapping):
            found.append(item)
    return found


def _from_text(text: str, schemas: list[Schema]) -> Any:
    values = [value for schema in schemas for value in _values(schema)]
    if text in values or any(_allows_text(schema) for schema in schemas):
        return text
    for value in values:
        if as_text(value) == text:
            return value
    kind = _START_OF.get(text[:1])
    kinds = {kind for schema in schemas for kind in _types(schema)}
    is_open = all(_OPEN.isdisjoint(schema) for schema in schemas)
    return _decoded(text, kind) if kind is not None and (kind in kinds or is_open) else text


_START_OF: Mapping[str, str] = {"{": "object", "[": "array"}
_OPEN = frozenset({"type", "enum", "const", "$ref", *_COMBINATIONS})
"""Without one of them a schema allows everything, but the upstream may have been offered no object."""
_CLASS_OF: Mapping[str, type] = {"object": dict, "array": list}


def _decoded(text: str, kind: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, _CLASS_OF[kind]) else text


def _values(schema: Schema) -> list[Any]:
    values = schema.get("enum")
    known = list(values) if isinstance(values, list) else []
    return [*known, schema["const"]] if "const" in schema else known


def _types(schema: Schema) -> list[Any]:
    kinds = schema.get("type")
    return kinds if isinstance(kinds, list) else [kinds]


def _allows_text(schema: Schema) -> bool:
    """Whether ``schema`` says that any string will do."""
    return "string" in _types(schema) and not _values(schema)
