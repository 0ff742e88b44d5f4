"""Assistant turns: docs/protocol.md 1.2, 2.5, 2.6, 10.2, 10.3, section 11."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.reply.private_state import pack_tool_state
from proxy.convert.request import assistant_blocks
from proxy.convert.request.assistant_draft import AssistantDraft
from proxy.convert.request.block_types import ASSISTANT_CONVERTER_FOR_BLOCK, add_content
from proxy.convert.request.drops import Drops
from proxy.convert.request.parts import TurnContext
from proxy.convert.request.tool_ids import ToolIds
from proxy.convert.request.tool_names import ToolNames
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from tests.convert.request_builders import (
    LINK,
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
    thinking,
    user,
)

CONTENT = {"reasoning_history": "reasoning_content"}
DETAILS = {"reasoning_history": "details"}
REDACTED = {"type": "redacted_thinking", "data": "secret"}
OURS = "cp1.AAAAAAAAAAAAAAAAAAAAAA"
SEARCHED = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "é"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "s1",
    "content": [{"type": "web_search_result", "url": "u", "title": "T", "encrypted_content": "x"}],
}


def detail(value: str, **extra: str) -> dict[str, str]:
    return {"type": "reasoning.text", "text": value, **extra}


@pytest.mark.parametrize(
    ("content", "flags", "expected"),
    [
        pytest.param(
            [text("a"), text("b")],
            {},
            says("assistant", "ab"),
            id="2.5 texts joined without a separator",
        ),
        pytest.param(
            ["a", call(), "b", call("t2", "find", n=1)],
            {},
            says(
                "assistant",
                "ab",
                tool_calls=[chat_call(), chat_call("t2", "find", '{"n":1}')],
            ),
            id="2.5 calls in order beside the text",
        ),
        pytest.param(
            [call()],
            {},
            says("assistant", None, tool_calls=[chat_call()]),
            id="2.5 null content when there are only calls",
        ),
        pytest.param(
            [call()],
            {"null_content": False},
            says("assistant", "", tool_calls=[chat_call()]),
            id="10.11 null_content false",
        ),
        pytest.param(
            [call(z=1, a="é\u4e2d", n={"y": [1, 2.5, None, True]})],
            {},
            says(
                "assistant",
                None,
                tool_calls=[chat_call(arguments='{"z":1,"a":"é中","n":{"y":[1,2.5,null,true]}}')],
            ),
            id="1.2 arguments are compact, letters and order kept",
        ),
        pytest.param(
            [{**call(), "input": '{"a": "é"}'}],
            {},
            says("assistant", None, tool_calls=[chat_call(arguments='{"a":"é"}')]),
            id="9 input as the JSON text of an object",
        ),
        pytest.param(
            [{**call(), "caller": {"type": "direct"}, "toolset_name": "x", "cache_control": {}}],
            {},
            says("assistant", None, tool_calls=[chat_call()]),
            id="1.2 caller and toolset_name dropped",
        ),
        pytest.param(
            [thinking("hm", "sig"), "a"], {}, says("assistant", "a"), id="1.2 thinking dropped"
        ),
        pytest.param(
            [thinking("x"), thinking("y"), "a"],
            CONTENT,
            says("assistant", "a", reasoning_content="x\n\ny"),
            id="1.2 thinking as reasoning_content",
        ),
        pytest.param(
            [thinking("x"), call()],
            CONTENT,
            says("assistant", None, tool_calls=[chat_call()], reasoning_content="x"),
            id="10.3 reasoning comes back within a tool loop",
        ),
        pytest.param(
            [call()],
            CONTENT,
            says("assistant", None, tool_calls=[chat_call()], reasoning_content=""),
            id="edge 141 a call without thoughts still has the field",
        ),
        pytest.param(
            [thinking(""), REDACTED, "a"],
            CONTENT,
            says("assistant", "a"),
            id="1.2 redacted_thinking dropped",
        ),
        pytest.param(
            [thinking("x", "theirs"), REDACTED, thinking("y", OURS), thinking("z"), "a"],
            DETAILS,
            says(
                "assistant",
                "a",
                reasoning_details=[
                    detail("x", signature="theirs"),
                    {"type": "reasoning.encrypted", "data": "secret"},
                    detail("y"),
                    detail("z"),
                ],
            ),
            id="11 details in block order, our own signatures left out",
        ),
        pytest.param(
            [thinking("", "theirs"), thinking("", OURS), "a"],
            DETAILS,
            says("assistant", "a", reasoning_details=[detail("", signature="theirs")]),
            id="11 an empty detail only for its signature",
        ),
        pytest.param(
            [SEARCHED, FOUND, "so"],
            {},
            says(
                "assistant",
                '[called web_search with {"q":"é"}]\n[web_search result]\nT – u\nso',
            ),
            id="1.2 server tool call and result",
        ),
        pytest.param(
            ["Let me look.", SEARCHED],
            {},
            says("assistant", 'Let me look.\n[called web_search with {"q":"é"}]'),
            id="1.2 a server tool call on a line of its own",
        ),
        pytest.param(
            [
                {**SEARCHED, "type": "mcp_tool_use", "name": "wiki", "server_name": "w"},
                {"type": "mcp_tool_result", "tool_use_id": "s1", "content": [text("page")]},
            ],
            {},
            says("assistant", '[called wiki with {"q":"é"}]\n[wiki result]\npage'),
            id="1.2 mcp tool call and result",
        ),
        pytest.param(
            [document({"type": "text", "media_type": "text/plain", "data": "D"}), "a"],
            {},
            says("assistant", "<document>\nD\n</document>\na"),
            id="9 document in an assistant message is text",
        ),
        pytest.param(
            [image(LINK), "a"],
            {},
            says("assistant", "[image omitted: https://x.test/a.png]\na"),
            id="1.2 an image in an assistant message leaves a placeholder",
        ),
        pytest.param(
            [{"type": "fallback", "from": {}, "to": {}}, "a"],
            {},
            says("assistant", "a"),
            id="1.2 fallback in an assistant message dropped",
        ),
        pytest.param(
            [text("a", citations=[{"type": "x"}])],
            {},
            says("assistant", "a"),
            id="1.2 citations of an answer dropped",
        ),
    ],
)
def test_assistant_turn(
    content: list[Any], flags: dict[str, Any], expected: dict[str, Any]
) -> None:
    ids = [block["id"] for block in content if not isinstance(block, str) and "input" in block]
    results = [result(tool_id=tool_id) for tool_id in ids if tool_id.startswith("t")]
    converted = messages(user("q"), assistant(*content), user(*results, "go"), flags=flags)
    assert converted[1] == expected
    assert len(converted) == 3 + len(results)


def test_compaction_stands_at_its_place() -> None:
    block = {"type": "compaction", "content": "short"}
    assert messages(user("q"), assistant("a", block, "b"), user("go")) == [
        says("user", "q"),
        says("assistant", "a"),
        says("user", "<conversation_summary>\nshort\n</conversation_summary>"),
        says("assistant", "b"),
        says("user", "go"),
    ], "1.2 compaction"


def test_failed_compaction_leaves_no_trace() -> None:
    block = {"type": "compaction", "content": None}
    assert messages(user("q"), assistant("a", block, "b"), user("go"))[1] == says("assistant", "ab")


def test_private_state_returns_to_its_call() -> None:
    extra = {"google": {"thought_signature": "sig"}}
    state = {"type": "redacted_thinking", "data": pack_tool_state("t1", extra)}
    turns = [user("q"), assistant(state, call("t1"), call("t2"))]
    turns.append(user(result(), result("2", "t2")))
    assert messages(*turns, flags={"extra_content": True})[1] == says(
        "assistant", None, tool_calls=[chat_call("t1", extra_content=extra), chat_call("t2")]
    ), "10.3 restored"
    for flags in ({}, DETAILS):
        assert messages(*turns, flags=flags)[1] == says(
            "assistant", None, tool_calls=[chat_call("t1"), chat_call("t2")]
        ), "10.3 no other upstream sees it"


@pytest.mark.parametrize("data", ["cp1.", "cp1.!!", "cp1.bnVsbA==", "cp1.e30="])
def test_broken_private_state(data: str) -> None:
    block = {"type": "redacted_thinking", "data": data}
    flags = {"extra_content": True, **DETAILS}
    assert messages(user("q"), assistant(block, "a"), user("go"), flags=flags)[1] == says(
        "assistant", "a"
    )


def test_dropped_thinking_is_routine() -> None:
    cited = text("a", citations=[{"type": "x"}])
    chat = convert(user("q"), assistant(thinking("x"), REDACTED, cited), user("go"))
    assert noted(chat) == {
        "thinking": "routine",
        "redacted_thinking": "routine",
        "citations": "routine",
    }


def test_block_that_no_assistant_has() -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(user("q"), assistant("a", {"type": "hologram"}), user("go"))
    assert refused.value.message == (
        "messages.1.content.1.hologram: not supported in assistant messages by this upstream"
    )


def test_block_that_no_user_has() -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(user({"type": "hologram"}))
    assert refused.value.message == (
        "messages.0.content.0.hologram: not supported in user messages by this upstream"
    )


def test_block_that_no_result_has() -> None:
    turn = user(result([{"type": "hologram"}]))
    with pytest.raises(InvalidRequest) as refused:
        convert(user("q"), assistant(call()), turn)
    assert refused.value.message == (
        "messages.2.content.0.tool_result.content.0.hologram: "
        "not supported inside a tool result by this upstream"
    )


def test_known_tool_ids() -> None:
    reply = convert(user("q"), assistant(call("a b"), call("t2")), user(result("1", "a b"))).reply
    assert reply.known_tool_ids == {"a b", "t2"}, "10.2 ids the history already uses"


def test_short_ids_stand_in_calls_and_results() -> None:
    chat = convert(
        user("q"),
        assistant(call("toolu_01"), call("abcDEF123")),
        user(result("1", "toolu_01"), result([image()], "abcDEF123")),
        flags={"tool_id": "nine"},
    )
    said = chat.body["messages"]
    short = said[1]["tool_calls"][0]["id"]
    assert said[1]["tool_calls"] == [chat_call(short), chat_call("abcDEF123")]
    assert said[2:] == [
        answer("1", short),
        answer("(see attached image)", "abcDEF123"),
        says(
            "user",
            [
                text("[image from tool result abcDEF123]"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
            ],
        ),
    ], "10.11 tool_id nine"
    assert chat.reply.known_tool_ids == {"toolu_01", short, "abcDEF123"}


MARKERS = st.sampled_from([None, {"type": "ephemeral"}])
BLOCKS = st.fixed_dictionaries(
    {"type": st.just("text"), "text": st.sampled_from(["", "x", "\u00e9\n"])},
    optional={"cache_control": MARKERS, "citations": st.sampled_from([None, [], [{"type": "x"}]])},
) | st.fixed_dictionaries(
    {
        "type": st.just("tool_use"),
        "id": st.sampled_from(["t1", "t2"]),
        "name": st.just("f"),
        "input": st.sampled_from([{}, {"a": "\u00e9"}, '{"a": 1}']),
    },
    optional={
        "cache_control": MARKERS,
        "caller": st.sampled_from([None, {"type": "direct"}]),
        "toolset_name": st.sampled_from([None, "set"]),
    },
)


@pytest.mark.parametrize("cache", [None, "anthropic", "breakpoint"])
@given(blocks=st.lists(BLOCKS, min_size=1, max_size=4))
def test_blocks_without_other_members_come_out_as_if_searched_for_them(
    cache: Literal["anthropic", "breakpoint"] | None, blocks: list[Any]
) -> None:
    def converted() -> tuple[Any, Any]:
        profile = Profile(cache=cache)
        context = TurnContext(profile, Drops(), ToolNames(), ToolIds(), lambda _: None)
        draft = AssistantDraft(context)
        add_content(blocks, draft, ASSISTANT_CONVERTER_FOR_BLOCK)
        messages: list[Any] = []
        if not draft.is_empty:
            draft.add_to(messages)
        return messages, context.drops.report()

    short = converted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assistant_blocks, "TEXT_MEMBERS", 0)
        patch.setattr(assistant_blocks, "CALL_MEMBERS", 0)
        assert converted() == short
