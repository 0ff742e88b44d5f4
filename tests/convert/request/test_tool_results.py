"""Tool results: docs/protocol.md 1.2, 2.2, 2.3, section 11."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.request import tool_results
from proxy.convert.request.drops import Drops
from proxy.convert.request.parts import TurnContext
from proxy.convert.request.tool_ids import ToolIds
from proxy.convert.request.tool_names import ToolNames
from proxy.convert.request.tool_results import tool_result_to_message
from proxy.providers.profiles.base import Profile
from tests.convert.request_builders import (
    LINK,
    LINK_PART,
    PDF,
    PNG_PART,
    answer,
    assistant,
    call,
    chat_call,
    convert,
    document,
    image,
    messages,
    noted,
    result,
    says,
    text,
    user,
)

ASKED = [user("go"), assistant(call("t1"), call("t2"))]
ASKED_CHAT = [
    says("user", "go"),
    says("assistant", None, tool_calls=[chat_call("t1"), chat_call("t2")]),
]
IMAGE_1 = text("[image from tool result t1]")
FILE_PART = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
}


@pytest.mark.parametrize(
    ("content", "extra", "expected"),
    [
        pytest.param("42", {}, "42", id="1.2 tool_result string"),
        pytest.param([text("a"), text("b")], {}, "a\n\nb", id="2.3 texts joined by a blank line"),
        pytest.param([text(""), text("b")], {}, "b", id="2.3 empty texts left out"),
        pytest.param("", {}, "(no output)", id="2.3 empty string"),
        pytest.param([], {}, "(no output)", id="2.3 empty list"),
        pytest.param(None, {}, "(no output)", id="2.3 null"),
        pytest.param([text("")], {}, "(no output)", id="2.3 nothing but empty text"),
        pytest.param("no", {"is_error": True}, "[tool error] no", id="2.3 is_error"),
        pytest.param(None, {"is_error": True}, "[tool error] (no output)", id="2.3 empty error"),
        pytest.param("ok", {"is_error": False}, "ok", id="2.3 is_error false"),
        pytest.param(
            [{"type": "tool_reference", "tool_name": "Edit"}],
            {},
            "[tool available: Edit]",
            id="1.2 tool_reference",
        ),
        pytest.param(
            [{"type": "browser_state", "tabs": [{"id": 1}], "cache_control": {"type": "x"}}],
            {},
            '{"type":"browser_state","tabs":[{"id":1}]}',
            id="11 browser_state is the whole block less cache_control",
        ),
        pytest.param(
            [{"type": "search_result", "source": "S", "title": "T", "content": [text("a")]}],
            {},
            '<search_result source="S" title="T">\na\n</search_result>',
            id="2.3 search_result in a result",
        ),
        pytest.param(
            [document({"type": "text", "media_type": "text/plain", "data": "D"}), text("b")],
            {},
            "<document>\nD\n</document>\n\nb",
            id="2.3 document in a result",
        ),
        pytest.param(
            "a",
            {"cache_control": {"type": "ephemeral"}},
            "a",
            id="edge 5 cache_control of a result",
        ),
    ],
)
def test_text_of_a_result(content: object, extra: dict[str, Any], expected: str) -> None:
    turn = user(result(content, **extra), result("2", "t2"))
    assert messages(*ASKED, turn) == [*ASKED_CHAT, answer(expected), answer("2", "t2")]


def test_absent_content() -> None:
    block = {"type": "tool_result", "tool_use_id": "t1"}
    assert messages(*ASKED, user(block))[2] == answer("(no output)")


@pytest.mark.parametrize(
    ("content", "flags", "expected"),
    [
        pytest.param(
            [result("1"), result("2", "t2")],
            {},
            [answer("1"), answer("2", "t2")],
            id="2.2 a tool message per result, no user message",
        ),
        pytest.param(
            [result("2", "t2"), "and", result("1"), "then"],
            {},
            [answer("2", "t2"), answer("1"), says("user", "and\n\nthen")],
            id="2.2 results first, in block order",
        ),
        pytest.param(
            [result([image()]), result("2", "t2")],
            {},
            [
                answer("(see attached image)"),
                answer("2", "t2"),
                says("user", [IMAGE_1, PNG_PART]),
            ],
            id="2.3 an image alone moves behind all results",
        ),
        pytest.param(
            [result([text("a"), image(), image(LINK)]), result([image()], "t2"), "so"],
            {},
            [
                answer("a"),
                answer("(see attached image)", "t2"),
                says(
                    "user",
                    [
                        IMAGE_1,
                        PNG_PART,
                        IMAGE_1,
                        LINK_PART,
                        text("[image from tool result t2]"),
                        PNG_PART,
                        text("so"),
                    ],
                ),
            ],
            id="2.3 images at the head of the user message, each with a caption",
        ),
        pytest.param(
            [result([image()], is_error=True), result("2", "t2")],
            {},
            [
                answer("[tool error] (see attached image)"),
                answer("2", "t2"),
                says("user", [IMAGE_1, PNG_PART]),
            ],
            id="2.3 an image of a failed call",
        ),
        pytest.param(
            [result([image()]), result("2", "t2")],
            {"vision": False},
            [answer("[image omitted: image/png]"), answer("2", "t2")],
            id="2.3 without vision the placeholder stays in the result",
        ),
        pytest.param(
            [result([document(PDF, title="a.pdf")]), result("2", "t2")],
            {"pdf": "file"},
            [
                answer("(see attached document)"),
                answer("2", "t2"),
                says("user", [text("[document from tool result t1]"), FILE_PART]),
            ],
            id="11 a PDF in a tool result",
        ),
        pytest.param(
            [result([document(PDF, title="a.pdf"), image()]), result("2", "t2")],
            {"pdf": "file"},
            [
                answer("(see attached image)"),
                answer("2", "t2"),
                says(
                    "user",
                    [text("[document from tool result t1]"), FILE_PART, IMAGE_1, PNG_PART],
                ),
            ],
            id="2.3 an image and a PDF in a tool result",
        ),
        pytest.param(
            [result([document(PDF)]), result("2", "t2")],
            {},
            [answer("[document omitted: untitled, application/pdf]"), answer("2", "t2")],
            id="2.3 an unreadable PDF in a result leaves its placeholder there",
        ),
        pytest.param(
            [result("1"), document(PDF, title="a.pdf"), result("2", "t2")],
            {"pdf": "file"},
            [answer("1"), answer("2", "t2"), says("user", [FILE_PART])],
            id="2.2 a document beside a result",
        ),
    ],
)
def test_result_turn(
    content: list[Any], flags: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    assert messages(*ASKED, user(*content), flags=flags) == [*ASKED_CHAT, *expected]


def test_results_in_two_turns() -> None:
    turns = [*ASKED, user(result([image()]), "a"), user(result("2", "t2"), "b")]
    assert messages(*turns) == [
        *ASKED_CHAT,
        answer("(see attached image)"),
        answer("2", "t2"),
        says("user", [IMAGE_1, PNG_PART, text("a"), text("b")]),
    ], "2.7 consecutive user messages count as one"


def test_attachments_stand_before_a_system_turn() -> None:
    turns = [*ASKED, {"role": "system", "content": "S"}, user(result([image()]), result("2", "t2"))]
    assert messages(*turns, flags={"mid_system": "inline"}) == [
        *ASKED_CHAT,
        answer("(see attached image)"),
        answer("2", "t2"),
        says("user", [IMAGE_1, PNG_PART]),
        says("system", "S"),
    ], "11 what belongs to a result stays behind it"


def test_degraded_results_are_noted() -> None:
    turn = user(result([image(), document(PDF)]), result("2", "t2"))
    assert noted(convert(*ASKED, turn, flags={"vision": False})) == {
        "image=placeholder": "noted",
        "document=placeholder": "noted",
    }


RESULT_TEXTS = st.fixed_dictionaries(
    {"type": st.just("text"), "text": st.sampled_from(["", "x", "é\n"])},
    optional={
        "cache_control": st.sampled_from([None, {"type": "ephemeral"}]),
        "citations": st.none(),
    },
)
RESULTS = st.fixed_dictionaries(
    {"type": st.just("tool_result"), "tool_use_id": st.just("t1")},
    optional={
        "content": st.lists(RESULT_TEXTS, min_size=1, max_size=1)
        | st.sampled_from([None, "", "plain"])
        | st.lists(RESULT_TEXTS | st.just(image()), max_size=2),
        "is_error": st.sampled_from([None, False, True]),
        "cache_control": st.sampled_from([None, {"type": "ephemeral"}]),
    },
)


@pytest.mark.parametrize("cache", [None, "anthropic", "breakpoint"])
@settings(max_examples=300)
@given(block=RESULTS)
def test_a_single_text_comes_out_as_any_other_content(
    cache: Literal["anthropic", "breakpoint"] | None, block: dict[str, Any]
) -> None:
    def converted() -> tuple[Any, Any]:
        profile = Profile(cache=cache)
        context = TurnContext(profile, Drops(), ToolNames(), ToolIds(), lambda _: None)
        return tool_result_to_message(block, context), context.drops.report()

    given_path = converted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool_results, "_only_text", lambda _: None)
        assert converted() == given_path
