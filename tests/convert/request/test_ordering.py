"""Order and merging of messages: docs/protocol.md 2.1, 2.5 to 2.7, 2.9."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from tests.convert.request_builders import (
    PNG_PART,
    answer,
    assistant,
    call,
    chat_call,
    convert,
    image,
    messages,
    result,
    says,
    text,
    thinking,
    user,
)

CONTENT = {"reasoning_history": "reasoning_content"}
DROPPED = {"type": "container_upload", "file_id": "f"}
REFUSED = "messages: at least one user message with content is required"


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        pytest.param(
            [user("a"), assistant("b"), user("c")],
            [says("user", "a"), says("assistant", "b"), says("user", "c")],
            id="2.6 alternating turns stay",
        ),
        pytest.param(
            [user("a"), user("b", "c")],
            [says("user", "a\n\nb\n\nc")],
            id="2.6 user turns in a row are joined by a blank line",
        ),
        pytest.param(
            [user("a"), user(image(), "b")],
            [says("user", [text("a"), PNG_PART, text("b")])],
            id="2.6 user turns of which one has parts",
        ),
        pytest.param(
            [user("q"), assistant("a"), assistant("b"), user("c")],
            [says("user", "q"), says("assistant", "ab"), says("user", "c")],
            id="2.6 assistant turns in a row are joined without a separator",
        ),
        pytest.param(
            [
                user("q"),
                assistant("a", call("t1")),
                assistant(call("t2")),
                user(result("1"), result("2", "t2")),
            ],
            [
                says("user", "q"),
                says("assistant", "a", tool_calls=[chat_call("t1"), chat_call("t2")]),
                answer("1"),
                answer("2", "t2"),
            ],
            id="2.6 calls of assistant turns in a row, results in the turn after them",
        ),
        pytest.param(
            [user("q"), assistant(call()), user("wait"), user(result())],
            [
                says("user", "q"),
                says("assistant", None, tool_calls=[chat_call()]),
                answer(),
                says("user", "wait"),
            ],
            id="2.7 a result in the second of two user turns",
        ),
        pytest.param(
            [user("a"), assistant(thinking("hm")), user("b")],
            [says("user", "a\n\nb")],
            id="2.9 a thinking-only turn is skipped and its neighbours merge",
        ),
        pytest.param(
            [user("a"), assistant("b"), user(DROPPED), assistant("c"), user("d")],
            [says("user", "a"), says("assistant", "bc"), says("user", "d")],
            id="2.9 a user turn of which nothing is left",
        ),
        pytest.param(
            [user("a"), assistant(""), user("b")],
            [says("user", "a\n\nb")],
            id="2.5 an assistant turn with nothing in it",
        ),
        pytest.param(
            [user("q"), assistant(call()), user(result(), DROPPED), assistant("a"), user("b")],
            [
                says("user", "q"),
                says("assistant", None, tool_calls=[chat_call()]),
                answer(),
                says("assistant", "a"),
                says("user", "b"),
            ],
            id="2.6 tool messages never merge",
        ),
    ],
)
def test_order(turns: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert messages(*turns) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        pytest.param(
            [user("q"), assistant(thinking("x")), assistant(thinking("y"), "a"), user("b")],
            says("assistant", "a", reasoning_content="x\n\ny"),
            id="2.6 thoughts of a turn in a row with the answer stay",
        ),
        pytest.param(
            [user("q"), assistant(thinking("x")), user("p"), assistant("a"), user("b")],
            says("assistant", "a"),
            id="2.9 thoughts of a skipped turn do not move to another",
        ),
    ],
)
def test_thoughts(turns: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    assert messages(*turns, flags=CONTENT)[1] == expected


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param([user(DROPPED)], id="2.9 no user message is left"),
        pytest.param([assistant("a")], id="2.9 no user message at all"),
        pytest.param([{"role": "system", "content": "S"}], id="2.9 nothing but a system prompt"),
        pytest.param([user(text(""))], id="2.9 nothing but empty text"),
    ],
)
def test_no_user_message(turns: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(*turns)
    assert refused.value.message == REFUSED


def test_results_alone_are_enough() -> None:
    assert messages(assistant(call()), user(result())) == [
        says("assistant", None, tool_calls=[chat_call()]),
        answer(),
    ]


def test_many_turns_take_linear_time() -> None:
    # A quadratic walk would take minutes for these.
    cleared = {"role": "system", "content": "S", "clear_at": "next_user_message"}
    blocks = [text("a")] * 9_000 + [call()] + [{"type": "mid_conv_system", "content": "S"}] * 9_000
    turns = [user("q"), *[cleared] * 20_000, assistant(*blocks)]
    assert len(messages(*turns)) == 3
