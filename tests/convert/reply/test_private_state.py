from __future__ import annotations

import pytest

from proxy.convert.reply.private_state import (
    pack_detail,
    pack_message_state,
    pack_tool_state,
    unpack_detail,
    unpack_message_state,
    unpack_tool_state,
)

STATE = {"google": {"thought_signature": "Cq4B/+=="}}


def test_10_3_state_comes_back_as_it_went() -> None:
    data = pack_tool_state("call_1", STATE)
    assert data.startswith("cp1.")
    assert unpack_tool_state(data) == ("call_1", STATE)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="empty"),
        pytest.param("EroBCkYIBxgC", id="another provider's"),
        pytest.param("cp1.", id="nothing in it"),
        pytest.param("cp1.!!", id="not base64"),
        pytest.param("cp1.YQ==", id="not JSON"),
        pytest.param("cp1.W10=", id="not an object"),
        pytest.param("cp1.e30=", id="members missing"),
        pytest.param("cp1.eyJ0b29sX2NhbGwiOjEsImV4dHJhX2NvbnRlbnQiOnt9fQ==", id="id a number"),
        pytest.param("cp1.eyJ0b29sX2NhbGwiOiJhIiwiZXh0cmFfY29udGVudCI6MX0=", id="state a number"),
        pytest.param("cp1.\u00e9", id="not ASCII"),
    ],
)
def test_10_3_what_is_not_ours_is_left_alone(data: str) -> None:
    assert unpack_tool_state(data) is None
    assert unpack_message_state(data) is None
    assert unpack_detail(data) is None


def test_10_3_one_kind_of_state_is_not_taken_for_another() -> None:
    detail = {"type": "reasoning.encrypted", "data": "X", "id": "rs_1"}
    packed = [pack_tool_state("call_1", STATE), pack_message_state(STATE), pack_detail(detail)]
    read = [
        (unpack_tool_state(data), unpack_message_state(data), unpack_detail(data))
        for data in packed
    ]
    assert read == [
        (("call_1", STATE), None, None),
        (None, STATE, None),
        (None, None, detail),
    ]
