from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.schemas.body import MAX_NESTING, decode_json, parse_json_object

FILLER = b'"' + b"x" * 20_000 + b'"'
"""Makes a body as long as an agent's."""

NOT_JSON = "The request body is not valid JSON: "


def refusal(body: bytes) -> str:
    with pytest.raises(InvalidRequest) as caught:
        parse_json_object(body)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(
            b"{",
            "unexpected end of data: line 1 column 2 (char 1)",
            id="9 not JSON: an object cut short",
        ),
        pytest.param(
            b'{"a": NaN}',
            "unexpected character, expected a JSON value: line 1 column 7 (char 6)",
            id="9 not JSON: NaN",
        ),
        pytest.param(
            b'{"a": -Infinity}',
            "no digit after sign: line 1 column 8 (char 7)",
            id="9 not JSON: infinity",
        ),
        pytest.param(
            b'{"a": 1e400}',
            "number is infinity when parsed as double: line 1 column 7 (char 6)",
            id="9 not JSON: a float beyond all floats",
        ),
        pytest.param(
            b'{"a": ' + b"9" * 6000 + b"}",
            "number is infinity when parsed as double: line 1 column 7 (char 6)",
            id="9 not JSON: a number of 6000 digits",
        ),
        pytest.param(
            b'{"a": "\xff"}',
            "str is not valid UTF-8: surrogates not allowed: line 1 column 1 (char 0)",
            id="9 not JSON: broken UTF-8",
        ),
        pytest.param(
            b'{"a": "\\ud83d"}',
            "no low surrogate in string: line 1 column 8 (char 7)",
            id="9 not JSON: a lone surrogate",
        ),
        pytest.param(
            b'{"a": "\xed\xa0\x80"}',
            "str is not valid UTF-8: surrogates not allowed: line 1 column 1 (char 0)",
            id="9 not JSON: a lone surrogate in bytes",
        ),
        pytest.param(
            b"\xef\xbb\xbf{}",
            "UTF-8 byte order mark (BOM) is not supported: line 1 column 1 (char 0)",
            id="9 not JSON: a byte order mark",
        ),
        pytest.param(
            '{"a": 1}'.encode("utf-16"),
            "str is not valid UTF-8: surrogates not allowed: line 1 column 1 (char 0)",
            id="9 not JSON: UTF-16",
        ),
        pytest.param(
            b"",
            "Input is a zero-length, empty document: line 1 column 1 (char 0)",
            id="9 not JSON: an empty body",
        ),
        pytest.param(
            b"  ",
            "input data is empty: line 1 column 1 (char 0)",
            id="9 not JSON: blanks",
        ),
        pytest.param(
            b"{} {}",
            "unexpected content after document: line 1 column 4 (char 3)",
            id="9 not JSON: something behind the object",
        ),
        pytest.param(
            b"{}\x00",
            "unexpected content after document: line 1 column 3 (char 2)",
            id="9 not JSON: a zero byte behind the object",
        ),
        pytest.param(
            b'{"a": "\x01"}',
            "unexpected control character in string: line 1 column 8 (char 7)",
            id="9 not JSON: a raw control character",
        ),
        pytest.param(
            b"[" * 10_000 + b"]" * 10_000,
            "depth limit exceeded: line 1 column 1026 (char 1025)",
            id="9 not JSON: nesting of 10,000",
        ),
        pytest.param(
            b'{"a":' * 300 + b"1" + b"}" * 300,
            "nested deeper than 240 levels",
            id="9 not JSON: nesting that could be read but not written again",
        ),
        pytest.param(
            b'{"a": ' + FILLER,
            "unexpected end of data: line 1 column 20009 (char 20008)",
            id="9 not JSON: the place is the body's own, whatever its size",
        ),
        pytest.param(
            b"],[" + FILLER,
            "unexpected character, expected a JSON value: line 1 column 1 (char 0)",
            id="9 not JSON: brackets that would fit the reader's own",
        ),
        pytest.param(
            FILLER + b"," + FILLER,
            "unexpected content after document: line 1 column 20003 (char 20002)",
            id="9 not JSON: two values in a large body",
        ),
    ],
)
def test_faults_of_the_text(body: bytes, reason: str) -> None:
    assert refusal(body) == NOT_JSON + reason


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[]", id="9 not an object: a list"),
        pytest.param(b"null", id="9 not an object: null"),
        pytest.param(b'"{}"', id="9 not an object: a string"),
        pytest.param(b"5", id="9 not an object: a number"),
        pytest.param(b"[" + FILLER + b"]", id="9 not an object: a large list"),
    ],
)
def test_other_values_than_objects(body: bytes) -> None:
    assert refusal(body) == "Input should be an object"


