"""Tool call ids of the history: docs/protocol.md 10.2, 10.11, edge case 147."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.request.tool_ids import Form, ToolIds

KIMI = "toolu_cp1_aaaaaaaaaa_ZnVuY3Rpb25zLlJlYWQ6MA"
"""``functions.Read:0``."""
KIMI_AGAIN = "toolu_cp1_bbbbbbbbbb_ZnVuY3Rpb25zLlJlYWQ6MA"
CALL_0 = "toolu_cp1_cccccccccc_Y2FsbF8w"
"""``call_0``."""


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


def test_nine_restores_an_id_that_the_answer_could_not_use_again() -> None:
    ids = ToolIds("nine")
    assert ids.sent("toolu_cp1_aaaaaaaaaa_YWJjREVGMTIz") == "abcDEF123"
    again = ids.sent("toolu_cp1_bbbbbbbbbb_YWJjREVGMTIz")
    assert re.fullmatch("[A-Za-z0-9]{9}", again)
    assert again != "abcDEF123"


@pytest.mark.parametrize(
    ("form", "longest", "tool_id", "sent"),
    [
        pytest.param("keep", None, "functions.Read:0", "functions.Read:0", id="keep: as it is"),
        pytest.param("keep", None, KIMI, "functions.Read:0", id="keep: the upstream's own"),
        pytest.param("keep", None, CALL_0, "call_0", id="keep: also a safe one"),
        pytest.param("keep", None, "toolu_cp1_a_!", "toolu_cp1_a_!", id="keep: seemingly ours"),
        pytest.param("keep", None, "x" * 949, "x" * 949, id="keep: however long"),
        pytest.param("keep", 40, "x" * 40, "x" * 40, id="limit: as long as it may be"),
        pytest.param("keep", 40, "x" * 41, "toolu_2uUVTKbBhBaBihEDH6IrNO79", id="limit: longer"),
        pytest.param("keep", 40, KIMI, "functions.Read:0", id="limit: the upstream's own fits"),
        pytest.param("keep", 12, "x" * 41, "ihEDH6IrNO79", id="limit: a smaller one"),
        pytest.param("keep", 1, "x" * 41, "DH6IrNO79", id="limit: nine at least"),
        pytest.param("safe", None, "call_1-A", "call_1-A", id="safe: as it is"),
        pytest.param("safe", None, KIMI, KIMI, id="safe: the client's, which is safe"),
        pytest.param("safe", None, CALL_0, "call_0", id="safe: the upstream's own is safe"),
        pytest.param("safe", None, "f.x:0", "toolu_XK6ZBCxfZQBabp5Il6jS4rn2", id="safe: neither"),
        pytest.param("safe", 40, KIMI, "toolu_H4CS7iQtZvWDTDbUbRopkslz", id="both: too long"),
    ],
)
def test_10_11_one_id(form: Form, longest: int | None, tool_id: str, sent: str) -> None:
    ids = ToolIds(form, longest)
    assert ids.sent(tool_id) == sent
    assert ids.result(tool_id) == sent, "the result gets the id of its call"
    assert ToolIds(form, longest).sent(tool_id) == sent, "in every request"


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        pytest.param(
            [[KIMI], [KIMI_AGAIN]],
            [["functions.Read:0"], ["functions.Read:0"]],
            id="an id that its server used in both turns",
        ),
        pytest.param(
            [[KIMI, KIMI_AGAIN]], [["functions.Read:0", KIMI_AGAIN]], id="twice in one message"
        ),
        pytest.param(
            [["call_0"], [CALL_0]], [["call_0"], [CALL_0]], id="one that is a client's id too"
        ),
        pytest.param([["call_0", CALL_0]], [["call_0", CALL_0]], id="a safe one, one message"),
        pytest.param(
            [[CALL_0, "call_0"]],
            [["call_0", "toolu_kJwdfoh80S5oG5hdXQsk4EQb"]],
            id="a safe one, the other way round",
        ),
        pytest.param([["a"], ["a"]], [["a"], ["a"]], id="the client itself repeats one"),
        pytest.param(
            [[KIMI], [KIMI_AGAIN, "b"], [KIMI, KIMI_AGAIN]],
            [
                ["functions.Read:0"],
                ["functions.Read:0", "b"],
                ["functions.Read:0", "toolu_oj5EGXmF8dQmw4RHigfbokSK"],
            ],
            id="it repeats two of one form",
        ),
        pytest.param(
            [["b"], [CALL_0, "b", "call_0"]],
            [["b"], ["call_0", "b", "toolu_kJwdfoh80S5oG5hdXQsk4EQb"]],
            id="a repeated one between two of one form",
        ),
    ],
)
def test_10_2_the_calls_of_one_message_differ(
    messages: list[list[str]], sent: list[list[str]]
) -> None:
    ids = ToolIds()
    for calls, expected in zip(messages, sent, strict=True):
        assert [ids.sent(each) for each in calls] == expected
        assert [ids.result(each) for each in calls] == expected, "their results"


def test_10_2_an_id_that_a_block_tells() -> None:
    ids = ToolIds()
    ids.restore("toolu_a", "call_x__thought__" + "Q" * 3000)
    assert ids.sent("toolu_a") == "call_x__thought__" + "Q" * 3000
    short = ToolIds("keep", 40)
    short.restore("toolu_a", "call_x__thought__" + "Q" * 3000)
    assert short.sent("toolu_a") == "toolu_a", "the client's, where the upstream's is too long"


def test_known_ids_in_both_forms() -> None:
    ids = ToolIds("nine")
    sent = ids.sent("toolu_01")
    assert ids.known() == {"toolu_01", sent}
    kept = ToolIds()
    kept.sent("functions.Read:0")
    kept.sent(CALL_0)
    assert kept.known() == {"functions.Read:0", CALL_0, "call_0"}


IDS = st.lists(st.text(max_size=12) | st.sampled_from([KIMI, KIMI_AGAIN, CALL_0, "call_0"]))


@given(IDS)
def test_ids_map_one_to_one(tool_ids: list[str]) -> None:
    ids = ToolIds("nine")
    sent = {tool_id: ids.sent(tool_id) for tool_id in tool_ids}
    assert len(set(sent.values())) == len(sent)


@given(
    st.lists(IDS.map(lambda found: list(dict.fromkeys(found)))),
    st.sampled_from(["keep", "safe", "nine"]),
    st.none() | st.integers(1, 60),
)
def test_10_2_every_message_has_allowed_and_distinct_ids(
    messages: list[list[str]], form: Form, longest: int | None
) -> None:
    ids = ToolIds(form, longest)
    allowed = {"keep": r"[\s\S]*", "safe": "[A-Za-z0-9_-]+", "nine": "[A-Za-z0-9]{9}"}[form]
    for calls in messages:
        sent = [ids.sent(each) for each in calls]
        assert [ids.result(each) for each in calls] == sent
        assert len(set(sent)) == len(sent)
        for each in sent:
            assert re.fullmatch(allowed, each)
            assert longest is None or form == "nine" or len(each) <= max(longest, 9)
