from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.schemas.turn_rules import check_pairing, check_turns
from tests.schemas.body_builders import (
    Json,
    assistant,
    orphan,
    system,
    text,
    tool_result,
    tool_use,
    unanswered,
    user,
)

HI = user("hi")


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param([HI], id="2.7 nothing to pair"),
        pytest.param([HI, assistant(tool_use("a")), user(tool_result("a"))], id="2.7 one pair"),
        pytest.param(
            [
                HI,
                assistant(tool_use("a"), tool_use("b")),
                user(tool_result("b"), text(), tool_result("a")),
            ],
            id="2.7 the order of results does not matter",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), system("be brief"), user(tool_result("a"))],
            id="2.7 a system turn between is skipped",
        ),
        pytest.param(
            [
                HI,
                assistant(tool_use("a"), tool_use("b")),
                user(tool_result("a")),
                system("x"),
                user("hi"),
                user(tool_result("b")),
            ],
            id="2.7 consecutive user turns count as one",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), assistant("well"), user(tool_result("a"))],
            id="2.7 consecutive assistant turns count as one",
        ),
        pytest.param([HI, assistant(tool_use("a"))], id="2.7 the last turn may call a tool"),
        pytest.param(
            [HI, assistant(tool_use("a")), system("x")],
            id="2.7 a system turn behind the last call does not answer it",
        ),
        pytest.param(
            [
                HI,
                assistant(tool_use("a")),
                user(tool_result("a")),
                assistant(tool_use("a")),
                user(tool_result("a")),
            ],
            id="2.7 an id that is used again is a new call",
        ),
        pytest.param(
            [HI, assistant({"type": "server_tool_use", "id": "s"}), user("hi")],
            id="2.7 calls of server tools need no result from the client",
        ),
        pytest.param([assistant("hi"), HI], id="2.7 an assistant may begin"),
    ],
)
def test_pairs(turns: list[Json]) -> None:
    check_pairing(turns)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        pytest.param(
            [HI, assistant(text(), tool_use("a"), tool_use("b")), user(tool_result("a"))],
            unanswered(1, "b"),
            id="9 unanswered: one of two",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), assistant(tool_use("b")), user("no")],
            unanswered(1, "a"),
            id="9 unanswered: the first turn of a run is named",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), user(tool_result("a")), assistant(tool_use("b")), HI],
            unanswered(3, "b"),
            id="9 unanswered: a later exchange",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), HI, assistant("well")],
            unanswered(1, "a"),
            id="9 unanswered: only the last assistant turn may leave a call open",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), HI, assistant("well"), user(tool_result("a"))],
            unanswered(1, "a"),
            id="9 unanswered: a result that comes a turn late is none",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), HI, system("x")],
            unanswered(1, "a"),
            id="9 unanswered: a system turn at the end does not leave it open",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), HI, system("x"), assistant(), user(tool_result("a"))],
            unanswered(1, "a"),
            id="9 unanswered: a system turn behind the user does not keep it open",
        ),
        pytest.param(
            [user(text(), tool_result("a"))], orphan(0, 1, "a"), id="9 orphan: in the first turn"
        ),
        pytest.param(
            [HI, assistant("well"), user(tool_result("a"))],
            orphan(2, 0, "a"),
            id="9 orphan: the assistant called nothing",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), user(tool_result("a"), tool_result("b"))],
            orphan(2, 1, "b"),
            id="9 orphan: one of two",
        ),
        pytest.param(
            [
                HI,
                assistant(tool_use("a")),
                user(tool_result("a")),
                assistant("well"),
                user(tool_result("a")),
            ],
            orphan(4, 0, "a"),
            id="9 orphan: answered before",
        ),
        pytest.param(
            [HI, assistant(tool_use("a")), user(tool_result("b"))],
            unanswered(1, "a"),
            id="9 the earlier turn is told first",
        ),
        pytest.param(
            [user(tool_result("b")), assistant(tool_use("a")), HI],
            orphan(0, 0, "b"),
            id="9 an orphan before the first call",
        ),
        pytest.param(
            [user(tool_result("x" * 1000))],
            orphan(0, 0, "x" * 300 + "..."),
            id="9 an endless id is cut",
        ),
    ],
)
def test_unpaired(turns: list[Json], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_pairing(turns)
    assert caught.value.message == message


@given(st.lists(st.lists(st.sampled_from("abc"), unique=True, max_size=3), max_size=6))
def test_answered_calls_always_pair(calls: list[list[str]]) -> None:
    turns = [HI]
    for ids in calls:
        turns.append(assistant(text(), *map(tool_use, ids)))
        turns.append(user(text(), *map(tool_result, reversed(ids))))
    check_pairing(turns)
    for index, ids in enumerate(calls):
        if ids:
            cut = [*turns[: 2 * index + 2], HI]
            with pytest.raises(InvalidRequest):
                check_pairing(cut)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        pytest.param(
            [HI, assistant(text(), tool_result())],
            "messages.1.content.1: `tool_result` blocks can only be in `user` messages",
            id="9 tool_result in an assistant's turn",
        ),
        pytest.param(
            [system(tool_result())],
            "messages.0.content.0: `tool_result` blocks can only be in `user` messages",
            id="9 tool_result in a system turn",
        ),
        pytest.param(
            [user(tool_use())],
            "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
            id="9 tool_use in a user's turn",
        ),
        pytest.param(
            [user({"type": "thinking", "thinking": "x"})],
            "messages.0.content.0: `thinking` blocks can only be in `assistant` messages",
            id="edge 22 thinking in a user's turn",
        ),
        pytest.param(
            [user({"type": "redacted_thinking", "data": "x"})],
            "messages.0.content.0: `redacted_thinking` blocks can only be in `assistant` messages",
            id="edge 22 redacted_thinking in a user's turn",
        ),
        pytest.param(
            [user({"type": "tool_addition"})],
            "messages.0.content.0: `tool_addition` blocks can only be in `system` messages",
            id="2.10 tool_addition in a user's turn",
        ),
        pytest.param(
            [HI, assistant(text(), {"type": "tool_removal"})],
            "messages.1.content.1: `tool_removal` blocks can only be in `system` messages",
            id="2.10 tool_removal in an assistant's turn",
        ),
        pytest.param(
            [HI, assistant(""), system("x")],
            "messages.1: all messages must have non-empty content except for the optional final "
            "assistant message",
            id="9 empty message: an assistant turn before a system turn",
        ),
    ],
)
def test_turns_on_their_own(turns: list[Json], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_turns(turns)
    assert caught.value.message == message
