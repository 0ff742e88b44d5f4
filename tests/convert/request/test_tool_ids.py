"""Tool call ids of the history: docs/protocol.md 10.2, 10.11, edge case 147."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.request.tool_ids import ToolIds


@pytest.mark.parametrize(
    ("tool_id", "kept"),
    [
        pytest.param("toolu_01", False, id="10.11 nine: a longer id is mapped"),
        pytest.param("abcDEF123", True, id="10.11 nine: a fitting id is kept"),
        pytest.param("abc_EF123", False, id="10.11 nine: letters and digits only"),
        pytest.param("", False, id="10.11 nine: an empty id is mapped"),
        pytest.param("abcDEF12\n", False, id="10.11 nine: no line break"),
    ],
)
def test_nine(tool_id: str, kept: bool) -> None:
    sent = ToolIds("nine").sent(tool_id)
    assert re.fullmatch("[A-Za-z0-9]{9}", sent)
    assert (sent == tool_id) is kept


def test_nine_is_the_same_on_every_request() -> None:
    other = ToolIds("nine")
    other.sent("something else")
    assert ToolIds("nine").sent("toolu_01") == other.sent("toolu_01") == "kwPK88dtL"


def test_a_fitting_id_that_is_taken() -> None:
    ids = ToolIds("nine")
    taken = ids.sent("toolu_01")
    assert ids.sent(taken) != taken, "two calls never share an id"


def test_keep() -> None:
    ids = ToolIds()
    assert ids.sent("functions.Read:0") == "functions.Read:0", "edge 152 kept for replay"
    assert ids.known() == {"functions.Read:0"}


def test_known_ids_in_both_forms() -> None:
    ids = ToolIds("nine")
    sent = ids.sent("toolu_01")
    assert ids.known() == {"toolu_01", sent}


@given(st.lists(st.text(max_size=12)))
def test_ids_map_one_to_one(tool_ids: list[str]) -> None:
    ids = ToolIds("nine")
    sent = {tool_id: ids.sent(tool_id) for tool_id in tool_ids}
    assert len(set(sent.values())) == len(sent)
