"""Ids inside ids: docs/protocol.md 10.2."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.reply.carried_ids import can_be_carried, carried_id, carrier_id
from proxy.ids import new_tool_id


@given(st.text(min_size=1, max_size=140).filter(can_be_carried))
def test_10_2_what_a_client_gets_is_safe_and_tells_the_upstreams_id(upstream_id: str) -> None:
    client_id = carrier_id(upstream_id, new_tool_id())
    assert re.fullmatch("[a-zA-Z0-9_-]{1,192}", client_id)
    assert carried_id(client_id) == upstream_id


def test_10_2_two_of_one_id_differ() -> None:
    assert carrier_id("functions.Read:0", new_tool_id()) != carrier_id(
        "functions.Read:0", new_tool_id()
    )


@pytest.mark.parametrize(
    "client_id",
    [
        pytest.param("toolu_01ABCDEFGHIJKLMNOPQRSTUV", id="Anthropic's"),
        pytest.param(new_tool_id(), id="a fresh one of ours"),
        pytest.param("functions.Read:0", id="an upstream's"),
        pytest.param("toolu_cp1_abc", id="nothing behind the fresh part"),
        pytest.param("toolu_cp1_abc_", id="an empty id"),
        pytest.param("toolu_cp1_abc_Y", id="no base64"),
        pytest.param("toolu_cp1_abc_é", id="no ASCII"),
        pytest.param("toolu_cp1_abc__w", id="no UTF-8"),
        pytest.param("toolu_cp1_abc_" + "YWFh" * 50, id="longer than any of ours"),
        pytest.param("", id="nothing"),
    ],
)
def test_10_2_other_ids_tell_nothing(client_id: str) -> None:
    assert carried_id(client_id) is None
