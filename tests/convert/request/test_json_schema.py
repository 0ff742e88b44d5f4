"""Schemas in another dialect: docs/protocol.md 10.11, edge cases 20, 95b."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from proxy.convert.request.schema.keywords import without_keywords
from proxy.convert.request.schema.strict import OpenSchema, strict_schema

STRING = {"type": "string"}


def properties(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members}


def closed(**members: Any) -> dict[str, Any]:
    return {**properties(**members), "additionalProperties": False, "required": list(members)}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param({"x": 1, **STRING}, STRING, id="10.11 keyword at the top"),
        pytest.param(
            properties(a={"x": 1, **STRING}), properties(a=STRING), id="10.11 keyword in a property"
        ),
        pytest.param(
            {"items": {"anyOf": [{"x": 1}, STRING]}},
            {"items": {"anyOf": [{}, STRING]}},
            id="edge 95b keyword below items and anyOf",
        ),
        pytest.param(
            {"$defs": {"x": {"x": 1, **STRING}}},
            {"$defs": {"x": STRING}},
            id="edge 95b keyword below $defs",
        ),
        pytest.param({"not": {"x": {}}}, {"not": {}}, id="10.11 a keyword goes with its schema"),
        pytest.param(
            properties(x=STRING), properties(x=STRING), id="10.11 a property of that name stays"
        ),
        pytest.param(
            {"enum": [{"x": 1}], "const": {"x": 1}, "default": {"x": 1}},
            {"enum": [{"x": 1}], "const": {"x": 1}, "default": {"x": 1}},
            id="10.11 values are no schemas",
        ),
        pytest.param({"required": ["x"]}, {"required": ["x"]}, id="10.11 required names stay"),
        pytest.param(
            {"properties": ["x", {"x": 1}]}, {"properties": ["x", {}]}, id="10.11 an odd schema"
        ),
        pytest.param({"properties": {"a": True}}, {"properties": {"a": True}}, id="10.11 booleans"),
    ],
)
def test_without_keywords(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    before = deepcopy(schema)
    shorter, removed = without_keywords(schema, ("x", "y"))
    assert shorter == expected
    assert removed == (set() if expected == schema else {"x"})
    assert schema == before
    assert (shorter is schema) is (expected == schema), "an unchanged schema is not copied"


def test_only_the_changed_path_is_copied() -> None:
    schema = properties(a={"x": 1}, b=properties(c=STRING))
    shorter, _ = without_keywords(schema, ("x",))
    assert shorter["properties"]["b"] is schema["properties"]["b"]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(properties(a=STRING), closed(a=STRING), id="edge 20 closed, all required"),
        pytest.param(
            {**properties(a=STRING, b=STRING), "additionalProperties": False, "required": ["b"]},
            closed(a=STRING, b=STRING),
            id="edge 20 optional properties become required",
        ),
        pytest.param(
            properties(a={"type": "array", "items": properties(b=STRING)}),
            closed(a={"type": "array", "items": closed(b=STRING)}),
            id="edge 20 at any depth",
        ),
        pytest.param(
            {"$defs": {"n": properties(a=STRING)}, "$ref": "#/$defs/n"},
            {"$defs": {"n": closed(a=STRING)}, "$ref": "#/$defs/n"},
            id="edge 20 definitions",
        ),
        pytest.param(
            {"properties": {"a": STRING}},
            {"properties": {"a": STRING}, "additionalProperties": False, "required": ["a"]},
            id="edge 20 an object without a type",
        ),
        pytest.param(
            {**properties(a=STRING), "required": "a"},
            closed(a=STRING),
            id="edge 20 required of a wrong type",
        ),
        pytest.param(STRING, STRING, id="edge 20 no object at all"),
        pytest.param(
            {"type": "object", "additionalProperties": False},
            {"type": "object", "additionalProperties": False},
            id="edge 20 an object that is always empty",
        ),
        pytest.param(
            {**closed(a=STRING, b=STRING), "required": ["b", "a"]},
            {**closed(a=STRING, b=STRING), "required": ["b", "a"]},
            id="edge 20 already strict",
        ),
    ],
)
def test_strict_schema(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    before = deepcopy(schema)
    strict = strict_schema(schema)
    assert strict == expected
    assert schema == before
    assert (strict is schema) is (expected == schema)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "object"}, id="edge 20 an object of any members"),
        pytest.param(
            {**properties(a=STRING), "additionalProperties": STRING}, id="edge 20 more members"
        ),
        pytest.param(
            {**properties(a=STRING), "additionalProperties": True}, id="edge 20 any more members"
        ),
        pytest.param(properties(a={"type": "object"}), id="edge 20 an open object inside"),
        pytest.param({"properties": [1]}, id="edge 20 properties of a wrong type"),
    ],
)
def test_open_schema(schema: dict[str, Any]) -> None:
    with pytest.raises(OpenSchema):
        strict_schema(schema)


def test_the_deepest_schema_that_a_request_may_hold() -> None:
    schema: dict[str, Any] = {"x": 1}
    for _ in range(240):
        schema = {"not": schema}
    shorter, removed = without_keywords(schema, ("x",))
    assert removed == {"x"}
    assert shorter != schema
