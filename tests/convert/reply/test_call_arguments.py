from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.reply.call_arguments import MAX_BLANKS, CallArguments
from proxy.errors import UpstreamError


def arguments(*, hold: bool = False, custom: bool = False) -> CallArguments:
    return CallArguments(hold=hold, custom=custom, warnings=Counter())


def sent(call: CallArguments, *fragments: str) -> list[str]:
    """What each fragment makes the call send, and what is left for its end."""
    return [*(call.add(fragment) for fragment in fragments), call.rest()]


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        pytest.param(['{"a"', ":1}"], ['{"a"', ":1}", ""], id="4 an object streams"),
        pytest.param([" \n", ' {"a":1}'], ["", '{"a":1}', ""], id="4 blanks before it go"),
        pytest.param([], [""], id="4 arguments never sent"),
        pytest.param(["  "], ["", ""], id="edge 76 blank arguments"),
        pytest.param(["nu", "ll"], ["", "", ""], id="edge 76 the text null"),
        pytest.param(["[1", "]"], ["", "", '{"value":[1]}'], id="3 a list is held and repaired"),
        pytest.param(["oops"], ["", '{"_raw":"oops"}'], id="3 text is held and repaired"),
        pytest.param(
            ["{", '{"a"', '{"a":1}'], ["{", '"a"', ":1}", ""], id="edge 87 repeated from the start"
        ),
        pytest.param(['{"a":1}', '{"a":1}'], ['{"a":1}', "", ""], id="edge 87 all of it again"),
        pytest.param(
            ['{"a"', ":1}", '{"a":1}'], ['{"a"', ":1}", "", ""], id="edge 87 a whole copy at the end"
        ),
        pytest.param(
            ["{", '{"a"', ":1", '{"a":1}'],
            ["{", '"a"', ":1", "}", ""],
            id="edge 87 repeats, then a piece",
        ),
        pytest.param(
            ['{"a":1}', '{"b":2}'], ['{"a":1}', "", ""], id="edge 77 nothing follows an end"
        ),
        pytest.param(
            ['{"a":', '{"a":1}', "}"], ['{"a":', '{"a":1}', "}", ""], id="edge 87 nested, not repeated"
        ),
    ],
)  # fmt: skip
def test_streamed(fragments: list[str], expected: list[str]) -> None:
    assert sent(arguments(), *fragments) == expected


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        pytest.param(['{"a"', ":1}"], '{"a":1}', id="4 buffer sends one delta"),
        pytest.param(['{"a"', ":"], r'{"_raw":"{\"a\":"}', id="11 buffer repairs"),
        pytest.param([" "], "", id="4 buffer blank"),
        pytest.param(["{}"], "", id="4 buffer empty object"),
    ],
)
def test_held(fragments: list[str], expected: str) -> None:
    call = arguments(hold=True)
    assert sent(call, *fragments) == ["" for _ in fragments] + [expected]


def test_custom_arguments_are_text() -> None:
    call = arguments(custom=True)
    assert sent(call, '{"a"', " b\n") == ["", "", r'{"input":"{\"a\" b\n"}']
    assert not call.complete


@pytest.mark.parametrize("hold", [False, True], ids=["streamed", "held"])
@pytest.mark.parametrize(
    ("fragments", "complete", "unfinished"),
    [
        pytest.param([], False, False, id="nothing"),
        pytest.param(['{"a"'], False, True, id="begun"),
        pytest.param(['{"a"', ":1}"], True, False, id="whole"),
        pytest.param(["null"], True, False, id="null"),
    ],
)
def test_completeness(hold: bool, fragments: list[str], complete: bool, unfinished: bool) -> None:
    call = arguments(hold=hold)
    for fragment in fragments:
        call.add(fragment)
    assert (call.complete, call.unfinished) == (complete, unfinished)


@pytest.mark.parametrize(
    "start", ["", '{"a":1', '{"a":"x",'], ids=["at the start", "after a value", "after a comma"]
)
def test_edge_88_runaway_blanks_are_an_error(start: str) -> None:
    call = arguments()
    if start:
        call.add(start)
    call.add(" " * MAX_BLANKS)
    with pytest.raises(UpstreamError, match="1002 blank characters") as caught:
        call.add("\n\t")
    assert caught.value.status == 502


def test_edge_88_blanks_within_a_string_are_text() -> None:
    call = arguments()
    call.add('{"a":"')
    for _ in range(MAX_BLANKS + 9):
        assert call.add(" ") == " "


def test_edge_88_blanks_in_free_text_are_text() -> None:
    call = arguments(custom=True)
    assert call.add(" " * (MAX_BLANKS + 1)) == ""


def test_edge_88_blanks_are_counted_in_a_row() -> None:
    call = arguments()
    call.add("{")
    for number in range(9):
        call.add(" " * (MAX_BLANKS - 1))
        call.add(f'"{number}":1,')


@settings(deadline=None)
@given(
    value=st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=4),
    hold=st.booleans(),
    data=st.data(),
)
def test_arguments_are_conserved(value: dict[str, Any], hold: bool, data: st.DataObject) -> None:
    rest = orjson.dumps(value).decode()
    call = arguments(hold=hold)
    out = ""
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        out += call.add(rest[:size])
        rest = rest[size:]
    out += call.rest()
    assert orjson.loads(out or "{}") == value


@settings(deadline=None)
@given(value=st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=9), min_size=1))
def test_edge_87_repeated_arguments_are_conserved(value: dict[str, str]) -> None:
    text = orjson.dumps(value).decode()
    call = arguments()
    out = "".join(call.add(text[:end]) for end in range(1, len(text) + 1))
    assert orjson.loads(out + call.rest()) == value


def test_edge_88_blanks_that_pass_as_they_are_are_counted_too() -> None:
    call = arguments()
    call.add('{"a":')
    call.add("1")
    while call.pass_on([" "] * 300):
        pass
    call.add(" " * 100)
    with pytest.raises(UpstreamError, match="1001 blank characters"):
        call.add(" ")


def test_edge_88_blanks_within_a_string_pass_as_they_are() -> None:
    call = arguments()
    call.add('{"a":"')
    call.add("x")
    assert all(call.pass_on([" "] * 300) for _ in range(9))
    assert call.pass_on(['"', " ", "}"])
    assert call.complete
