"""Cache markers and the form of content: docs/protocol.md 1.1, section 11, edge cases 4, 5."""

from __future__ import annotations

from typing import Any

import pytest

from tests.convert.request_builders import (
    CACHE,
    PNG_PART,
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

ANTHROPIC = {"cache": "anthropic"}
BREAKPOINT = {"cache": "breakpoint"}
MARK = {"prompt_cache_breakpoint": {"mode": "explicit"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


@pytest.mark.parametrize(
    ("turns", "flags", "expected"),
    [
        pytest.param(
            [user(text("a"), text("b", **CACHE))],
            {},
            [says("user", "a\n\nb")],
            id="edge 5 without a cache flag text is a string",
        ),
        pytest.param(
            [user(text("a"), text("b", **HOUR))],
            ANTHROPIC,
            [says("user", [text("a"), text("b", **HOUR)])],
            id="1.1 P.cache anthropic keeps the marker",
        ),
        pytest.param(
            [user(text("a"), text("b", **CACHE))],
            BREAKPOINT,
            [says("user", [text("a"), text("b", **MARK)])],
            id="1.1 P.cache breakpoint",
        ),
        pytest.param(
            [user(image(**CACHE))],
            ANTHROPIC,
            [says("user", [{**PNG_PART, **CACHE}])],
            id="1.1 a marked image",
        ),
        pytest.param(
            [user("a")], ANTHROPIC, [says("user", "a")], id="11 one unmarked text stays a string"
        ),
        pytest.param(
            [user("a", "b")],
            BREAKPOINT,
            [says("user", [text("a"), text("b")])],
            id="11 the form does not depend on where the markers are",
        ),
        pytest.param(
            [user("q"), assistant("a", text("b", **CACHE)), user("c")],
            ANTHROPIC,
            [says("user", "q"), says("assistant", [text("ab", **CACHE)]), says("user", "c")],
            id="1.1 a marked answer",
        ),
        pytest.param(
            [user("q"), assistant({**call(), **CACHE}), user(result("r", **CACHE))],
            ANTHROPIC,
            [
                says("user", "q"),
                says("assistant", None, tool_calls=[chat_call()]),
                answer([text("r", **CACHE)]),
            ],
            id="1.1 a marked result; a call has no part to mark",
        ),
        pytest.param(
            [user("q"), assistant(call()), user(result([text("r", **CACHE), text("s")]))],
            BREAKPOINT,
            [
                says("user", "q"),
                says("assistant", None, tool_calls=[chat_call()]),
                answer([text("r\n\ns", **MARK)]),
            ],
            id="1.1 a marker inside a result",
        ),
        pytest.param(
            [user("q"), assistant(call()), user(result([image(**CACHE)]))],
            ANTHROPIC,
            [
                says("user", "q"),
                says("assistant", None, tool_calls=[chat_call()]),
                answer("(see attached image)"),
                says("user", [text("[image from tool result t1]"), {**PNG_PART, **CACHE}]),
            ],
            id="1.1 a marked image of a result",
        ),
        pytest.param(
            [user("q"), system(text("S", **CACHE), text("T"))],
            {**BREAKPOINT, "mid_system": "inline"},
            [says("user", "q"), says("system", [text("S\n\nT", **MARK)])],
            id="1.1 a marked system turn inline",
        ),
        pytest.param(
            [user("q"), system(text("S", **CACHE))],
            ANTHROPIC,
            [says("user", [text("q"), text("<system>\nS\n</system>", **CACHE)])],
            id="1.1 a marked system turn wrapped",
        ),
    ],
)
def test_markers(
    turns: list[dict[str, Any]], flags: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    assert messages(*turns, flags=flags) == expected


@pytest.mark.parametrize(
    ("prompt", "flags", "expected"),
    [
        pytest.param("A", ANTHROPIC, [text("A")], id="11 anthropic: system text is an array"),
        pytest.param(
            [text("A"), text("B", **CACHE)],
            ANTHROPIC,
            [text("A"), text("B", **CACHE)],
            id="11 anthropic: a part per block",
        ),
        pytest.param("A", BREAKPOINT, "A", id="11 breakpoint: one text is a string"),
        pytest.param(
            [text("A", **CACHE)], BREAKPOINT, [text("A", **MARK)], id="11 breakpoint: marked text"
        ),
        pytest.param(
            [text("A"), text("B")],
            BREAKPOINT,
            [text("A"), text("B")],
            id="11 breakpoint: a part per block",
        ),
    ],
)
def test_system(prompt: Any, flags: dict[str, Any], expected: Any) -> None:
    assert messages(flags=flags, system=prompt)[0] == says("system", expected)


def test_at_most_four_breakpoints() -> None:
    blocks = [text(letter, **CACHE) for letter in "abcde"]
    chat = convert(user(*blocks), flags=BREAKPOINT, system=[text("S", **CACHE)])
    assert chat.body["messages"] == [
        says("system", [text("S")]),
        says("user", [text("a"), *(text(letter, **MARK) for letter in "bcde")]),
    ], "1.1 the last four win"
    assert noted(chat) == {"cache_control": "routine"}


@pytest.mark.parametrize("flags", [pytest.param(ANTHROPIC, id="1.1 anthropic has no such limit")])
def test_markers_are_not_counted(flags: dict[str, Any]) -> None:
    blocks = [text(letter, **CACHE) for letter in "abcde"]
    assert messages(user(*blocks), flags=flags) == [says("user", blocks)]


def test_dropped_markers_are_routine() -> None:
    chat = convert(user(text("a", **CACHE)), system=[text("S", **CACHE)])
    assert noted(chat) == {"cache_control": "routine"}
    assert chat.drops.header() == ""


def test_a_marked_call_is_routine() -> None:
    chat = convert(user("q"), assistant({**call(), **CACHE}), user(result()), flags=ANTHROPIC)
    assert noted(chat) == {"cache_control": "routine"}
