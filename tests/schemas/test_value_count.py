"""The number of values in a body, counted before and after it is parsed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.schemas import body as body_module
from proxy.schemas import value_count
from proxy.schemas.body import MAX_VALUES, counted_json_object, decode_json, parse_json_object
from proxy.schemas.value_count import has_more_values

TEXTS = ("", "a,b", '[{"', "\\", '\\"', ":,[]{}", "é\n", '"')
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(TEXTS), inner),
)


def count(value: Any, names: int = 1) -> int:
    """The values of ``value``; the name of a member counts as ``names``."""
    if isinstance(value, dict):
        return 1 + names * len(value) + sum(count(each, names) for each in value.values())
    return 1 + sum(count(each, names) for each in value) if isinstance(value, list) else 1


@given(VALUES, st.integers(1, 40), st.sampled_from((None, 1)))
def test_the_count_is_exact_in_windows_of_any_size(
    value: Any, window: int, indent: int | None
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(value_count, "WINDOW_BYTES", window)
        exact = count(value)
        # Short texts are not counted at all.
        padding = b" " * 4 * exact
        assert not has_more_values(padding + text, exact)
        assert has_more_values(padding + text, exact - 1)


@given(st.dictionaries(st.text(), VALUES))
def test_a_parsed_text_is_counted_too(value: dict[str, Any]) -> None:
    parsed, values = counted_json_object(json.dumps(value).encode())
    assert parsed == value
    assert count(value, names=0) <= values <= count(value)


MANY = {
    "empty lists": b'{"a":[%b[]]}' % (b"[]," * MAX_VALUES),
    "objects": b'{"a":[%b[]]}' % (b'{"a":{}},' * (MAX_VALUES // 2)),
    "numbers": b'{"a":[%b1]}' % (b"1," * MAX_VALUES),
    "one name again and again": b"{%b}" % (b'"a":1,' * MAX_VALUES + b'"a":1'),
    "blanks": b'{"a":[%b[ ]]}' % (b"[ ] ,\n" * MAX_VALUES),
}


@pytest.mark.long(except_every=5)
@pytest.mark.parametrize("text", MANY.values(), ids=list(MANY))
def test_more_values_are_refused_before_they_are_parsed(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "_decoded", lambda text: pytest.fail("it is parsed"))
    with pytest.raises(InvalidRequest, match="more than 2000000 values, counting the names"):
        parse_json_object(text)
    with pytest.raises(ValueError, match="more than 2000000 values"):
        decode_json(text)


FEW = {
    "a text of commas": b'{"a":"%b"}' % (b",[{:" * MAX_VALUES),
    "a text of quotes": b'{"a":"%b"}' % (b'\\",' * MAX_VALUES),
    "as many as allowed": b'{"a":[%b[]]}' % (b"[]," * (MAX_VALUES - 4)),
    "a text of backslashes": b'{"a":"%b"}' % (b"\\\\" * MAX_VALUES * 2),
}


@pytest.mark.long(except_every=4)
@pytest.mark.parametrize("text", FEW.values(), ids=list(FEW))
def test_long_texts_are_not_refused(text: bytes) -> None:
    assert list(parse_json_object(text)) == ["a"]


def test_nesting_is_checked_beyond_a_slice() -> None:
    """Wide levels are traversed in slices."""
    wide = b"[]," * 60_000
    deep = b"[" * 300 + b"]" * 300
    with pytest.raises(ValueError, match="nested deeper than 240 levels"):
        decode_json(b"[" + wide + deep + b"]")
    assert len(decode_json(b"[" + wide + b"[1]]")) == 60_001


def test_the_windows_are_all_read() -> None:
    """Random texts of some megabytes, with the program's own windows."""
    dice = random.Random(1)
    value = ["," * dice.randrange(9) for _ in range(600_000)]
    text = json.dumps(value, separators=(",", ":")).encode()
    assert has_more_values(text, 600_000)
    assert not has_more_values(text, 600_001)
