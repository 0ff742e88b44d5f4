"""What each schema step makes of a schema: docs/protocol.md 1.8."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from proxy.convert.request.schema.dialect import Dialect, rewrite
from proxy.convert.request.schema.steps import STEPS
from proxy.providers.profiles.schema_dialects import SchemaStep

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
NULL = {"type": "null"}
ANY = {
    "anyOf": [
        STRING,
        {"type": "number"},
        {"type": "boolean"},
        {"type": "object"},
        {"type": "array", "items": STRING},
    ]
}


def tool(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def row(step: SchemaStep, schema: Any, expected: Any, name: str) -> Any:
    return pytest.param(step, schema, expected, id=f"{step}: {name}")


AT_THE_ROOT = [
    row(
        "merge_root",
        {**tool(raw=STRING, to=STRING), "anyOf": [{"required": ["raw"]}, {"required": ["to"]}]},
        {**tool(raw=STRING, to=STRING), "description": "Required: raw or to."},
        "anyOf of required names",
    ),
    row(
        "merge_root",
        {
            "type": "object",
            "description": "Send.",
            "oneOf": [
                {**tool(file=STRING, kind={"const": "f"}), "required": ["kind", "file"]},
                {**tool(url=STRING, kind={"const": "u"}), "required": ["kind", "url"]},
            ],
        },
        {
            **tool(file=STRING, kind={"enum": ["f", "u"]}, url=STRING),
            "required": ["kind"],
            "description": "Send.\nRequired: file or url.",
        },
        "oneOf of objects with a discriminator",
    ),
    row(
        "merge_root",
        {"allOf": [{**tool(a=STRING), "required": ["a"]}, {**tool(b=STRING), "required": ["b"]}]},
        {**tool(a=STRING, b=STRING), "required": ["a", "b"]},
        "allOf",
    ),
    row(
        "merge_root",
        {"type": "object", "$ref": "#/$defs/in", "$defs": {"in": tool(a=STRING)}},
        {**tool(a=STRING), "$defs": {"in": tool(a=STRING)}},
        "a reference",
    ),
    row(
        "merge_root",
        {
            "anyOf": [{"$ref": "#/$defs/in"}, NULL],
            "$defs": {"in": tool(a=STRING)},
            "type": "object",
        },
        {**tool(a=STRING), "$defs": {"in": tool(a=STRING)}},
        "an object or null",
    ),
    row(
        "merge_root",
        {"type": "object", "oneOf": [tool(a=STRING), tool(a=INTEGER)]},
        tool(a={"anyOf": [STRING, INTEGER]}),
        "one name with two schemas",
    ),
    row("merge_root", {**tool(a=STRING), "not": {"required": ["b"]}}, tool(a=STRING), "not"),
    row("merge_root", {"type": ["object", "null"], "properties": {}}, tool(), "a list of types"),
    row("merge_root", tool(a={"anyOf": [STRING]}), None, "a union below the root stays"),
    row("merge_root", {"anyOf": [STRING, tool()]}, None, "an answer that is no object stays"),
    row(
        "merge_root",
        {"type": "object", "anyOf": [{"$ref": "#"}, tool(a=STRING)]},
        tool(a=STRING),
        "a root that refers to itself",
    ),
]
UNIONS = [
    row(
        "any_of_typed",
        tool(
            a={"type": "string", "description": "d", "anyOf": [{"minLength": 1}, {"maxLength": 9}]}
        ),
        tool(
            a={
                "description": "d",
                "anyOf": [{"type": "string", "minLength": 1}, {"type": "string", "maxLength": 9}],
            }
        ),
        "type moves into the branches",
    ),
    row(
        "any_of_typed",
        tool(a={"type": "string", "anyOf": [{"minLength": 1}, INTEGER]}),
        tool(a={"type": "string", "minLength": 1}),
        "a branch of another type goes",
    ),
    row(
        "any_of_typed",
        tool(a={**tool(x=STRING), "anyOf": [{"required": ["x"]}, {"required": ["y"]}]}),
        tool(
            a={
                "anyOf": [
                    {"required": ["x"], **tool(x=STRING)},
                    {"required": ["y"], **tool(x=STRING)},
                ]
            }
        ),
        "properties move too",
    ),
    row(
        "any_of_typed",
        {
            **tool(a={"minLength": 2, "anyOf": [{"$ref": "#/$defs/s"}, NULL]}),
            "$defs": {"s": STRING},
        },
        {
            **tool(
                a={"anyOf": [{"type": "string", "minLength": 2}, {"type": "null", "minLength": 2}]}
            ),
            "$defs": {"s": STRING},
        },
        "what a reference names is restricted in its place",
    ),
    row("any_of_typed", tool(a={"title": "t", "anyOf": [STRING, NULL]}), None, "annotations stay"),
    row(
        "any_of_typed",
        tool(a={**tool(**{f"p{n}": STRING for n in range(60)}), "anyOf": [tool(q=STRING)] * 3}),
        tool(a=tool(q=STRING, **{f"p{n}": STRING for n in range(60)})),
        "many properties are merged, not copied",
    ),
    row(
        "any_of_alone",
        tool(a={"description": "d", "anyOf": [STRING, INTEGER], "nullable": True}),
        tool(
            a={
                "anyOf": [
                    {"type": "string", "description": "d", "nullable": True},
                    {"type": "integer", "description": "d", "nullable": True},
                ]
            }
        ),
        "all that stands beside moves",
    ),
    row(
        "nullable",
        tool(a={"description": "d", "anyOf": [STRING, NULL]}),
        tool(a={"type": "string", "description": "d", "nullable": True}),
        "one type or null",
    ),
    row(
        "nullable",
        tool(a={"anyOf": [STRING, INTEGER, NULL]}),
        tool(a={"anyOf": [STRING, INTEGER], "nullable": True}),
        "several types or null",
    ),
    row("nullable", tool(a=NULL), tool(a={"type": "string", "nullable": True}), "only null"),
    row(
        "nullable",
        tool(a={"anyOf": [{**STRING, "nullable": True}, INTEGER]}),
        None,
        "OpenAPI's own",
    ),
    row(
        "merge_all_of",
        tool(a={"description": "d", "allOf": [{"$ref": "#/$defs/s"}]}),
        tool(a={"description": "d", "$ref": "#/$defs/s"}),
        "one reference (pydantic)",
    ),
    row(
        "merge_all_of",
        tool(
            a={"allOf": [{"minimum": 1, **INTEGER}, {"type": "number", "minimum": 3, "maximum": 9}]}
        ),
        tool(a={"type": "integer", "minimum": 3, "maximum": 9}),
        "the narrower bounds",
    ),
    row(
        "merge_all_of",
        {
            **tool(a={"allOf": [{"$ref": "#/$defs/s"}, {"minLength": 1}]}),
            "$defs": {"s": {"type": "string", "maxLength": 5}},
        },
        {
            **tool(a={"type": "string", "maxLength": 5, "minLength": 1}),
            "$defs": {"s": {"type": "string", "maxLength": 5}},
        },
        "a reference among others",
    ),
    row(
        "merge_all_of",
        tool(a={**tool(), "allOf": [{"if": {"required": ["x"]}, "then": {"required": ["y"]}}]}),
        tool(a=tool()),
        "conditions go",
    ),
    row(
        "one_of_any", tool(a={"oneOf": [STRING, NULL]}), tool(a={"anyOf": [STRING, NULL]}), "oneOf"
    ),
]
VALUES = [
    row("const_enum", tool(a={"const": "x"}), tool(a={"type": "string", "enum": ["x"]}), "a string"),
    row("const_enum", tool(a={"const": 5}), tool(a={"type": "integer", "enum": [5]}), "a number"),
    row(
        "const_enum",
        tool(a={"type": "boolean", "const": True}),
        tool(a={"type": "boolean", "enum": [True]}),
        "with its type",
    ),
    row("const_enum", tool(a={"const": None}), tool(a={"type": "null", "enum": [None]}), "null"),
    row("const_enum", tool(const=STRING), None, "a property of that name"),
    row(
        "enum_strings",
        tool(a={"type": "integer", "enum": [0, 1, 2], "description": "d"}),
        tool(a={"type": "string", "enum": ["0", "1", "2"], "description": "d"}),
        "integers",
    ),
    row("enum_strings", tool(a={"enum": ["x", 1, True]}), tool(a={**STRING, "enum": ["x", "1", "true"]}), "mixed"),
    row(
        "enum_strings",
        tool(a={"type": "string", "enum": ["x", None]}),
        tool(a={"type": "string", "nullable": True, "enum": ["x"]}),
        "null",
    ),
    row("enum_strings", tool(a={**STRING, "enum": ["", "x"]}), tool(a={**STRING, "enum": ["x"]}), "empty"),
    row(
        "enum_strings",
        tool(a={"enum": [1.5, 2.5], "default": 1.5}),
        tool(a={"type": "string", "default": "1.5", "enum": ["1.5", "2.5"]}),
        "the default too",
    ),
    row("enum_strings", tool(a={**STRING, "enum": ["x", "y"]}), None, "strings stay"),
    row("plain_enums", tool(a={"type": "integer", "enum": [1, 2]}), None, "numbers stay"),
    row(
        "plain_enums",
        tool(a={"enum": ["x", 1, None]}),
        tool(a={"anyOf": [{**STRING, "enum": ["x"]}, {**INTEGER, "enum": [1]}, NULL]}),
        "mixed values",
    ),
    row("plain_enums", tool(a={"type": "boolean", "enum": [True]}), tool(a={"type": "boolean"}), "truth"),
    row(
        "plain_enums",
        tool(a={"type": "string", "enum": ["x", 1]}),
        tool(a={"type": "string", "enum": ["x"]}),
        "values of another type go",
    ),
    row("plain_enums", tool(a={"enum": ["x"]}), tool(a={"type": "string", "enum": ["x"]}), "the type"),
]  # fmt: skip
KINDS = [
    row(
        "type_lists",
        tool(a={"type": ["string", "null"], "minLength": 1, "description": "d"}),
        tool(a={"description": "d", "anyOf": [{"type": "string", "minLength": 1}, NULL]}),
        "a type and null",
    ),
    row(
        "type_lists",
        tool(a={"type": ["array", "string"], "items": INTEGER, "maxLength": 3}),
        tool(a={"anyOf": [{"type": "array", "items": INTEGER}, {"type": "string", "maxLength": 3}]}),
        "keywords go with their type",
    ),
    row("type_lists", tool(a={"type": ["integer", "number"]}), tool(a={"type": "number"}), "numbers"),
    row("type_lists", tool(a={"type": ["string"]}), tool(a=STRING), "one type"),
    row(
        "type_lists",
        tool(a={"type": ["string", "integer"], "enum": ["x", 1]}),
        tool(a={"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "integer", "enum": [1]}]}),
        "values go with their type",
    ),
    row("typed", tool(a={"description": "d"}), tool(a={"description": "d", **ANY}), "any value"),
    row("typed", tool(a={"properties": {}}), tool(a={"type": "object", "properties": {}}), "an object"),
    row("typed", tool(a={"items": STRING}), tool(a={"type": "array", "items": STRING}), "an array"),
    row("typed", tool(a={"enum": ["x"]}), tool(a={"type": "string", "enum": ["x"]}), "of its values"),
    row("typed", tool(a={"minLength": 1}), tool(a={"type": "string", "minLength": 1}), "a string"),
    row("typed", tool(a={"$ref": "#"}, b={"anyOf": [STRING]}), None, "references and unions"),
    row(
        "exclusive_bounds",
        tool(a={"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}),
        tool(a={"type": "integer", "minimum": 1, "maximum": 9}),
        "integers",
    ),
    row(
        "exclusive_bounds",
        tool(a={"type": "number", "exclusiveMinimum": 0}),
        tool(a={"type": "number", "minimum": 0}),
        "numbers: the bound itself",
    ),
    row(
        "exclusive_bounds",
        tool(a={"type": "integer", "exclusiveMinimum": 4, "minimum": 9}),
        tool(a={"type": "integer", "minimum": 9}),
        "the narrower one",
    ),
    row(
        "exclusive_bounds",
        tool(a={"type": "integer", "exclusiveMinimum": True}),
        tool(a=INTEGER),
        "no number",
    ),
    row("exclusive_bounds", tool(exclusiveMinimum=INTEGER), None, "a property of that name"),
    row("array_items", tool(a={"type": "array"}), tool(a={"type": "array", "items": {}}), "none"),
    row("array_items", tool(a={"type": ["array", "null"]}), tool(a={"type": ["array", "null"], "items": {}}), "or null"),
    row(
        "array_items",
        tool(a={"type": "array", "prefixItems": [STRING, INTEGER]}),
        tool(a={"type": "array", "prefixItems": [STRING, INTEGER], "items": {"anyOf": [STRING, INTEGER]}}),
        "a tuple",
    ),
    row("array_items", tool(a={"type": "array", "items": True}), tool(a={"type": "array", "items": {}}), "true"),
    row("array_items", tool(a={"type": "array", "items": STRING}), None, "items stay"),
]  # fmt: skip
DRAFTS = [
    row(
        "draft_2020",
        tool(a={"type": "integer", "minimum": 0, "exclusiveMinimum": True}),
        tool(a={"type": "integer", "exclusiveMinimum": 0}),
        "draft 4: exclusiveMinimum",
    ),
    row(
        "draft_2020",
        tool(a={"type": "string", "required": True}),
        {**tool(a=STRING), "required": ["a"]},
        "draft 3: required",
    ),
    row(
        "draft_2020",
        tool(a={"type": "array", "items": [STRING], "additionalItems": INTEGER}),
        tool(a={"type": "array", "prefixItems": [STRING], "items": INTEGER}),
        "draft 7: a tuple",
    ),
    row("draft_2020", tool(a={"type": "any"}, b={"type": "float"}), tool(a={}, b={"type": "number"}), "types"),
    row("draft_2020", tool(a={"type": "STRING"}), tool(a=STRING), "capitals"),
    row("draft_2020", tool(a=True, b=False), tool(a={}, b={"not": {}}), "true and false"),
    row("draft_2020", tool(a={"anyOf": [], "enum": []}), tool(a={}), "empty lists"),
    row("draft_2020", tool(a={"$ref": "#/nowhere", "title": "t"}), tool(a={"title": "t"}), "nowhere"),
    row("draft_2020", tool(a={"$ref": "https://x.test/a.json"}), tool(a={}), "another document"),
    row("draft_2020", tool(a={"minLength": "5", "description": None}), tool(a={}), "wrong values"),
]  # fmt: skip
NODE = {
    "type": "object",
    "properties": {"next": {"$ref": "#/$defs/node"}, "v": STRING},
    "description": "a node",
}
OUTLINE = {"type": "object", "description": "a node"}
REFS = [
    row(
        "inline_refs",
        {**tool(a={"$ref": "#/$defs/s", "description": "d"}), "$defs": {"s": STRING}},
        tool(a={"type": "string", "description": "d"}),
        "a definition with a description beside",
    ),
    row(
        "inline_refs",
        {**tool(a={"$ref": "#/$defs/node"}), "$defs": {"node": NODE}},
        tool(
            a={
                **NODE,
                "properties": {
                    "next": {**NODE, "properties": {"next": OUTLINE, "v": STRING}},
                    "v": STRING,
                },
            }
        ),
        "a recursion ends",
    ),
    row(
        "inline_refs",
        tool(a={"type": "object", "properties": {"b": {"$ref": "#/properties/c"}}}, c=STRING),
        tool(a=tool(b=STRING), c=STRING),
        "a pointer anywhere",
    ),
    row("inline_refs", {**tool(), "definitions": {"s": STRING}}, tool(), "unused definitions"),
    row("inline_refs", tool(a={"$ref": "#/gone", "title": "t"}), tool(a={"title": "t"}), "nowhere"),
    row("inline_refs", {**tool(), "$defs": {"a/b": STRING}, "allOf": [{"$ref": "#/$defs/a~1b"}]}, {**tool(), "allOf": [STRING]}, "an escaped name"),
    row("local_refs", {**tool(a={"$ref": "#/$defs/node"}), "$defs": {"node": NODE}}, None, "plain"),
    row(
        "local_refs",
        {**tool(a={"$ref": "#/definitions/s"}), "definitions": {"s": STRING}},
        tool(a=STRING),
        "older definitions",
    ),
    row(
        "local_refs",
        {**tool(a={"$ref": "#/$defs/s", "minLength": 1}), "$defs": {"s": STRING}},
        tool(a={"type": "string", "minLength": 1}),
        "restricted beside",
    ),
    row(
        "local_refs",
        tool(a={**tool(b={"$ref": "#/properties/a/$defs/s"}), "$defs": {"s": STRING}}),
        tool(a=tool(b=STRING)),
        "definitions inside",
    ),
    row("local_refs", tool(a={"$ref": "#"}), tool(a={**tool(a={"type": "object"})}), "the root"),
]  # fmt: skip
OBJECTS = [
    row("no_empty_objects", tool(), {"type": "object"}, "the root"),
    row("no_empty_objects", tool(a=tool()), tool(a={"type": "object"}), "a member"),
    row("no_empty_objects", tool(a={"type": "array", "items": tool()}), tool(a={"type": "array", "items": {"type": "object"}}), "items"),
    row(
        "no_empty_objects",
        tool(a={"anyOf": [STRING, tool()]}),
        tool(a={"anyOf": [{"type": "string", "description": "An object is written as JSON text."}]}),
        "a branch",
    ),
    row("no_empty_objects", tool(a=tool(b=STRING)), None, "members stay"),
    row(
        "objects_as_json",
        tool(a={"type": "object", "description": "d"}),
        tool(a={"type": "string", "description": "d\nAn object is written as JSON text."}),
        "a free object",
    ),
    row("objects_as_json", tool(), None, "not the root"),
    row("objects_as_json", tool(a=tool(b=STRING)), None, "not one with members"),
    row("known_required", {**tool(a=STRING), "required": ["a", "b"]}, {**tool(a=STRING), "required": ["a"]}, "some"),
    row("known_required", {**tool(a=STRING), "required": ["b"]}, tool(a=STRING), "none"),
    row("known_required", tool(a={"type": "object", "required": ["x"]}), tool(a={"type": "object"}), "no properties"),
    row("known_required", tool(a={"type": "string", "required": ["x"]}), tool(a=STRING), "no object"),
    row("known_required", {**tool(a=STRING), "required": ["a"]}, None, "all known"),
]  # fmt: skip


def text(**words: Any) -> dict[str, Any]:
    return tool(a={"type": "string", **words})


GRAMMARS = [
    row("grammar", text(pattern=r"^\d+$"), text(), "a class of characters"),
    row("grammar", text(pattern="[a-z]+"), text(), "without anchors"),
    row("grammar", text(pattern="^(?!x)[a-z]$"), text(), "lookahead"),
    row("grammar", text(pattern="^[a-z]+?$"), text(), "lazy repetition"),
    row("grammar", text(pattern="^a$|^b$"), text(), "anchors in the middle"),
    row("grammar", text(pattern="^[a-z0-9_.-]{1,64}$"), None, "a plain pattern stays"),
    row("grammar", text(pattern=r"^a\.b$"), None, "an escaped sign stays"),
    row("grammar", text(minLength=1, maxLength=100_000), text(minLength=1), "a long string"),
    row("grammar", tool(a={"type": "array", "items": STRING, "maxItems": 5000}), tool(a={"type": "array", "items": STRING}), "a long array"),
    row("string_formats", text(format="uri"), text(), "uri"),
    row("string_formats", text(format="date-time"), None, "date-time stays"),
    row("string_formats", text(format="email"), text(), "email"),
    row("string_formats", tool(a={"type": "integer", "format": "int64"}), None, "int64 stays"),
    row("string_formats", tool(a={"type": "integer", "format": "date-time"}), tool(a=INTEGER), "of another type"),
    row("string_formats", tool(format=STRING), None, "a property of that name"),
]  # fmt: skip
ROWS = [
    *AT_THE_ROOT, *UNIONS, *VALUES, *KINDS, *DRAFTS, *REFS, *OBJECTS, *GRAMMARS,
]  # fmt: skip


@pytest.mark.parametrize(("step", "schema", "expected"), ROWS)
def test_step(step: SchemaStep, schema: dict[str, Any], expected: dict[str, Any] | None) -> None:
    before = deepcopy(schema)
    done = rewrite(schema, Dialect((step,), (), ()))
    assert done.schema == (schema if expected is None else expected)
    assert [name for name, _ in done.steps] == ([] if expected is None else [step])
    assert (done.schema is schema) is (expected is None), "an unchanged schema is not copied"
    assert schema == before


def test_every_step_has_rows() -> None:
    assert {row.values[0] for row in ROWS} == set(STEPS)


@pytest.mark.parametrize(
    ("schema", "lost"),
    [
        pytest.param({**tool(a={"$ref": "#/$defs/s"}), "$defs": {"s": STRING}}, False, id="a definition"),
        pytest.param({**tool(a={"$ref": "#/$defs/n"}), "$defs": {"n": NODE}}, True, id="no node"),
        pytest.param(tool(a={"$ref": "#"}), True, id="a recursion"),
    ],
)  # fmt: skip
def test_a_recursion_that_ends_is_a_loss(schema: dict[str, Any], lost: bool) -> None:
    assert rewrite(schema, Dialect(("inline_refs",), (), ())).steps == (("inline_refs", lost),)


def test_sizes_are_bounded() -> None:
    """Definitions that each refer twice to the next one would have a million copies of the last."""
    chain = {f"d{n}": tool(a={"$ref": f"#/$defs/d{n + 1}"}, b={"$ref": f"#/$defs/d{n + 1}"}) for n in range(20)}  # fmt: skip
    wide = {f"u{n}": {"anyOf": [{"$ref": f"#/$defs/u{n + 1}"}] * 50} for n in range(20)}
    for schema in (
        {**tool(a={"$ref": "#/$defs/d0"}), "$defs": {**chain, "d20": STRING}},
        {
            "type": "object",
            "anyOf": [{"$ref": "#/$defs/u0"}] * 50,
            "$defs": {**wide, "u20": tool()},
        },
        tool(a={"anyOf": [{"$ref": "#"}] * 50}),
    ):
        for step in ("inline_refs", "local_refs", "merge_root", "any_of_typed", "merge_all_of"):
            done = rewrite(schema, Dialect((step,), (), ()))
            assert len(str(done.schema)) < 400_000
