"""The model's name is replaced at its place, and no other byte moves."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.native.model_name import string_spans, with_model

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["model", "message", "mod\\el", 'mo"del', "a\\", "é"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from(["model", "message", "z"]) | st.text(), JSON, max_size=5)
STYLES: list[dict[str, Any]] = [
    {},
    {"ensure_ascii": False},
    {"separators": (",", ":")},
    {"indent": "\t"},
    {"separators": (" \r\n, ", " \t: ")},
]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"model":"a","x":1}', b'{"model":"b","x":1}', id="8 model value replaced"),
        pytest.param(
            b'\t{ "x" : 1.50 , "model"\n:\r\n "a" , "y":1e2 }\n',
            b'\t{ "x" : 1.50 , "model"\n:\r\n "b" , "y":1e2 }\n',
            id="8 spaces and numbers stay as they were written",
        ),
        pytest.param(
            b'{"x":{"model":"a"},"m":["model",{"model":"a"}],"model":"a"}',
            b'{"x":{"model":"a"},"m":["model",{"model":"a"}],"model":"b"}',
            id="8 only the top-level member",
        ),
        pytest.param(
            b'{"x":"model","y":"\\"model\\":\\"a\\"","model":"a"}',
            b'{"x":"model","y":"\\"model\\":\\"a\\"","model":"b"}',
            id="8 a text that looks like the member is no member",
        ),
        pytest.param(
            b'{"model":"a","model":"c"}', b'{"model":"b","model":"b"}', id="8 given twice"
        ),
        pytest.param(
            b'{"mod\\u0065\\u006C":"a"}', b'{"mod\\u0065\\u006C":"b"}', id="8 an escaped name"
        ),
        pytest.param(
            b'{"model":"a\\"\\\\","x":"\\\\"}',
            b'{"model":"b","x":"\\\\"}',
            id="8 an escaped value",
        ),
    ],
)
def test_the_value_is_replaced_in_the_bytes(body: bytes, expected: bytes) -> None:
    assert with_model(body, "b") == expected


@pytest.mark.parametrize("text", [b'{"model":7}', b'{"x":{"model":"a"}}', b"{}", b'{"x":"model"}'])
def test_no_such_string(text: bytes) -> None:
    assert string_spans(text, "model") == []


def test_a_name_is_written_as_json() -> None:
    assert with_model(b'{"model":"a"}', 'q"\\\n\u00e9') == '{"model":"q\\"\\\\\\n\u00e9"}'.encode()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param(b'{"message":{"model":"a"}}', [b'"a"'], id="the member"),
        pytest.param(
            b'{"model":"t","message":{"id":"i","content":[],"model":"a"},"x":{"model":"c"}}',
            [b'"a"'],
            id="not one beside it",
        ),
        pytest.param(b'{"message":{},"x":{"model":"c"}}', [], id="an empty object ends"),
        pytest.param(b'{"message":{"u":{"k":1}},"x":{"model":"c"}}', [], id="a deep object ends"),
        pytest.param(b'{"message":[{"model":"c"}],"x":1}', [], id="no path through lists"),
        pytest.param(b'{"x":{"message":{"model":"c"}}}', [], id="no path from below"),
        pytest.param(b'{"message":{"usage":{"model":"c"},"model":"a"}}', [b'"a"'], id="no deeper"),
    ],
)
def test_a_path_leads_through_objects(text: bytes, values: list[bytes]) -> None:
    spans = string_spans(text, "message", "model")
    assert [text[start:end] for start, end in spans] == values


@given(OBJECTS, st.text(max_size=8), st.sampled_from(STYLES), st.integers(0, 5))
def test_all_else_of_any_object_stays(
    value: dict[str, Any], model: str, style: dict[str, Any], place: int
) -> None:
    value.pop("model", None)
    members = list(value.items())
    members.insert(place, ("model", model))
    body = json.dumps(dict(members), **style).encode("utf-8", "surrogatepass")
    mark = "\u00ab new \u00bb"
    renamed = with_model(body, mark)
    (span,) = string_spans(body, "model")
    written = orjson.dumps(mark)
    assert renamed == body[: span[0]] + written + body[span[1] :]
    assert json.loads(body[span[0] : span[1]]) == model
    assert json.loads(renamed) == {**value, "model": mark}


@given(OBJECTS, JSON, st.sampled_from(STYLES))
def test_a_nested_name_is_found_wherever_it_is(
    value: dict[str, Any], message: Any, style: dict[str, Any]
) -> None:
    body = json.dumps({**value, "message": message}, **style).encode("utf-8", "surrogatepass")
    spans = string_spans(body, "message", "model")
    named = message.get("model") if isinstance(message, dict) else None
    expected = [named] if isinstance(named, str) else []
    assert [json.loads(body[start:end]) for start, end in spans] == expected