@pytest.mark.parametrize("filler", [b"1", FILLER], ids=["small", "large"])
def test_nesting_up_to_the_limit(filler: bytes) -> None:
    levels = MAX_NESTING
    body = b'{"a":' * levels + filler + b"}" * levels
    value = parse_json_object(body)
    # What goes upstream stands up to ten levels deeper and must still be written.
    orjson.dumps([[[[[[[[[[value]]]]]]]]]])
    assert refusal(b'{"a":' * (levels + 1) + filler + b"}" * (levels + 1)) == (
        f"{NOT_JSON}nested deeper than {levels} levels"
    )


def test_numbers_that_json_can_carry_stay_writable() -> None:
    body = b'{"a": 18446744073709551615, "b": -9223372036854775808, "c": 123456789012345678901234}'
    value = parse_json_object(body)
    assert value == {"a": 2**64 - 1, "b": -(2**63), "c": 1.2345678901234568e23}
    orjson.dumps(value)


def test_key_order_and_escapes_are_kept() -> None:
    value = parse_json_object(b'{"b": "\\u0000\\ud83d\\ude00", "a": {"z": 1, "y": 2}}')
    assert list(value.items()) == [("b", "\0\U0001f600"), ("a", {"z": 1, "y": 2})]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.floats(width=32),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def levels(value: object) -> int:
    """Lists and objects within each other, counted plainly."""
    if isinstance(value, dict):
        return 1 + max(map(levels, value.values()), default=0)
    return 1 + max(map(levels, value), default=0) if isinstance(value, list) else 0


NESTED = st.recursive(
    st.none() | st.integers(0, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(
    NESTED,
    st.lists(st.sampled_from(["[", '{"a":', '[0,{"b":[]},', "[[[1]],"]), max_size=8),
    st.integers(0, 10) | st.integers(MAX_NESTING - 15, MAX_NESTING + 5),
)
def test_levels_are_counted_as_a_plain_walk_counts_them(
    inner: object, wrappers: list[str], depth: int
) -> None:
    text = json.dumps(inner)
    for opening in [*["["] * depth, *wrappers]:
        text = opening + text + ("}" if opening.startswith("{") else "]")
    if levels(json.loads(text)) > MAX_NESTING:
        with pytest.raises(ValueError, match="nested deeper than 240 levels"):
            decode_json(text.encode())
    else:
        assert decode_json(text.encode()) == json.loads(text)


def object_or_reason(body: bytes) -> tuple[dict[str, object] | None, str]:
    try:
        return parse_json_object(body), "an object"
    except InvalidRequest as error:
        return None, error.message


@given(st.binary(max_size=300) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_an_object_or_a_reason(body: bytes) -> None:
    for variant in (body, b" " * 20_000 + body):
        assert object_or_reason(variant)[1]


@given(st.lists(st.sampled_from([b"[", b"]", b",", b"1", b"{", b"}", b'"a":', b" "]), max_size=40))
def test_a_large_body_is_read_like_a_small_one(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    padded = body + b" " * 20_000
    try:
        expected = orjson.loads(body or b"!")
    except ValueError:
        with pytest.raises(ValueError, match=r"line 1 column"):
            decode_json(padded)
    else:
        assert decode_json(padded) == expected
