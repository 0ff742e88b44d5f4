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
"""Levels of arguments that are read, and of JSON in a string of them."""
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
    new = _Reading(schema).restored(value, [schema], 0)
    return text if new is value else json.dumps(new, ensure_ascii=False, separators=(",", ":"))


class _Reading:
    """The values of one call's arguments, read with the schema ``root``."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._texts: dict[tuple[int, ...], _Texts] = {}
        """By the identities of schemas in ``root``, since all items of an array have the same."""

    def restored(self, value: Any, schemas: list[Schema], depth: int) -> Any:
        if depth > MAX_DEPTH or not schemas:
            return value
        if isinstance(value, str):
            return self._texts_of(schemas).value_of(value)
        if isinstance(value, dict):
            alternatives = list(_alternatives(schemas, self._root))
            new = {
                name: self.restored(member, _members(alternatives, name), depth + 1)
                for name, member in value.items()
            }
            return new if any(new[name] is not value[name] for name in value) else value
        if isinstance(value, list):
            alternatives = list(_alternatives(schemas, self._root))
            first = max(map(_places, alternatives), default=0)
            others = _items(alternatives, first)
            items = [
                self.restored(item, _items(alternatives, at) if at < first else others, depth + 1)
                for at, item in enumerate(value)
            ]
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        return value

    def _texts_of(self, schemas: list[Schema]) -> _Texts:
        key = tuple(map(id, schemas))
        texts = self._texts.get(key)
        if texts is None:
            texts = self._texts[key] = _Texts(list(_alternatives(schemas, self._root)))
        return texts


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


def _places(schema: Schema) -> int:
    """How many first items have schemas of their own."""
    first = schema.get("prefixItems", schema.get("items"))
    return len(first) if isinstance(first, list) else 0


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


class _Texts:
    """What a string means where one of ``schemas`` is satisfied."""

    def __init__(self, schemas: list[Schema]) -> None:
        values = [value for schema in schemas for value in _values(schema)]
        self._values: dict[str, Any] = {as_text(value): value for value in reversed(values)}
        self._values |= {value: value for value in values if isinstance(value, str)}
        self._allowed = any(_allows_text(schema) for schema in schemas)
        self._kinds = {
            kind for schema in schemas for kind in _types(schema) if isinstance(kind, str)
        }
        self._open = all(_OPEN.isdisjoint(schema) for schema in schemas)

    def value_of(self, text: str) -> Any:
        if self._allowed:
            return text
        if text in self._values:
            value = self._values[text]
            return text if isinstance(value, str) else value
        kind = _START_OF.get(text[:1])
        return _decoded(text, kind) if kind in self._kinds or (kind and self._open) else text


_START_OF: Mapping[str, str] = {"{": "object", "[": "array"}
_OPEN = frozenset({"type", "enum", "const", "$ref", *_COMBINATIONS})
"""Without one of them a schema allows everything, but the upstream may have been offered no object."""
_CLASS_OF: Mapping[str, type] = {"object": dict, "array": list}


def _decoded(text: str, kind: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, _CLASS_OF[kind]) and not _is_deep(value) else text


def _is_deep(value: Any) -> bool:
    """Whether ``value`` has more than MAX_DEPTH levels, which parsers of clients may refuse."""
    level = [value]
    for _ in range(MAX_DEPTH):
        held = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [inner for values in held for inner in values if isinstance(inner, dict | list)]
    return bool(level)


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
