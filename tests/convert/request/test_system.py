"""System prompts and system turns: docs/protocol.md 1.1, 2.1, 2.4, 10.1, section 11."""

from __future__ import annotations

from typing import Any

import pytest

from tests.convert.request_builders import (
    CACHE,
    answer,
    assistant,
    call,
    chat_call,
    convert,
    image,
    messages,
    noted,
    result,
    says,
    system,
    text,
    user,
)

HI = says("user", "hi")
BILLING = "x-anthropic-billing-header: cc_version=2.1; cch=abc;"
INLINE = {"mid_system": "inline"}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        pytest.param("Be good.", [says("system", "Be good."), HI], id="1.1 system string"),
        pytest.param(
            [text("A"), text(""), text("B")],
            [says("system", "A\n\nB"), HI],
            id="1.1 system blocks joined, empty ones left out",
        ),
        pytest.param("", [HI], id="edge 1 empty system is no message"),
        pytest.param([text("")], [HI], id="edge 1 empty system block is no message"),
        pytest.param(None, [HI], id="1.1 null system"),
        pytest.param(
            [text(BILLING), text("A")],
            [says("system", "A"), HI],
            id="1.1 billing header block dropped",
        ),
        pytest.param(
            f"{BILLING}\n\nA\nB",
            [says("system", "A\nB"), HI],
            id="11 billing header line removed, text after it stays",
        ),
        pytest.param(BILLING, [HI], id="11 nothing but a billing header"),
        pytest.param(
            f"A\n{BILLING}",
            [says("system", f"A\n{BILLING}"), HI],
            id="edge 2 billing header only when leading",
        ),
        pytest.param(
            [text("A", **CACHE)],
            [says("system", "A"), HI],
            id="1.1 system cache_control dropped",
        ),
    ],
)
def test_top_level_system(prompt: Any, expected: list[dict[str, Any]]) -> None:
    assert messages(user("hi"), system=prompt) == expected


def test_other_blocks_in_a_system_prompt() -> None:
    chat = convert(system=[text("A"), image(), {"type": "tool_addition"}])
    assert chat.body["messages"] == [says("system", "A"), HI], "edge 1 other types ignored"
    assert noted(chat) == {"system.image": "noted", "system.tool_addition": "noted"}


