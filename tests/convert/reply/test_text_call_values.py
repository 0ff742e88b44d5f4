"""Values of parameters that were written as plain text get the type of the schema."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.text_calls.values import MAX_SCHEMAS, object_in, typed_value
from tests.convert.reply.test_text_calls import calls, whole

ROOT = {
    "$defs": {
        "point": {"type": "object"},
        "count": {"$ref": "#/$defs/number"},
        "number": {"type": "integer"},
        "loop": {"$ref": "#/$defs/loop"},
    }
}
STRING, INTEGER = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        pytest.param("5", STRING, "5", id="a string stays one"),
        pytest.param("true", STRING, "true", id="a word"),
        pytest.param('{"a": 1}', STRING, '{"a": 1}', id="JSON in a string"),
        pytest.param('"quoted"', STRING, '"quoted"', id="quotes in a string"),
        pytest.param(" a \n", STRING, " a \n", id="blanks in a string"),
        pytest.param("null", STRING, "null", id="the word null"),
        pytest.param("5", INTEGER, 5, id="an integer"),
        pytest.param(" -5\n", INTEGER, -5, id="with blanks around it"),
        pytest.param("5.0", INTEGER, 5.0, id="an integer with a point"),
        pytest.param("5.5", INTEGER, "5.5", id="no integer"),
        pytest.param("five", INTEGER, "five", id="no number"),
        pytest.param("true", INTEGER, "true", id="a boolean is no integer"),
        pytest.param("12345678901234567890123", INTEGER, 12345678901234567890123, id="a long one"),
        pytest.param("5", {"type": "number"}, 5, id="an integer is a number"),
        pytest.param("1e3", {"type": "number"}, 1000.0, id="a number"),
        pytest.param("NaN", {"type": "number"}, "NaN", id="not a number"),
        pytest.param("1e999", {"type": "number"}, "1e999", id="beyond a double"),
        pytest.param('{"a": -1e999}', {"type": "object"}, '{"a": -1e999}', id="one in an object"),
        pytest.param("-Infinity", {"type": "number"}, "-Infinity", id="no number of JSON"),
        pytest.param("true", {"type": "boolean"}, True, id="a boolean"),
        pytest.param("False", {"type": "boolean"}, False, id="one of Python"),
        pytest.param("yes", {"type": "boolean"}, "yes", id="no boolean"),
        pytest.param("1", {"type": "boolean"}, "1", id="a number is none"),
        pytest.param('["a", 1]', {"type": "array"}, ["a", 1], id="an array"),
        pytest.param('\n{"a": [1]}\n', {"type": "object"}, {"a": [1]}, id="an object"),
        pytest.param("[1", {"type": "array"}, "[1", id="half an array"),
        pytest.param("{}", {"type": "array"}, "{}", id="an object is no array"),
        pytest.param("null", {"type": "null"}, None, id="null"),
        pytest.param("None", {"type": ["integer", "null"]}, None, id="None of Python"),
        pytest.param("null", {"type": ["string", "null"]}, None, id="null or a string"),
        pytest.param("5", {"type": ["string", "integer"]}, "5", id="a string wherever allowed"),
        pytest.param("5", {"anyOf": [{"type": "null"}, INTEGER]}, 5, id="alternatives"),
        pytest.param("5", {"oneOf": [STRING, INTEGER]}, "5", id="a string among them"),
        pytest.param("[1]", {"allOf": [{"type": "array"}]}, [1], id="all of one"),
        pytest.param('{"x": 1}', {"$ref": "#/$defs/point"}, {"x": 1}, id="a reference"),
        pytest.param("5", {"$ref": "#/$defs/count"}, 5, id="a reference to a reference"),
        pytest.param("5", {"$ref": "#/$defs/loop"}, "5", id="a reference to itself"),
        pytest.param("5", {"$ref": "#/$defs/none"}, "5", id="a reference to nothing"),
        pytest.param("5", {"$ref": "https://example.com/x"}, "5", id="a reference elsewhere"),
        pytest.param("2", {"enum": [1, 2]}, 2, id="an enumeration of numbers"),
        pytest.param("2", {"enum": ["1", "2"]}, "2", id="an enumeration of strings"),
        pytest.param("3", {"const": 3}, 3, id="a constant"),
        pytest.param("5", {}, "5", id="no type: a number may be meant as a string"),
        pytest.param('{"a": 1}', {}, {"a": 1}, id="no type: an object is none"),
        pytest.param("[1]", None, [1], id="no schema"),
        pytest.param("x", {"type": 5, "anyOf": "x", "enum": {}}, "x", id="an odd schema"),
        pytest.param("[" * 100_000, {"type": "array"}, "[" * 100_000, id="endless brackets"),
    ],
)  # fmt: skip
def test_3_a_value_gets_the_type_of_the_schema(text: str, schema: object, expected: Any) -> None:
    value = typed_value(text, schema, ROOT)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("{}", {}),
        ("{'a': True,}", {"a": True}),
        ('{"a": "line\nline"}', {"a": "line\nline"}),
        ('{"a": ', None),
        ("[1]", None),
        ("x", None),
        ('"x"', None),
        ("{" * 10, None),
        ('{"a": 1e999}', None),
        ('{"a":' * 100_000, None),
    ],
)
def test_objects(text: str, expected: object) -> None:
    assert object_in(text) == expected


def _loops(count: int) -> dict[str, object]:
    """A schema each of whose ``count`` alternatives is the schema itself."""
    loop = {"$ref": "#/$defs/loop"}
    return {"$defs": {"loop": {**loop, "anyOf": [loop] * count, "allOf": [dict(loop)] * count}}}


def _chain(length: int) -> dict[str, object]:
    links = {f"s{at}": {"$ref": f"#/$defs/s{at + 1}"} for at in range(length)}
    return {"$defs": {"loop": {"$ref": "#/$defs/s0"}, **links, f"s{length}": INTEGER}}


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        pytest.param(_loops(2), "5", id="two"),
        pytest.param(_loops(10_000), "5", id="many"),
        pytest.param(_chain(20), 5, id="a chain"),
        pytest.param(_chain(MAX_SCHEMAS), "5", id="a chain that is not followed to its end"),
        pytest.param({"$defs": {"loop": {"anyOf": [{}] * 10 + [INTEGER]}}}, 5, id="empty ones"),
        pytest.param({"$defs": {"loop": {"anyOf": [None, "x", 1, INTEGER]}}}, 5, id="no schemas"),
    ],
)
def test_references_are_followed_once(root: dict[str, object], expected: object) -> None:
    assert typed_value("5", {"$ref": "#/$defs/loop"}, root) == expected


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>\n<function=Read>\n<parameter=path>\n{path}\n</parameter>\n<parameter=limit>\n5\n"
        '</parameter>\n<parameter=lines>\n[1, "a"]\n</parameter>\n<parameter=all>\nTrue\n</parameter>\n'
        "</function>\n</tool_call>",
        "<tool_call>Read\n<arg_key>path</arg_key>\n<arg_value>{path}</arg_value>\n<arg_key>limit</arg_key>\n"
        '<arg_value>5</arg_value>\n<arg_key>lines</arg_key>\n<arg_value>[1, "a"]</arg_value>\n'
        "<arg_key>all</arg_key>\n<arg_value>true</arg_value>\n</tool_call>",
        '<minimax:tool_call><invoke name="Read"><parameter name="path">{path}</parameter>'
        '<parameter name="limit">5</parameter><parameter name="lines">[1, "a"]</parameter>'
        '<parameter name="all">true</parameter></invoke></minimax:tool_call>',
        '<｜DSML｜function_calls><｜DSML｜invoke name="Read"><｜DSML｜parameter name="path" string="true">'
        '{path}</｜DSML｜parameter><｜DSML｜parameter name="limit" string="false">5</｜DSML｜parameter>'
        '<｜DSML｜parameter name="lines" string="false">[1, "a"]</｜DSML｜parameter>'
        '<｜DSML｜parameter name="all" string="false">true</｜DSML｜parameter></｜DSML｜invoke>'
        "</｜DSML｜function_calls>",
    ],
    ids=["Qwen3-Coder", "GLM", "MiniMax", "DeepSeek V3.2"],
)
@pytest.mark.parametrize("path", ["5", "  a\n\n  b <c> </d>", "", "null", '{"a": 1}', "</arg_key>"])
def test_3_the_values_of_a_call(text: str, path: str) -> None:
    expected = {"path": path, "limit": 5, "lines": [1, "a"], "all": True}
    assert calls(whole(text.replace("{path}", path))) == [("Read", expected)]


def test_3_a_string_keeps_its_own_line_ends() -> None:
    text = "<function=Read>\n<parameter=path>\n\na\n\n</parameter>\n</function>"
    assert calls(whole(text)) == [("Read", {"path": "\na\n"})]
