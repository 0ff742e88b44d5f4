"""Turns and blocks as Responses items (R 2.2)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from tests.convert.request_builders import (
    CACHE,
    LINK,
    PDF,
    assistant,
    call,
    document,
    image,
    noted,
    result,
    system,
    text,
    thinking,
    tool,
    user,
)
from tests.convert.responses_builders import (
    BREAKPOINT,
    FILE_PART,
    PNG_PART,
    calls,
    convert,
    items,
    output,
    part,
    reasoning,
    says,
    state,
)

LOOP = (user("go"), assistant(call()))
EFFORT = {"thinking_style": "effort"}


def test_user_texts_are_one_string() -> None:
    assert items(user("a", "b"), user("c")) == [says("user", "a\n\nb\n\nc")]


def test_images_and_files_are_parts() -> None:
    turn = user("see", image(), image(LINK), document(PDF))
    link = {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"}
    assert items(turn, flags={"pdf": "file"}) == [
        says("user", [part("see"), PNG_PART, link, FILE_PART])
    ]


def test_content_that_the_upstream_does_not_take_is_text_as_for_chat() -> None:
    url = {"type": "url", "url": "https://x.test/a.pdf"}
    converted = convert(user(image(), document(url, title="T")), flags={"vision": False})
    assert converted.body["input"] == [
        says("user", "[image omitted: image/png]\n\n[document: T https://x.test/a.pdf]")
    ]
    assert noted(converted) == {"image=placeholder": "noted", "document=url": "noted"}


def test_a_pdf_url_is_never_sent_as_a_file() -> None:
    url = {"type": "url", "url": "https://x.test/a.pdf"}
    assert items(user(document(url)), flags={"pdf": "file"}) == [
        says("user", "[document: untitled https://x.test/a.pdf]")
    ]


def test_markers_of_user_parts() -> None:
    turn = user("a", image(**CACHE), text("b", **CACHE))
    assert items(turn, flags={"cache": "breakpoint"}) == [
        says("user", [part("a"), {**PNG_PART, **BREAKPOINT}, part("b", **BREAKPOINT)])
    ]


def test_assistant_text_is_a_string() -> None:
    turns = (user("a"), assistant("b", "c"), user("d"))
    assert items(*turns) == [says("user", "a"), says("assistant", "bc"), says("user", "d")]
    marked = (user("a"), assistant(text("b", **CACHE)), user("d"))
    converted = convert(*marked, flags={"cache": "breakpoint"})
    assert converted.body["input"][1] == says("assistant", "b")
    assert noted(converted) == {"cache_control": "routine"}


def test_blocks_are_items_in_block_order() -> None:
    turn = assistant("first", call("t1"), "then", call("t2", q=1), "last")
    answers = user("also", result("B", "t2"), result("A", "t1"), "go on")
    assert items(user("go"), turn, answers) == [
        says("user", "go"),
        says("assistant", "first"),
        calls("t1"),
        says("assistant", "then"),
        calls("t2", arguments='{"q":1}'),
        says("assistant", "last"),
        output("B", "t2"),
        output("A", "t1"),
        says("user", "also\n\ngo on"),
    ]


def test_no_item_but_reasoning_has_an_id_or_a_status() -> None:
    sent = items(
        user("go"),
        assistant(thinking("t", state()), "say", call()),
        user(result()),
        flags=EFFORT,
    )
    assert [item["type"] for item in sent if "id" in item] == ["reasoning"]
    assert not any("status" in item for item in sent)


def test_call_ids() -> None:
    own, long = "call_abc", "x" * 65
    sent = items(
        user("go"), assistant(call(own), call(long)), user(result("1", own), result("2", long))
    )
    assert [sent[1]["call_id"], sent[3]["call_id"]] == [own, own]
    assert sent[2]["call_id"] == sent[4]["call_id"]
    assert len(sent[2]["call_id"]) <= 64
    assert items(user("go"), assistant(call("y" * 64)), user(result("", "y" * 64)))[1] == calls(
        "y" * 64
    )


def test_reply_knows_the_ids_of_the_history() -> None:
    reply = convert(*LOOP, user(result())).reply
    assert reply.known_tool_ids == frozenset({"t1"})


@pytest.mark.parametrize(
    ("content", "extra", "expected"),
    [
        ("done", {}, "done"),
        ([text("a"), text(""), text("b")], {}, "a\n\nb"),
        ("", {}, "(no output)"),
        (None, {}, "(no output)"),
        ([], {}, "(no output)"),
        ("bad", {"is_error": True}, "[tool error] bad"),
        ([text("bad"), text("very")], {"is_error": True}, "[tool error] bad\n\nvery"),
        ([text("a"), image()], {}, [part("a"), PNG_PART]),
        ([image(), text(""), text("a")], {}, [PNG_PART, part("a")]),
        ([text("a"), image()], {"is_error": True}, [part("[tool error] a"), PNG_PART]),
        ([image()], {"is_error": True}, [part("[tool error]"), PNG_PART]),
        ([document(PDF)], {}, [FILE_PART]),
    ],
)
def test_outputs(content: Any, extra: dict[str, Any], expected: Any) -> None:
    sent = items(*LOOP, user(result(content, **extra)), flags={"pdf": "file"})
    assert sent[2:] == [output(expected)]


def test_markers_of_outputs() -> None:
    flags = {"cache": "breakpoint"}
    whole = user(result([text("a"), image()], **CACHE))
    assert items(*LOOP, whole, flags=flags)[2] == output([part("a"), {**PNG_PART, **BREAKPOINT}])
    inner = user(result([text("a", **CACHE), text("b")]))
    assert items(*LOOP, inner, flags=flags)[2] == output([part("a\n\nb", **BREAKPOINT)])
    assert items(*LOOP, user(result("a", **CACHE)), flags=flags)[2] == output(
        [part("a", **BREAKPOINT)]
    )


def test_outputs_of_upstreams_that_take_only_strings() -> None:
    sent = items(
        *LOOP,
        user(result([text("a"), image()]), "next"),
        flags={"tool_output_parts": False},
    )
    assert sent[2:] == [
        output("a"),
        says("user", [part("[image from tool result t1]"), PNG_PART, part("next")]),
    ]


def test_late_system_turns() -> None:
    turns = (user("a"), assistant("b"), system("S"), user("c"))
    assert items(*turns)[2:] == [says("user", "<system>\nS\n</system>\n\nc")]
    flags = {"mid_system": "inline", "system_role": "developer"}
    assert items(*turns, flags=flags)[2:] == [says("developer", "S"), says("user", "c")]
    marked = (user("a"), assistant("b"), system(text("S", **CACHE)), user("c"))
    assert items(*marked, flags={**flags, "cache": "breakpoint"})[2] == says(
        "developer", [part("S", **BREAKPOINT)]
    )


def test_turns_of_the_same_role_and_empty_turns_are_merged() -> None:
    turns = (user("a"), user("b"), assistant("c"), user(), assistant("d"), user("e"))
    assert items(*turns) == [says("user", "a\n\nb"), says("assistant", "cd"), says("user", "e")]


def test_server_tools_of_other_upstreams_are_text() -> None:
    used = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
    hit = {"type": "web_search_result", "url": "u", "title": "T", "encrypted_content": "theirs"}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [hit]}
    converted = convert(user("go"), assistant(used, found, "so"), user("on"), flags=EFFORT)
    assert converted.body["input"][1] == says(
        "assistant",
        '[called web_search with {"query":"q"}]\n[web_search result]\nT – u\nso',
    )
    assert noted(converted) == {
        "server_tool_use=text": "noted",
        "web_search_tool_result=text": "noted",
    }


def test_prefill_is_the_last_item() -> None:
    turns = (user("go"), assistant("The answer is  \n"))
    assert items(*turns) == [says("user", "go"), says("assistant", "The answer is")]
    assert items(user("go"), assistant(thinking("t", state()), "  "), flags=EFFORT) == [
        says("user", "go")
    ]


@pytest.mark.parametrize(
    "flags",
    [{"prefill": "error"}, {"prefill": "prefix"}, {"prefill": "vllm"}, {"prefill_items": "error"}],
)
def test_prefill_is_refused_where_nothing_asks_for_a_continuation(flags: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="does not support assistant message prefill"):
        convert(user("go"), assistant("The"), flags=flags)
    with pytest.raises(InvalidRequest, match="does not support assistant message prefill"):
        convert(user("go"), assistant(call()), flags=flags)
    assert items(user("go"), assistant("\n"), flags=flags) == [says("user", "go")]


def test_prefill_of_a_chat_template_stops_thinking() -> None:
    sent = convert(
        user("go"),
        assistant("The"),
        flags={"prefill_stops_thinking": True},
        not_checked=["chat_template_kwargs"],
    ).body
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}


def test_names_and_members_are_those_of_chat() -> None:
    name = "mcp__" + "n" * 70
    converted = convert(user("go"), assistant(call(name=name)), user(result()), tools=[tool(name)])
    sent = converted.body["input"][1]["name"]
    assert len(sent) <= 64
    assert converted.body["tools"][0]["name"] == sent
    assert converted.reply.tool_names == {sent: name}


def test_shorter_names_of_some_upstreams_are_noted() -> None:
    converted = convert(tools=[tool("n" * 30), tool("b")], flags={"tool_name_chars": 20})
    assert len(converted.body["tools"][0]["name"]) == 20
    assert converted.drops.header() == "tools.name=20"


def test_an_unconvertible_block_is_refused_where_it_stands() -> None:
    filed = image({"type": "file", "file_id": "f"})
    with pytest.raises(InvalidRequest) as refused:
        convert(user("a"), assistant("b"), user(filed))
    assert refused.value.message.startswith("messages.2.content.0.image.source: file sources")


def test_reasoning_of_two_turns_stays_before_its_items() -> None:
    sent = items(
        user("go"),
        assistant(thinking("a", state("rs_1")), call("t1")),
        user(result("1", "t1")),
        assistant(thinking("b", state("rs_2")), "done"),
        user("on"),
        flags=EFFORT,
    )
    assert sent == [
        says("user", "go"),
        reasoning("rs_1"),
        calls("t1"),
        output("1", "t1"),
        reasoning("rs_2"),
        says("assistant", "done"),
        says("user", "on"),
    ]
