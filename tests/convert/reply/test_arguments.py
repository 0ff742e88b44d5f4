from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.reply.arguments import (
    COPY_CHARS,
    ArgumentScan,
    arguments_to_input,
    arguments_to_json,
    json_text,
    repeats_from_start,
)
from proxy.errors import UpstreamError

WIDE = '{"a":[' + ",".join(["{}"] * 300) + "]}"
DEEP = '{"a":' * 300 + "1" + "}" * 300


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="3 arguments an object"),
        pytest.param("", {}, id="3 arguments empty"),
        pytest.param(" \n", {}, id="3 arguments blank"),
        pytest.param("null", {}, id="3 arguments the text null"),
        pytest.param("{oops", {"_raw": "{oops"}, id="3 arguments not JSON"),
        pytest.param('{"a":1}}', {"a": 1}, id="3 arguments with a tail"),
        pytest.param("[1, 2]", {"value": [1, 2]}, id="3 arguments a list"),
        pytest.param('"x"', {"value": "x"}, id="3 arguments a string"),
        pytest.param("7", {"value": 7}, id="3 arguments a number"),
        pytest.param("false", {"value": False}, id="3 arguments false"),
        pytest.param("NaN", {"_raw": "NaN"}, id="3 arguments NaN is not JSON"),
        pytest.param(r'{"a":"\ud800"}', {"a": "\ufffd"}, id="3 half a character"),
        pytest.param(WIDE, {"a": [{}] * 300}, id="3 many brackets, not deep"),
        pytest.param(DEEP, {"_raw": DEEP}, id="3 nested deeper than can be written"),
        pytest.param("[" * 5000, {"_raw": "[" * 5000}, id="3 nested deeper than can be read"),
    ],
)
def test_arguments_to_input(arguments: str, expected: dict[str, Any]) -> None:
    assert arguments_to_input(arguments) == expected
    orjson.dumps({"content": [{"type": "tool_use", "input": arguments_to_input(arguments)}]})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(' {"b":1.0, "a":12345678901234567890123} ', '{"b":1.0, "a":12345678901234567890123}', id="an object stays as written"),
        pytest.param("null", "", id="nothing is nothing"),
        pytest.param("{}", "", id="an empty object is nothing"),
        pytest.param("{oops", '{"_raw":"{oops"}', id="11 unparsable becomes _raw"),
        pytest.param("[1]", '{"value":[1]}', id="no object becomes value"),
    ],
)  # fmt: skip
def test_arguments_to_json(arguments: str, expected: str) -> None:
    assert arguments_to_json(arguments) == expected


def test_json_text_of_what_nobody_can_write_is_the_upstreams_failure() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(UpstreamError, match="nested too deeply"):
        json_text(deep)


def test_json_text_writes_what_orjson_refuses() -> None:
    assert json_text({"a": 2**70}) == '{"a":1180591620717411303424}'


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("  ", False, id="blank"),
        pytest.param("{", False, id="open"),
        pytest.param("{}", True, id="empty object"),
        pytest.param('{"a":{"b":[1,2]}', False, id="inner object closed"),
        pytest.param('{"a":{"b":[1,2]}}', True, id="all closed"),
        pytest.param('{"a":"}"', False, id="bracket in a string"),
        pytest.param(r'{"a":"\"}"', False, id="escaped quote"),
        pytest.param(r'{"a":"\\"}', True, id="escaped backslash before the quote"),
        pytest.param('"x', False, id="open string"),
        pytest.param('"x"', True, id="string"),
        pytest.param("12", False, id="a number may go on"),
        pytest.param('{"a":1}  {"', True, id="whatever follows"),
    ],
)
def test_completeness(text: str, complete: bool) -> None:
    for size in (1, 2, 7, 1000):
        batched, looked = ArgumentScan(), ArgumentScan()
        for start in range(0, len(text), size):
            batched.add(text[start : start + size])
            looked.add(text[start : start + size])
            assert looked.complete in (complete, False)
        assert batched.complete is looked.complete is complete


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=4)


@settings(deadline=None)
@given(value=OBJECTS, data=st.data())
def test_an_object_is_complete_exactly_at_its_end(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = orjson.dumps(value).decode()
    scan = ArgumentScan()
    rest = text
    while rest:
        assert not scan.complete
        size = data.draw(st.integers(1, len(rest)))
        scan.add(rest[:size])
        rest = rest[size:]
        if data.draw(st.booleans()):
            assert scan.in_string in (True, False)
    assert scan.complete
    assert scan.is_copy(text)
    assert not scan.is_copy(text + "x")


def test_a_copy_of_very_long_arguments_is_not_looked_for() -> None:
    scan = ArgumentScan()
    text = '{"a":"' + "x" * COPY_CHARS + '"}'
    scan.add(text)
    assert scan.complete
    scan.add(" ")
    assert scan.complete
    assert not scan.is_copy(text)


@pytest.mark.parametrize(
    ("so_far", "fragment", "repeats"),
    [
        pytest.param("{", '{"a', True, id="edge 87 a brace cannot follow a brace"),
        pytest.param('{"', '{"a', True, id="edge 87 within the first key"),
        pytest.param('{"a', '{"a":', True, id="edge 87 a key that grows"),
        pytest.param('{"a": "x', '{"a": "xy', True, id="edge 87 a string that grows"),
        pytest.param('{"a":1', '{"a":1}', True, id="edge 87 after a number"),
        pytest.param('{"a":1}', '{"a":1}', True, id="edge 87 all of it again"),
        pytest.param('{"a":', '{"a":1}', False, id="edge 87 an object may follow a colon"),
        pytest.param('{"a":[', '{"a":[1', False, id="edge 87 an object may follow a bracket"),
        pytest.param('{"', '{":1', False, id="edge 87 a key that is a brace"),
        pytest.param('{"a', 'b":1}', False, id="edge 87 a plain continuation"),
        pytest.param("[", "[1]", False, id="edge 87 only objects"),
        pytest.param('"a', '"a"', False, id="edge 87 no strings"),
        pytest.param('{"', '{" :1', False, id="edge 87 a key that is a brace, and a blank"),
        pytest.param('{"a', '{"b', False, id="edge 87 another text"),
    ],
)
def test_repeats_from_start(so_far: str, fragment: str, repeats: bool) -> None:
    assert repeats_from_start(so_far, fragment) is repeats


@settings(deadline=None)
@given(value=OBJECTS, data=st.data())
def test_edge_87_pieces_are_never_taken_for_repetitions(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = orjson.dumps(value).decode()
    cut = data.draw(st.integers(1, len(text)))
    assert not repeats_from_start(text[:cut], text[cut:])
