"""Random JSON Schemas of tools as MCP servers send them, and values that fit a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]
NAMES = ("a", "b", "c", "kind")
WORDS = st.sampled_from(["x", "y", "on", "two words"])
SCALARS = st.one_of(WORDS, st.integers(-5, 5), st.booleans(), st.none(), st.just(1.5))
NOTES = st.fixed_dictionaries(
    {}, optional={"description": WORDS, "title": WORDS, "default": SCALARS}
)


def _with_notes(schemas: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.builds(lambda schema, notes: {**notes, **schema}, schemas, NOTES)


RECODED = st.one_of(WORDS, st.integers(0, 9))
"""Constants that a string can stand for; of ``true`` and ``null`` only the type is sent."""
FAITHFUL_LEAVES: st.SearchStrategy[Schema] = st.one_of(
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]),
    st.just({"type": "string", "minLength": 1, "maxLength": 20}),
    st.builds(
        lambda n: {"type": "integer", "exclusiveMinimum": n, "maximum": n + 9}, st.integers(0, 5)
    ),
    st.builds(
        lambda n: {"type": "integer", "minimum": n, "exclusiveMinimum": True}, st.integers(0, 5)
    ),
    st.builds(lambda v: {"const": v}, RECODED),
    st.builds(lambda v: {"enum": v}, st.lists(RECODED, min_size=1, max_size=4)),
    st.builds(lambda v: {"type": "integer", "enum": v}, st.lists(st.integers(0, 9), min_size=1)),
    st.builds(
        lambda v: {"type": ["string", "null"], "enum": [*v, None]}, st.lists(WORDS, min_size=1)
    ),
    st.sampled_from(
        [
            {"type": ["string", "null"]},
            {"type": ["integer", "string", "null"], "minimum": 2},
            {"type": ["array", "boolean"], "items": {"type": "integer"}},
            {"type": "array"},
            {"type": "object"},
            {"type": "object", "properties": {}},
            {"type": "string", "format": "uri"},
            {},
        ]
    ),
)
"""Schemas whose rewritten forms mean the same."""
ODD_LEAVES: st.SearchStrategy[Schema] = st.sampled_from(
    [
        {"type": "any"},
        {"type": "float"},
        {"type": ["string", "money"]},
        {"enum": []},
        {"enum": ["", "x", 0]},
        {"enum": [True, False]},
        {"type": "string", "pattern": r"^\d+(?=x)$"},
        {"type": "string", "pattern": "[a-z]+"},
        {"type": "string", "pattern": "^[a-z]{2,8}$", "maxLength": 100000},
        {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
        {"type": "array", "prefixItems": [{"type": "string"}], "minItems": 1},
        {"type": "array", "items": True, "maxItems": 99999, "uniqueItems": True},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "propertyNames": {"pattern": "^x"}, "required": ["gone"]},
        {"type": "object", "patternProperties": {"^x": {"type": "string"}}},
        {"type": "number", "minimum": "5", "multipleOf": 2},
        {"type": "string", "required": True},
        {"not": {"type": "string"}},
        {"$ref": "#/$defs/node"},
        {"$ref": "#/$defs/node", "description": "a node"},
        {"$ref": "#/definitions/old", "minLength": 2},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#"},
        {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
        {"minLength": 3},
        {"type": "null"},
    ]
)
DEFINITIONS = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"const": 1},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "list": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value"],
        }
    },
    "definitions": {"old": {"type": ["string", "null"], "format": "uuid"}},
}


def _objects(members: st.SearchStrategy[Any], *, odd: bool) -> st.SearchStrategy[Schema]:
    def build(properties: dict[str, Any], required: set[str], closed: bool) -> Schema:
        names = sorted(required if odd else required & properties.keys())
        schema: Schema = {"type": "object", "properties": properties}
        if names:
            schema["required"] = names
        return {**schema, "additionalProperties": False} if closed else schema

    return st.builds(
        build,
        st.dictionaries(st.sampled_from(NAMES), members, max_size=3),
        st.sets(st.sampled_from(NAMES), max_size=2),
        st.booleans(),
    )


def _deeper(inner: st.SearchStrategy[Any], *, odd: bool) -> st.SearchStrategy[Schema]:
    shapes = [
        _objects(inner, odd=odd),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, min_size=1, max_size=3)),
    ]
    if odd:
        unions = st.sampled_from(["anyOf", "oneOf", "allOf"])
        shapes += [
            st.builds(
                lambda word, parts, beside: {**beside, word: parts},
                unions,
                st.lists(inner, max_size=3),
                st.one_of(_objects(inner, odd=True), ODD_LEAVES),
            ),
            st.booleans(),  # type: ignore[list-item]
        ]
    return _with_notes(st.one_of(*shapes[:3])) if not odd else st.one_of(*shapes)


FAITHFUL = _objects(
    st.recursive(
        _with_notes(FAITHFUL_LEAVES), lambda inner: _deeper(inner, odd=False), max_leaves=6
    ),
    odd=False,
)
"""Schemas of tools that a rewrite changes without giving anything up."""
ODD_SCHEMAS = st.recursive(
    st.one_of(_with_notes(FAITHFUL_LEAVES), _with_notes(ODD_LEAVES)),
    lambda inner: _deeper(inner, odd=True),
    max_leaves=8,
)
ODD = st.builds(
    lambda root, extra, definitions: {**extra, **root, **(DEFINITIONS if definitions else {})},
    _objects(ODD_SCHEMAS, odd=True),
    st.one_of(
        st.just({}),
        st.just(
            {"$schema": "http://json-schema.org/draft-07/schema#", "$id": "x", "x-order": {"a": 1}}
        ),
        st.builds(
            lambda word, parts: {word: parts},
            st.sampled_from(["anyOf", "oneOf", "allOf"]),
            st.lists(_objects(ODD_SCHEMAS, odd=True), min_size=1, max_size=3),
        ),
    ),
    st.booleans(),
)
"""Schemas of tools with everything that somebody's MCP server sends."""