@pytest.mark.parametrize(
    ("turns", "flags", "expected"),
    [
        pytest.param(
            [user("hi"), system("S")],
            {},
            [says("user", "hi\n\n<system>\nS\n</system>")],
            id="10.1 wrap: the last message stays a user turn",
        ),
        pytest.param(
            [user("hi"), system("S")],
            INLINE,
            [HI, says("system", "S")],
            id="10.1 inline: system role in place, also last",
        ),
        pytest.param(
            [user("hi"), assistant("yes"), system(text("S"), text("T")), user("go")],
            {},
            [HI, says("assistant", "yes"), says("user", "<system>\nS\n\nT\n</system>\n\ngo")],
            id="2.4 wrap in the middle",
        ),
        pytest.param(
            [user("hi"), assistant("yes"), system("S"), user("go")],
            INLINE,
            [HI, says("assistant", "yes"), says("system", "S"), says("user", "go")],
            id="2.4 inline in the middle",
        ),
        pytest.param(
            [user("a"), system("S"), user("b")],
            INLINE,
            [says("user", "a"), says("system", "S"), says("user", "b")],
            id="2.4 inline parts user turns",
        ),
        pytest.param(
            [user("hi"), system(text(""))],
            {},
            [HI],
            id="2.4 a system turn without text is skipped",
        ),
        pytest.param(
            [user("hi"), {"role": "system", "output_config": {"effort": "low"}}],
            {},
            [HI],
            id="2.4 a system turn without content is skipped",
        ),
        pytest.param(
            [user("hi"), system("S", clear_at="next_user_message"), user("go")],
            {},
            [says("user", "hi\n\ngo")],
            id="2.4 clear_at with a later user message",
        ),
        pytest.param(
            [user("hi"), system("S", clear_at="next_user_message")],
            INLINE,
            [HI, says("system", "S")],
            id="2.4 clear_at without a later user message",
        ),
        pytest.param(
            [user("hi"), system("S", clear_at="never"), user("go")],
            INLINE,
            [HI, says("system", "S"), says("user", "go")],
            id="2.4 clear_at never",
        ),
        pytest.param(
            [system("S"), user("hi")],
            {},
            [says("system", "S"), HI],
            id="2.4 a system message at index 0 is the system prompt",
        ),
        pytest.param(
            [user("go"), assistant(call()), system("S"), user(result())],
            {},
            [
                says("user", "go"),
                says("assistant", None, tool_calls=[chat_call()]),
                answer(),
                says("user", "<system>\nS\n</system>"),
            ],
            id="11 wrap between call and result goes after the result",
        ),
        pytest.param(
            [user("go"), assistant(call()), system("S"), user(result(), "ok")],
            INLINE,
            [
                says("user", "go"),
                says("assistant", None, tool_calls=[chat_call()]),
                answer(),
                says("system", "S"),
                says("user", "ok"),
            ],
            id="11 inline between call and result goes after the result",
        ),
        pytest.param(
            [user("go"), assistant(call()), system("S"), assistant("more"), user(result())],
            INLINE,
            [
                says("user", "go"),
                says("assistant", "more", tool_calls=[chat_call()]),
                answer(),
                says("system", "S"),
            ],
            id="11 a system turn does not part a call from its result across assistant turns",
        ),
        pytest.param(
            [system("A"), user("hi"), system("late")],
            {"system_role": "developer", **INLINE},
            [says("developer", "A"), HI, says("developer", "late")],
            id="1.1 P.system_role, also of late turns",
        ),
        pytest.param(
            [user("a", {"type": "mid_conv_system", "content": "S"}, "b")],
            {},
            [says("user", "a\n\n<system>\nS\n</system>\n\nb")],
            id="11 mid_conv_system block wrapped in place",
        ),
        pytest.param(
            [user("a", {"type": "mid_conv_system", "text": "S"}, "b")],
            INLINE,
            [says("user", "a"), says("system", "S"), says("user", "b")],
            id="11 mid_conv_system block splits its message",
        ),
        pytest.param(
            [user("q"), assistant("a", {"type": "mid_conv_system", "content": [text("S")]}, "b")],
            INLINE,
            [
                says("user", "q"),
                says("assistant", "a"),
                says("system", "S"),
                says("assistant", "b"),
            ],
            id="1.2 mid_conv_system in an assistant turn",
        ),
        pytest.param(
            [
                user("q"),
                assistant(call(), {"type": "mid_conv_system", "content": "S"}, "b"),
                user(result()),
            ],
            INLINE,
            [
                says("user", "q"),
                says("assistant", "b", tool_calls=[chat_call()]),
                answer(),
                says("system", "S"),
            ],
            id="1.2 mid_conv_system behind a call does not part it from its result",
        ),
    ],
)
def test_late_system(
    turns: list[dict[str, Any]], flags: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    assert messages(*turns, flags=flags) == expected


def test_leading_turns_join_the_prompt() -> None:
    turns = (system("S"), system(text(BILLING), text("T")), user("hi"))
    assert messages(*turns, system="A") == [says("system", "A\n\nS\n\nT"), HI], "2.4, 11 index 0"


def test_cleared_leading_turn() -> None:
    turns = (system("S", clear_at="next_user_message"), user("hi"))
    assert messages(*turns) == [HI]


def test_options_of_a_system_turn_are_noted() -> None:
    chat = convert(user("hi"), system("S", output_config={"effort": "low"}))
    assert noted(chat) == {"system.output_config": "noted"}