KEYWORDS = (
    "type", "properties", "required", "items", "prefixItems", "anyOf", "oneOf", "allOf", "not",
    "enum", "const", "$ref", "$defs", "definitions", "additionalProperties", "exclusiveMinimum",
    "minimum", "minLength", "maxItems", "pattern", "format", "description", "nullable", "default",
)  # fmt: skip
JUNK_VALUES = st.one_of(
    SCALARS, st.sampled_from(["object", "array", "null", "#/$defs/a", "#", "#/properties/a", "^a$"])
)
JUNK: st.SearchStrategy[Schema] = st.dictionaries(
    st.sampled_from(KEYWORDS),
    st.recursive(
        JUNK_VALUES,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from([*KEYWORDS, *NAMES]), inner, max_size=3),
        ),
        max_leaves=12,
    ),
    max_size=5,
)
"""Objects with any JSON value at any keyword."""


@st.composite
def values_for(draw: st.DrawFn, schema: Mapping[str, Any] | None) -> Any:
    """A value for a rewritten schema: one type or ``anyOf`` for each schema, no other union."""
    schema = schema or {}
    if schema.get("nullable") and draw(st.booleans()):
        return None
    if schema.get("anyOf"):
        return draw(values_for(draw(st.sampled_from(schema["anyOf"]))))
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    kind = schema.get("type", "string")
    if kind == "object":
        properties = schema.get("properties") or {}
        required = set(schema.get("required") or ())
        chosen = [name for name in properties if name in required or draw(st.booleans())]
        return {name: draw(values_for(properties[name])) for name in chosen}
    if kind == "array":
        return draw(st.lists(values_for(schema.get("items")), max_size=2))
    if kind in ("integer", "number"):
        low = int(schema.get("minimum", 0))
        return draw(st.integers(low, max(low, int(schema.get("maximum", low + 9)))))
    scalars = {"boolean": st.booleans(), "null": st.none()}
    texts = st.text("ab", min_size=schema.get("minLength", 0), max_size=8)
    return draw(scalars.get(kind, texts))
